import re
from pathlib import Path

import pytest

SHORT = ("--max-new-tokens", 3)


def test_an_answer_comes_from_the_cache_and_says_what_was_reused(run, stocked: Path) -> None:
    result = run("ask", stocked / "lease.txt", "What is the rent?", *SHORT)
    assert result.exit_code == 0
    assert result.stdout.endswith("\n")
    assert re.search(
        r"\[hit\] \d+ tokens reused, \d+ computed; loaded in .*, first token after .*; the prefill had taken",
        result.stderr,
    )


def test_questions_from_stdin_are_answered_one_by_one(lines_of, stocked: Path) -> None:
    answers = lines_of("ask", stocked / "lease.txt", *SHORT, stdin="Who?\n\nWhat?\n")
    assert [answer["question"] for answer in answers] == ["Who?", "What?"]
    assert {answer["cache"]["result"] for answer in answers} == {"hit"}


def test_without_the_cache_the_answer_is_the_same(json_of, stocked: Path) -> None:
    question = (stocked / "lease.txt", "What is the rent?", "--max-new-tokens", 24)
    warm, cold = json_of("ask", *question), json_of("ask", "--no-cache", *question)
    assert warm["answer"] == cold["answer"]
    assert (warm["cache"]["result"], cold["cache"]["result"]) == ("hit", "miss")
    assert cold["cache"]["reason"] == "no-cache"


def test_an_edited_source_is_answered_as_it_is_now_and_the_reason_said(run, json_of, stocked: Path) -> None:
    (stocked / "lease.txt").write_text("Nothing is let any more.\n")
    assert json_of("ask", stocked / "lease.txt", "Who?", *SHORT)["cache"]["reason"] == "stale"
    assert "[stale: " in run("ask", stocked / "lease.txt", "Who?", *SHORT).stderr


def test_a_file_that_was_never_ingested_is_answered_cold(json_of, stocked: Path) -> None:
    (stocked / "new.txt").write_text("A new notice.\n")
    assert json_of("ask", stocked / "new.txt", "Who?", *SHORT)["cache"]["reason"] == "absent"


def test_required_hit_on_an_edited_source_is_exit_5_and_counted(run, json_of, stocked: Path) -> None:
    (stocked / "lease.txt").write_text("Nothing is let any more.\n")
    result = run("ask", "--require-hit", stocked / "lease.txt", "Who?", *SHORT)
    assert (result.exit_code, result.stdout) == (5, "")
    assert "no hit: stale" in result.stderr
    assert json_of("stats")["lookups"]["stale"] == 1


def test_required_hit_of_what_was_never_ingested_is_exit_5_and_counted_and_a_name_of_nothing_is_not(
    run, json_of, stocked: Path
) -> None:
    (stocked / "new.txt").write_text("A new notice.\n")
    assert run("ask", "--require-hit", stocked / "new.txt", "Who?", *SHORT).exit_code == 5
    assert run("ask", stocked / "nowhere.txt", "Who?", *SHORT).exit_code == 1
    facts = json_of("stats")
    assert {result: count for result, count in facts["lookups"].items() if count} == {"miss": 1}
    assert all(document["reads"] == 0 for document in facts["documents"])


def test_required_hit_on_another_dtype_is_exit_5(run, stocked: Path) -> None:
    result = run("ask", "--require-hit", "--dtype", "bfloat16", stocked / "lease.txt", "Who?", *SHORT)
    assert result.exit_code == 5
    assert "dtype" in result.stderr


@pytest.mark.parametrize("kind", ["documents", "entries"])
def test_where_text_or_entry_is_damaged_the_source_is_answered_about_cold(
    run, json_of, stocked: Path, store: Path, kind: str
) -> None:
    for path in store.joinpath(kind).rglob("*.kv*"):
        data = bytearray(path.read_bytes())
        data[150] ^= 1
        path.write_bytes(data)
    facts = json_of("ask", stocked / "lease.txt", "Who?", *SHORT)
    assert (facts["cache"]["result"], facts["cache"]["reason"]) == ("miss", "corrupt")
    assert run("ask", stocked / "lease.txt", "Who?", "--require-hit", *SHORT).exit_code == 4
    looked_up = [r["outcome"] for r in json_of("audit show")["records"] if r["verb"] == "look-up"]
    assert looked_up[:2] == ["corrupt", "corrupt"]


def test_damaged_keys_and_values_are_answered_cold_and_exit_4_where_a_hit_is_required(
    run, json_of, stocked: Path, store: Path
) -> None:
    for segment in (store / "segments").glob("??/*.kvs"):
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
    assert json_of("ask", stocked / "lease.txt", "Who?", *SHORT)["cache"]["reason"] == "corrupt"
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", *SHORT).exit_code == 4


def test_required_hit_that_is_one_is_exit_0(run, stocked: Path) -> None:
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", *SHORT).exit_code == 0


@pytest.mark.parametrize("name", ["nothing-of-that-name", "/no/such/file.txt"])
def test_a_name_that_nothing_answers_to_is_an_error(run, stocked: Path, name: str) -> None:
    result = run("ask", name, "Who?")
    assert result.exit_code == 1
    assert "no such document" in result.stderr


def test_quiet_leaves_the_answer_alone(run, stocked: Path) -> None:
    assert run("ask", "--quiet", stocked / "lease.txt", "Who?", *SHORT).stderr == ""
