"""`kvprep bench` measures in a store of its own, draws what it found, and leaves nothing."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kvprep.cli.bench_chart import Line, chart
from kvprep.store import remembered

PROGRAM = (sys.executable, "-c", "from kvprep.cli.app import main; main()")
SHORT = ("--lengths", "64,128", "--rounds", 1)


def test_figures_fit_their_schema_and_say_what_follows(json_of, store: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    facts = json_of("bench", *SHORT)
    assert [length["tokens"] for length in facts["lengths"]] == [64, 128]
    for length in facts["lengths"]:
        seconds, even = length["seconds"], length["break_even"]
        assert even["bytes_per_second"] == length["bytes"] / seconds["prefill"]
        saved = seconds["prefill"] - seconds["load"]
        assert even["reuses"] == (seconds["store"] / saved if saved > 0 else None)
        assert length["speed_up"]["load"] == seconds["prefill"] / seconds["load"]
    assert facts["left_out"] == []
    assert set(tmp_path.iterdir()) == before
    assert json.loads(remembered.memory_file().read_text()) == {}


def test_the_table_the_chart_and_the_sentences_are_printed(run, store: Path) -> None:
    shown = run("bench", *SHORT).stdout
    assert "decrypt and authenticate" in shown
    assert "paid after" in shown
    assert "At 128 tokens" in shown or "at 128 tokens" in shown
    assert [line.split()[0] for line in shown.splitlines() if line.strip().startswith("64 ")] == ["64"] * 3


def test_it_runs_beside_an_ingest_and_needs_no_key(run, stocked: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "key").rename(tmp_path / "elsewhere")
    files = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert run("bench", *SHORT).exit_code == 0
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == files


@pytest.mark.parametrize(
    ("lengths", "code", "said"),
    [("many", 2, "is no list"), ("0", 2, "at least 1 token"), ("64,5000", 1, "5000 tokens: the model takes 1016")],
)
def test_lengths_that_make_no_sense_are_named(run, store: Path, tmp_path: Path, lengths: str, code: int, said: str):
    result = run("bench", "--lengths", lengths)
    assert (result.exit_code, said in result.stderr) == (code, True)
    assert not list(tmp_path.glob("kvprep-bench-*"))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing(store: Path, tmp_path: Path, sent: signal.Signals, code: int) -> None:
    # More rounds than anybody waits for.
    process = subprocess.Popen([*PROGRAM, "bench", "--rounds", "1000000"])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("kvprep-bench-*/store/namespaces/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sent)
    assert process.wait(timeout=60) == code
    assert not list(tmp_path.glob("kvprep-bench-*"))
    assert json.loads(remembered.memory_file().read_text()) == {}


def test_the_chart_has_one_axis_of_decades() -> None:
    drawn = list(chart([Line("256", 0.001, 0.01, 0.1), Line("1,024", 0.01, None, 1.0)]))
    first, second, marks, labels = drawn
    assert marks.count("|") == 4
    assert labels.split() == ["1", "ms", "10", "ms", "100", "ms", "1", "s"]
    assert first.startswith("  256  o")
    assert first.index("d") == second.index("o"), "what takes as long stands in one column"
    assert second.index("#") == marks.rindex("|")


def test_a_load_that_takes_longer_than_computing_is_drawn_as_such() -> None:
    (drawn, *_) = chart([Line("64", 0.5, None, 0.02)])
    assert drawn.index("#") < drawn.index("o")
