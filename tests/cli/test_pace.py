"""What leaves room for others: a time limit that a next run carries on from, and a lower priority."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvprep import receipt


@pytest.fixture
def many(sources: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Else what was written a moment ago is read again by the next run.
    monkeypatch.setattr("kvprep.sources.RACY_NS", -(10**12))
    for number in range(3):
        (sources / f"{number}.txt").write_text(f"Notice {number}. The gate closes at {number + 6} in the evening.\n")
    return sources


def test_a_run_out_of_time_exits_75_with_what_is_left_and_the_next_runs_finish(run, many: Path, validated) -> None:
    left = []
    for _ in range(5):
        result = run("ingest", "--json", "--jobs", 1, "--max-seconds", 0, many)
        facts = validated("ingest", result.stdout)
        left.append(facts["left"])
        assert (result.exit_code, facts["documents"]["ingested"]) == (75 if left[-1] else 0, 1)
        if left[-1]:
            number = f"{left[-1]} document{'' if left[-1] == 1 else 's'}"
            error = json.loads(result.stderr.splitlines()[-1])
            assert error["error"] == "StoppedEarly"
            assert error["message"] == f"stopped after 0 s; {number} left; run it again"
    assert left == [4, 3, 2, 1, 0]


def test_a_run_out_of_time_says_so_as_a_warning_and_in_its_summary(run, many: Path) -> None:
    run("init")
    result = run("ingest", "--max-seconds", 0, many)
    assert result.stderr.startswith("kvprep: warning: stopped after 0 s; 4 documents left; run it again\n")
    assert "1 ingested, 4 left" in result.stdout


def test_a_run_out_of_time_leaves_no_receipt(run, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "_SETTLED_NS", -(10**12))
    written = []
    monkeypatch.setattr("kvprep.cli.ingesting.write_receipt", lambda *facts: written.append(facts))
    run("ingest", many)
    (many / "new.txt").write_text("A new one.\n")
    (many / "newer.txt").write_text("A newer one.\n")
    assert run("ingest", "--max-seconds", 0, many).exit_code == 75
    assert written == []


def test_a_time_that_makes_no_sense_is_a_usage_error(run, many: Path) -> None:
    assert run("ingest", "--max-seconds", "-1", many).exit_code == 2


NICE = """
import os, subprocess, sys
began = os.nice(0)
start = subprocess.Popen.__init__
def started(self, *arguments, **named):
    print("reader", os.nice(0) - began, file=sys.stderr)
    start(self, *arguments, **named)
subprocess.Popen.__init__ = started
from kvprep.cli.app import main
try:
    main()
finally:
    print("itself", os.nice(0) - began, file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["ingest", "plan", "verify", "gc"])
def test_a_command_and_all_that_it_starts_run_with_less_priority(command: str, stocked: Path) -> None:
    places = [str(stocked)] if command in ("ingest", "plan") else []
    line = [sys.executable, "-c", NICE, command, "--nice", "3", *places]
    result = subprocess.run(line, capture_output=True, text=True, check=True, timeout=100, env=dict(os.environ))
    told = [line.split() for line in result.stderr.splitlines() if line.startswith(("reader ", "itself "))]
    assert told[-1] == ["itself", "3"]
    assert all(number == "3" for _, number in told)
    assert (len(told) > 1) == (command in ("ingest", "plan"))


@pytest.mark.parametrize("value", ["-1", "20", "very"])
def test_a_priority_that_makes_no_sense_is_a_usage_error(run, value: str, stocked: Path) -> None:
    assert run("verify", "--nice", value).exit_code == 2
