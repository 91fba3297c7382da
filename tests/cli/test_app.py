"""The ring around all commands: exit codes, errors, signals, help, and what they must not import."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from kvprep.cli.app import COMMANDS
from kvprep.cli.groups import command_lines
from kvprep.cli.options import EXIT_CODES
from kvprep.store.remembered import memory_file

LINES = list(command_lines(COMMANDS))
PROGRAM = (sys.executable, "-c", "from kvprep.cli.app import main; main()")
REPOSITORY = Path(__file__).resolve().parents[2]
WITHOUT_MODEL = (
    "--help",
    "ls",
    "show lease.txt",
    "stats",
    "invalidate --all --dry-run",
    "verify",
    "gc",
    "text lease.txt",
    "doctor",
)


def error_of(result) -> dict[str, object]:
    return json.loads(result.stderr.splitlines()[-1])


def test_an_error_has_a_line_of_its_own_a_hint_and_its_exit_code(run, store: Path) -> None:
    result = run("ls")
    assert (result.exit_code, result.stdout) == (10, "")
    assert result.stderr.splitlines()[0] == f"kvprep: error: {store}: no kvprep store here"
    assert result.stderr.splitlines()[1].startswith("kvprep: hint: ")


def test_with_json_the_last_line_on_stderr_is_the_error(run) -> None:
    assert error_of(run("ls", "--json")) == {
        "schema": "kvprep.error/1",
        "code": 10,
        "error": "StoreNotFound",
        "message": error_of(run("ls", "--json"))["message"],
        "hint": "Make one with `kvprep init`, or name another with --store.",
    }


def test_a_usage_error_is_2_in_json_too(run) -> None:
    result = run("ls", "--no-such-option", "--json")
    assert result.exit_code == 2
    assert error_of(result)["error"] == "UsageError"


def test_a_setting_that_makes_no_sense_is_named(run, store: Path) -> None:
    run("init")
    (store / "kvprep.toml").write_text("[ingest]\nspeed = 11\n")
    result = run("ls")
    assert result.exit_code == 1
    assert "ingest.speed: no such setting" in result.stderr


def test_a_store_of_a_later_format_is_14(run, stocked: Path, store: Path) -> None:
    config = store / "store.toml"
    config.write_text(config.read_text().replace("format = 1", "format = 99"))
    assert run("ls").exit_code == 14


def test_another_key_is_12(run, stocked: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KVPREP_STORE", str(tmp_path / "other"))
    monkeypatch.setenv("KVPREP_KEY_FILE", str(tmp_path / "other-key"))
    run("init")
    assert run("ls", "--store", tmp_path / "store").exit_code == 12


def test_exit_codes_come_out_of_the_process_too(program, tmp_path: Path) -> None:
    result = program("ls", "--json")
    assert result.returncode == 10
    assert json.loads(result.stderr.splitlines()[-1])["code"] == 10


@pytest.mark.parametrize("line", WITHOUT_MODEL)
def test_what_needs_no_model_does_not_import_torch(stocked: Path, line: str) -> None:
    script = f"""
import sys
from kvprep.cli.app import app
try:
    app({line.split()!r})
except SystemExit as end:
    assert end.code == 0, end.code
assert not {{"torch", "transformers"}} & set(sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=stocked, env=_with_path(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_an_ingest_of_what_has_not_changed_does_not_import_torch(stocked: Path) -> None:
    script = """
import sys
from kvprep.cli.app import app
try:
    app(["ingest", "."])
except SystemExit as end:
    assert end.code == 0, end.code
assert "torch" not in sys.modules
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=stocked, env=_with_path(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "2 unchanged" in result.stdout


def _with_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_unwinds_and_has_its_code(
    run, store: Path, sources: Path, number: int, code: int, tmp_path: Path
) -> None:
    from kvprep.store.store import Store

    run("init")
    with Store.open(store, key_file=tmp_path / "key") as opened, opened.namespace("default").lease():
        process = subprocess.Popen(
            [*PROGRAM, "ingest", "--json", str(sources)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Waiting: ")
        time.sleep(0.2)  # until it sleeps on the lease
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert json.loads(said.splitlines()[-1])["code"] == code
    assert "Traceback" not in said
    assert list((store / "tmp").iterdir()) == []


def test_no_memory_is_an_error_that_says_so(tmp_path: Path) -> None:
    memory_file().parent.mkdir(parents=True)
    with open(memory_file(), "w") as huge:
        huge.truncate(1 << 33)
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)); " + PROGRAM[2]
    command = [*PROGRAM[:2], limited, "ingest", "--json", "--store", str(tmp_path / "store"), "."]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert error_of(result)["error"] == "OutOfMemory" and "Traceback" not in result.stderr


def test_a_reader_that_went_away_ends_it_in_silence(sources: Path, store: Path) -> None:
    (sources / "long.txt").write_text("A line of some length, over and over.\n" * 50_000)
    process = subprocess.Popen([*PROGRAM, "text", str(sources)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 1


def test_data_goes_to_stdout_and_nothing_else_does(run, stocked: Path) -> None:
    for line in run("ask", stocked / "lease.txt", "Who?", "--json", "--max-new-tokens", 2).stdout.splitlines():
        assert json.loads(line)["schema"] == "kvprep.ask/1"


def test_there_is_no_colour_without_a_terminal(program, run, stocked: Path) -> None:
    assert "\x1b" not in program("ls").stdout + program("ls").stderr


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_the_help_of_a_command_has_an_example_and_its_exit_codes(run, line: tuple[str, ...]) -> None:
    printed = run(*line, "--help").stdout
    assert f"Example:\n    kvprep {' '.join(line)}" in printed
    codes = printed.split("Exit codes:\n")[1].split("\n\n")[0].splitlines()
    assert {int(line.split()[0]) for line in codes} >= {0, 1, 2, 130, 143}
    assert all(line.split(maxsplit=1)[1] == EXIT_CODES[int(line.split()[0])] for line in codes)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_of_each_what_its_own_help_says(run, name: str) -> None:
    assert COMMANDS[name] in run(name, "--help").stdout
    assert COMMANDS[name] in " ".join(run("--help").stdout.split())


def test_help_imports_no_command() -> None:
    script = (
        "import sys\n"
        "from kvprep.cli.app import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "print(*(m for m in sys.modules if m.startswith('kvprep.')), file=sys.stderr)\n"
    )
    result = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True, check=True)
    imported = set(result.stderr.split())
    assert not imported & {f"kvprep.cli.{name}" for name in COMMANDS}
    assert not any(name.startswith(("kvprep.store", "kvprep.documents", "kvprep.prompt")) for name in imported)


@pytest.mark.parametrize("line", [line for line in LINES if len(line) > 1], ids=" ".join)
def test_a_group_says_of_each_of_its_commands_what_its_own_help_says(run, line: tuple[str, ...]) -> None:
    group, name = line
    summary = import_module(f"kvprep.cli.{group}").COMMANDS[name].removesuffix(".")
    assert summary in " ".join(run(group, "--help").stdout.split())
    assert summary in " ".join(run(*line, "--help").stdout.split())


def test_a_mistyped_command_of_a_group_is_a_usage_error(run) -> None:
    assert run("key", "ad").exit_code == 2


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_command_takes_the_common_options(run, line: tuple[str, ...]) -> None:
    printed = run(*line, "--help").stdout
    assert all(option in printed for option in ("--store", "--namespace", "--config", "--json", "--quiet", "--verbose"))


def test_a_bug_keeps_its_traceback(run, monkeypatch: pytest.MonkeyPatch, stocked: Path) -> None:
    monkeypatch.setattr("kvprep.cli.stats.written", lambda facts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("stats")


def test_the_pages_made_from_the_program_are_what_it_says() -> None:
    from tools.cli_docs import written

    for target, text in written().items():
        assert target.read_text() == text, "run `make docs`"
