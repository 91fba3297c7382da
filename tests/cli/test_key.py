import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (sys.executable, "-c", "from kvprep.cli.app import main; main()")
PASSPHRASE = "some random words"


@pytest.fixture
def keys(run, store: Path, tmp_path: Path) -> Path:
    """A store, and a key for its namespace `a` beside its own."""
    run("init", "--namespace", "a")
    assert run("key", "add", "--file", tmp_path / "limited", "--only", "a", "--role", "writer").exit_code == 0
    return tmp_path


def use(monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    monkeypatch.setenv("KVPREP_KEY_FILE", str(key))


def test_a_key_is_added_listed_and_removed(json_of, keys: Path) -> None:
    added = json_of("key add", "--file", keys / "bob.key", "--label", "Bob")
    assert (added["label"], added["role"], added["kind"], added["opens"]) == ("Bob", "reader", "key file", None)
    listed = json_of("key list")["keys"]
    assert [(key["label"], key["role"], key["opens"], key["in_use"]) for key in listed] == [
        ("first key", "admin", None, True),
        ("limited", "writer", ["a"], False),
        ("Bob", "reader", None, False),
    ]
    assert json_of("key remove", "Bob")["id"] == added["id"]
    assert len(json_of("key list")["keys"]) == 2


def test_adding_a_writer_says_how_it_becomes_trusted(run, json_of, keys: Path) -> None:
    said = run("key", "add", "--file", keys / "bob.key", "--role", "writer", "--only", "a", "--only", "default").stderr
    writer = json_of("key list")["keys"][-1]["writer"]
    for name in ("a", "default"):
        assert f"kvprep namespace trust {name} {writer} --label bob" in said


def test_either_a_file_or_a_passphrase_is_named(run, keys: Path) -> None:
    assert run("key", "add").exit_code == 2
    assert run("key", "add", "--passphrase", "--file", keys / "x").exit_code == 2


def test_a_passphrase_opens_the_store_where_the_key_file_is_not(
    run, keys: Path, monkeypatch: pytest.MonkeyPatch, sources: Path
) -> None:
    assert run("key", "add", "--passphrase", "--role", "admin", stdin=f"{PASSPHRASE}\n").exit_code == 0
    (keys / "key").rename(keys / "away")
    assert run("ls").exit_code == 12
    monkeypatch.setenv("KVPREP_PASSPHRASE_FILE", str(keys / "words"))
    assert run("ls").exit_code == 1
    (keys / "words").write_text(f"{PASSPHRASE}\nand a second line\n")
    assert run("ingest", "--jobs", 1, sources / "lease.txt").exit_code == 0
    assert run("key", "remove", "first key").exit_code == 0
    assert not (keys / "key").exists()
    (keys / "away").rename(keys / "key")
    assert run("ls").exit_code == 12


def typed(keystrokes: list[str], *arguments: str) -> tuple[int, str]:
    """Run a command line on a terminal of its own; type a line whenever it asks."""
    terminal, child_side = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=child_side, stdout=child_side, stderr=child_side, start_new_session=True
    )
    os.close(child_side)
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # its end has closed
            break
        if shown.endswith(b": ") and keystrokes:
            os.write(terminal, f"{keystrokes.pop(0)}\n".encode())
    os.close(terminal)
    return process.wait(timeout=60), shown.decode()


def test_on_a_terminal_a_passphrase_is_asked_for_and_not_shown(run, keys: Path) -> None:
    code, shown = typed([PASSPHRASE, "another passphrase"], "key", "add", "--passphrase")
    assert code == 1 and "the two passphrases differ" in shown
    code, shown = typed([PASSPHRASE, PASSPHRASE], "key", "add", "--passphrase")
    assert code == 0 and PASSPHRASE not in shown
    (keys / "key").unlink()
    code, shown = typed([PASSPHRASE], "ls")
    assert code == 0 and PASSPHRASE not in shown
    assert typed(["wrong passphrase"], "ls")[0] == 12


def test_a_forbidden_namespace_answers_as_an_absent_one(run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (keys / "doc.txt").write_text("text")
    use(monkeypatch, keys / "limited")
    for line in (
        ("ls",),
        ("stats",),
        ("show", "doc"),
        ("ask", keys / "doc.txt", "Who?"),
        ("invalidate", "--all"),
        ("ingest", keys / "doc.txt"),
    ):
        for flags in ((), ("--json",)):
            answers = [run(*line, *flags, "--namespace", name) for name in ("default", "dxfault")]  # one is there
            assert answers[0].exit_code in (1, 13), line
            assert answers[0].exit_code == answers[1].exit_code
            forbidden, absent = ((a.stdout, a.stderr.replace("dxfault", "default")) for a in answers)
            assert forbidden == absent, line


def test_others_that_can_read_the_key_are_warned_of(run, keys: Path) -> None:
    assert "others can read" not in run("ls").stderr
    (keys / "key").chmod(0o644)
    result = run("ls")
    assert result.exit_code == 0
    assert f"chmod 600 {keys / 'key'}" in result.stderr


@pytest.mark.parametrize("setting", ["key_file", "passphrase_file"])
def test_a_store_that_names_its_own_key_is_refused(
    run, stocked: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """Else who can write to the disk puts a store in its place that opens to him, and reads what is ingested."""
    with monkeypatch.context() as elsewhere:
        use(elsewhere, tmp_path / "stranger.key")
        elsewhere.setenv("KVPREP_STORE", str(tmp_path / "stranger"))
        assert run("init").exit_code == 0
    shutil.rmtree(store)
    shutil.move(tmp_path / "stranger", store)
    (store / "kvprep.toml").write_text(f'{setting} = "{tmp_path / "stranger.key"}"\n')
    monkeypatch.delenv("KVPREP_KEY_FILE")
    refused = run("ingest", stocked)
    assert refused.exit_code == 1
    assert f"kvprep.toml: {setting}: " in refused.stderr
    assert not list((store / "documents").rglob("*.kvd"))
    (store / "kvprep.toml").rename(tmp_path / "mine.toml")
    assert (run("ls", "--config", tmp_path / "mine.toml").exit_code == 0) == (setting == "key_file")


@pytest.mark.parametrize("through_a_link", [False, True])
def test_a_store_does_not_have_a_file_from_elsewhere_put_before_documents(
    run, stocked: Path, store: Path, tmp_path: Path, *, through_a_link: bool
) -> None:
    """Else who opens one namespace, and writes to the disk, has the admin's key file stored in it, and reads it."""
    preamble = tmp_path / "key"
    if through_a_link:
        preamble = store / "preamble.txt"
        preamble.symlink_to(tmp_path / "key")
    (store / "kvprep.toml").write_text(f'[ingest]\npreamble = "{preamble}"\n')
    (stocked / "lease.txt").write_text("Another lease.")
    refused = run("ingest", stocked)
    assert refused.exit_code == 1
    assert "does not lie beside it" in refused.stderr
    preamble = store / "own.txt"
    preamble.write_text("You read leases.")
    (store / "kvprep.toml").write_text('[ingest]\npreamble = "own.txt"\n')
    assert run("ingest", stocked).exit_code == 0
    assert "You read leases." in run("show", stocked / "lease.txt", "--prompt").stdout


def test_rotation_leaves_the_documents_and_says_what_opens_no_more(run, json_of, stocked: Path, tmp_path: Path) -> None:
    documents = json_of("ls")["documents"]
    run("key", "add", "--file", tmp_path / "bob.key")
    facts = json_of("key rotate")
    assert [key["label"] for key in facts["removed"]] == ["bob"]
    assert json_of("ls")["documents"] == documents
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("codec", ["none", "lossless"])
def test_after_a_rewrite_everything_is_there_and_nothing_is_computed_anew(
    run, json_of, sources: Path, store: Path, tmp_path: Path, codec: str
) -> None:
    run("init")
    (store / "kvprep.toml").write_text(f'[ingest]\ncodec = "{codec}"\n')
    run("ingest", "--jobs", 1, sources)
    answer = run("ask", sources / "lease.txt", "Who?", "--max-new-tokens", 4).stdout
    run("key", "add", "--file", tmp_path / "bob.key", "--only", "default")
    facts = json_of("key rotate", "--rewrite")
    assert (facts["namespaces"], [key["label"] for key in facts["removed"]]) == (1, ["bob"])
    assert "2 unchanged" in run("ingest", "--jobs", 1, sources).stdout
    assert json_of("verify")["ok"]
    answered = json_of("ask", sources / "lease.txt", "Who?", "--max-new-tokens", 4)
    assert answered["cache"]["result"] == "hit" and answered["answer"] in answer


def test_a_key_of_one_namespace_is_enough_to_ingest_into_it(
    run, keys: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, keys / "limited")
    assert run("ingest", "--jobs", 1, "--namespace", "a", sources).exit_code == 0
    for line in (("ls",), ("stats",), ("invalidate", "--all"), ("verify",), ("gc",)):
        assert run(*line, "--namespace", "a").exit_code == 0, line


def test_a_backup_says_where_it_lies_and_opens_the_store(run, json_of, keys: Path, monkeypatch) -> None:
    facts = json_of("key backup", keys / "copy")
    assert facts["backup"] == str(keys / "copy")
    assert "on the same disk" in run("key", "backup", keys / "copy2").stderr
    use(monkeypatch, keys / "copy")
    assert run("key", "list").exit_code == 0


def test_who_is_no_admin_is_denied(run, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, keys / "limited")
    for line in (("add", "--file", keys / "x"), ("remove", "first key"), ("rotate",)):
        assert run("key", *line).exit_code == 13


def test_a_first_rotation_does_not_call_its_own_former_key_removed(json_of, stocked: Path) -> None:
    assert json_of("key rotate")["removed"] == []
