"""`kvprep audit`: who did what, whether the log is whole, and a checkpoint to keep elsewhere."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kvprep.store.remembered import memory_file


def change(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store / "audit.sqlite")) as database, database:
        database.execute(statement)


def shown(run, *options: object) -> list[dict]:
    return json.loads(run("audit", "show", "--json", *options).stdout)["records"]


def test_a_question_leaves_who_looked_what_up_and_loaded_it(run, stocked: Path) -> None:
    run("ask", stocked / "lease.txt", "How much?", "--max-new-tokens", 1)
    verbs = [(r["verb"], r["outcome"], r["namespace"]) for r in shown(run)]
    assert ("write", "done", "default") in verbs
    assert verbs[-3:-1] == [("look-up", "hit", "default"), ("load", "done", "default")]
    assert verbs[-1][0] == "open"  # this very command


def test_a_question_about_a_document_that_is_not_stored_is_logged(run, stocked: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("Nothing of this is stored.")
    run("ask", other, "How much?", "--max-new-tokens", 1)
    last = shown(run)[-2]
    assert (last["verb"], last["outcome"], last["namespace"]) == ("look-up", "absent", "default")


def test_a_namespace_that_is_not_there_or_not_his_is_logged_alike(
    run, stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("namespace", "create", "invoices")
    run("key", "add", "--file", tmp_path / "bob.key", "--only", "invoices", "--label", "bob")
    with monkeypatch.context() as context:
        context.setenv("KVPREP_KEY_FILE", str(tmp_path / "bob.key"))
        for name in ("default", "nosuch"):
            assert run("ls", "--namespace", name).exit_code == 1
    tried = [(r["verb"], r["outcome"]) for r in shown(run) if r["principal"].endswith("/bob") and r["namespace"]]
    assert tried == [("open", "absent"), ("open", "absent")]


@pytest.mark.parametrize(
    ("command", "verb"),
    [
        (("namespace", "create", "other"), "create"),
        (("namespace", "trust", "invoices", "ab" * 32), "charter"),
        (("namespace", "shred", "invoices", "--yes"), "shred"),
        (("key", "add", "--file", "new.key", "--label", "new"), "key add"),
        (("key", "remove", "first key"), "key remove"),
        (("key", "rotate"), "key rotate"),
        (("invalidate", "--all", "--namespace", "invoices"), "invalidate"),
        (("verify", "--rebuild-index"), "write"),
    ],
)
def test_what_is_denied_is_logged(
    run, stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run("namespace", "create", "invoices")
    run("ingest", stocked, "--namespace", "invoices")
    run("namespace", "trust", "invoices", "--policy", "signed")
    run("key", "add", "--file", "bob.key", "--label", "bob", "--only", "invoices")
    with monkeypatch.context() as context:
        context.setenv("KVPREP_KEY_FILE", str(tmp_path / "bob.key"))
        assert run(*command).exit_code == 13
    tried = [(r["verb"], r["outcome"]) for r in shown(run) if r["principal"].endswith("/bob")]
    assert tried == [("open", "done"), (verb, "denied")]


@pytest.mark.parametrize("command", ["ls", "ingest"])
def test_the_first_sight_of_a_store_is_said_once(
    run, stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    arguments = [command, *([stocked] if command == "ingest" else [])]
    assert "first time" not in run(*arguments).stderr
    (stocked / "lease.txt").write_text("Another lease.")  # else an ingest opens no store
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    assert "sees this store for the first time" in run(*arguments).stderr
    assert "first time" not in run(*arguments).stderr


def test_making_a_namespace_is_logged(run, stocked: Path) -> None:
    run("namespace", "create", "invoices")
    assert [(r["verb"], r["namespace"]) for r in shown(run)][-2] == ("create", "invoices")


def test_no_word_of_a_document_and_no_path_is_in_the_log(run, stocked: Path, store: Path) -> None:
    run("ask", stocked / "lease.txt", "How much is the rent?", "--max-new-tokens", 1)
    written = (store / "audit.sqlite").read_bytes()
    assert not any(word in written for word in (b"rent", b"lease", b"Mill Court", b".txt"))


@pytest.mark.parametrize("option", ["--text", "--prompt"])
def test_whoever_reads_a_stored_text_is_noted(run, stocked: Path, option: str) -> None:
    run("show", stocked / "lease.txt", option)
    assert [r["verb"] for r in shown(run)][-3:] == ["open", "read", "open"]


@pytest.mark.parametrize("command", [("ls",), ("show", "lease.txt"), ("stats",)])
def test_whoever_sees_titles_and_sources_is_noted(run, stocked: Path, command: tuple[str, ...]) -> None:
    name, *rest = command
    run(name, *(stocked / file for file in rest))
    last = shown(run)[-2]
    assert (last["verb"], last["outcome"], last["namespace"]) == ("list", "done", "default")


def test_what_became_of_a_document_is_found_under_one_subject(run, stocked: Path) -> None:
    run("ask", stocked / "lease.txt", "How much?", "--max-new-tokens", 1)
    run("show", stocked / "lease.txt", "--text")
    run("invalidate", "--source", stocked / "lease.txt")
    subject = next(r["subject"] for r in shown(run) if r["verb"] == "read")
    verbs = [r["verb"] for r in shown(run) if r["subject"] == subject]
    assert verbs == ["write", "look-up", "load", "read", "invalidate"]


def test_records_are_chosen_by_principal_and_time(run, stocked: Path) -> None:
    somebody = shown(run)[0]["principal"]
    assert shown(run, "--by", somebody)
    assert shown(run, "--by", "nobody/none") == []
    assert shown(run, "--since", "2999-01-01") == []


def test_an_untouched_log_is_whole_and_a_changed_one_is_4(run, stocked: Path, store: Path) -> None:
    assert run("audit", "verify").exit_code == 0
    change(store, "UPDATE records SET principal = 'somebody else' WHERE seq = 2")
    result = run("audit", "verify", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["problems"] == ["record 2: not what was written, or not at its place"]


def test_a_tail_that_was_cut_off_is_found_by_what_was_seen_here(run, stocked: Path, store: Path) -> None:
    change(store, "DELETE FROM records WHERE seq > 2")
    assert run("audit", "verify").exit_code == 4
    assert run("audit", "verify", "--accept").exit_code == 0
    assert run("audit", "verify").exit_code == 0


def test_a_tail_that_was_cut_off_is_found_by_a_checkpoint_on_another_machine(run, stocked: Path, store: Path) -> None:
    checkpoint = run("audit", "checkpoint").stdout.strip()
    assert run("audit", "verify", "--checkpoint", checkpoint).exit_code == 0
    change(store, "DELETE FROM records WHERE seq > 2")
    memory_file().unlink()
    assert run("audit", "verify").exit_code == 0
    assert run("audit", "verify", "--checkpoint", checkpoint).exit_code == 4


@pytest.mark.parametrize("text", ["", "12", "x:00", f"1:{'0' * 63}", f"-1:{'0' * 64}"])
def test_what_is_no_checkpoint_is_a_usage_error(run, stocked: Path, text: str) -> None:
    assert run("audit", "verify", "--checkpoint", text).exit_code == 2


@pytest.mark.parametrize("command", ["show", "verify", "checkpoint"])
def test_json_is_as_its_schema_says(stocked: Path, command: str, json_of) -> None:
    json_of(f"audit {command}")


def test_the_table_shows_the_verbs(run, stocked: Path) -> None:
    assert "write" in run("audit", "show").stdout
