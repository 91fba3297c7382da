import os
import time
from pathlib import Path

import pytest


def test_documents_are_listed_with_tokens_model_and_state(json_of, stocked: Path, model: Path) -> None:
    documents = json_of("ls")["documents"]
    assert [d["sources"] for d in documents] == [[str(stocked / "invoice.txt")], [str(stocked / "lease.txt")]]
    assert {d["state"] for d in documents} == {"fresh"}
    assert all(d["tokens"] > 0 and d["bytes"] > 0 and d["version"] == 1 for d in documents)
    assert {d["model"] for d in documents} == {model.name}


def test_the_table_has_a_line_for_each(run, stocked: Path) -> None:
    printed = run("ls").stdout
    assert len(printed.splitlines()) == 4
    assert str(stocked / "lease.txt") in printed


def test_an_edited_source_makes_its_document_stale(json_of, stocked: Path) -> None:
    (stocked / "lease.txt").write_text("Another lease.\n")
    states = {Path(d["sources"][0]).name: d["state"] for d in json_of("ls")["documents"]}
    assert states == {"lease.txt": "stale", "invoice.txt": "fresh"}


def test_an_entry_past_its_time_is_expired(run, json_of, sources: Path) -> None:
    run("ingest", "--ttl", "0.01s", sources)
    time.sleep(0.02)
    assert {d["state"] for d in json_of("ls")["documents"]} == {"expired"}


def test_what_is_invalidated_is_listed_only_with_all(run, json_of, stocked: Path) -> None:
    run("invalidate", "--all")
    assert json_of("ls")["documents"] == []
    assert {d["state"] for d in json_of("ls", "--all")["documents"]} == {"absent"}


def test_one_damaged_document_whose_source_changed_does_not_hide_the_others(
    json_of, stocked: Path, store: Path
) -> None:
    for source in stocked.iterdir():
        os.utime(source, (1, 1))  # the same text: its file must be opened to tell
    damaged = min((store / "documents").glob("??/*.kvd"))
    os.truncate(damaged, damaged.stat().st_size - 1)
    assert sorted(d["state"] for d in json_of("ls")["documents"]) == ["corrupt", "fresh"]


@pytest.mark.parametrize(("policy", "state"), [("aead", "fresh"), ("signed", "corrupt")])
def test_a_document_whose_source_tells_that_it_is_unchanged_is_opened_only_for_its_signature(
    run, json_of, sources: Path, store: Path, monkeypatch: pytest.MonkeyPatch, policy: str, state: str
) -> None:
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3_000_000_000)  # read long after they were written
    run("init")
    run("namespace", "trust", "default", "--policy", policy)
    run("ingest", sources)
    for path in (store / "documents").glob("??/*.kvd"):
        os.truncate(path, path.stat().st_size - 1)
    assert {d["state"] for d in json_of("ls")["documents"]} == {state}


def test_another_namespace_shows_nothing_and_an_absent_one_is_an_error(run, json_of, stocked: Path) -> None:
    run("ingest", "--namespace", "alpha", stocked / "lease.txt")
    assert len(json_of("ls", "--namespace", "alpha")["documents"]) == 1
    assert run("ls", "--namespace", "beta").exit_code == 1


def test_a_document_of_which_a_source_hides_text_is_marked(run, json_of, stocked: Path) -> None:
    lease = (stocked / "lease.txt").read_text()
    (stocked / "hiding.txt").write_text(lease.replace("4,000", "4,000\U000e0036"))
    run("ingest", stocked)
    assert [d["hides_text"] for d in json_of("ls")["documents"]] == [False, True]
    assert "fresh, hides text" in run("ls").stdout
    run("ingest", "--refuse-hidden", stocked)
    assert [d["hides_text"] for d in json_of("ls")["documents"]] == [False, False]
