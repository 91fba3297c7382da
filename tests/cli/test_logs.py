"""With --log-json all of stderr is one JSON object a line, and says no more than the words would."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = "from kvprep.cli.app import main; main()"


def logged(stderr: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stderr.splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
        assert {"level", "command", "message"} <= set(line)
    return lines


def test_an_error_is_one_line_with_its_code_and_hint(run, store: Path) -> None:
    (line,) = logged(run("ls", "--log-json").stderr)
    assert (line["level"], line["command"], line["code"]) == ("error", "ls", 10)
    assert line["message"] == f"{store}: no kvprep store here"
    assert line["hint"]


def test_with_json_the_error_object_is_that_line_and_not_a_second_one(run, validated) -> None:
    result = run("ls", "--log-json", "--json")
    (line,) = logged(result.stderr)
    assert line == validated("error", result.stderr.splitlines()[-1])
    assert (line["schema"], line["error"]) == ("kvprep.error/1", "StoreNotFound")


@pytest.mark.parametrize("line", ["ls --nope", "--nope", "lss", "key add --nope", "key ad"])
def test_a_usage_error_is_a_line_too(run, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVPREP_LOG_JSON", "1")
    result = run(*line.split())
    (said,) = logged(result.stderr)
    assert (result.exit_code, said["code"], said["error"]) == (2, 2, "UsageError")
    assert result.stdout == ""


def test_the_next_command_line_speaks_in_words_again(run) -> None:
    run("ls", "--log-json")
    assert run("ls").stderr.startswith("kvprep: error: ")


@pytest.mark.parametrize("value", ["", "0"])
def test_the_environment_can_say_no(run, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVPREP_LOG_JSON", value)
    assert run("ls").stderr.startswith("kvprep: error: ")


def test_what_stands_behind_a_double_dash_is_no_flag(run) -> None:
    assert not run("ask", "--", "--log-json", "x").stderr.startswith("{")


def test_data_on_stdout_is_what_it_was(run, stocked: Path) -> None:
    plain, with_log = run("ls"), run("ls", "--log-json")
    assert (with_log.stdout, with_log.stderr) == (plain.stdout, "")


def test_an_ingest_logs_every_outcome_and_stage_with_figures_and_no_text(run, sources: Path) -> None:
    (sources / "empty.txt").touch()
    (sources / "copy.txt").write_bytes((sources / "lease.txt").read_bytes())
    result = run("ingest", "--log-json", sources)
    lines = logged(result.stderr)
    outcomes = {line["outcome"]: line["documents"] for line in lines if "outcome" in line}
    assert outcomes == {"ingested": 2, "duplicate": 1, "skipped": 1}
    stages = {line["stage"]: line for line in lines if "stage" in line}
    assert list(stages) == ["read", "prefill", "store"]
    assert stages["prefill"]["tokens_computed"] > 0
    assert stages["store"]["bytes_stored"] > 0
    assert all(stage["seconds"] >= 0 for stage in stages.values())
    assert {line["command"] for line in lines} == {"ingest"}
    assert (lines[-1]["level"], lines[-1]["code"]) == ("warning", 3)
    assert "Mill Court" not in result.stderr and "Nordlicht" not in result.stderr


def test_quiet_keeps_errors_and_warnings_only(run, sources: Path) -> None:
    (sources / "empty.txt").touch()
    (line,) = logged(run("ingest", "--log-json", "--quiet", sources).stderr)
    assert line["level"] == "warning"


def test_a_group_names_its_command(run, stocked: Path) -> None:
    (line,) = logged(run("key", "remove", "--log-json", "0000").stderr)
    assert line["command"] == "key remove"


def _run(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_what_libraries_log_is_a_line_with_the_loggers_name(stocked: Path) -> None:
    script = f"""
import atexit, logging, sys, warnings

def late() -> None:
    logging.getLogger("kvprep.somewhere").warning("it is %s", "late")
    logging.getLogger("kvprep.somewhere").info("nobody asked")
    warnings.warn("old")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("foreign").exception("it failed")

atexit.register(late)
{RUN}
"""
    result = _run(script, "ls", "--log-json")
    warned, old, failed = logged(result.stderr)
    assert (warned["level"], warned["logger"], warned["message"]) == ("warning", "kvprep.somewhere", "it is late")
    assert old["logger"] == "py.warnings"
    assert (failed["level"], failed["logger"], failed["message"]) == ("error", "foreign", "it failed")
    assert "kvprep: it is late\n" in _run(script, "ls").stderr


def test_a_bug_is_one_line_that_says_where_and_quotes_nothing(stocked: Path) -> None:
    script = f"""
from kvprep.store.store import Store

def fail(*arguments: object, **named: object) -> None:
    raise ValueError("the words of a document")

Store.open = fail
{RUN}
"""
    result = _run(script, "ls", "--log-json")
    (line,) = logged(result.stderr)
    assert result.returncode == 1
    assert (line["level"], line["error"], line["code"]) == ("critical", "ValueError", 1)
    assert line["traceback"][-1].endswith(" fail")
    assert "words" not in result.stderr
    assert "Traceback" in _run(script, "ls").stderr
