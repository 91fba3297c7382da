import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import workload

from bench import events, ingest, plot, report
from bench.peers import report as peers_report
from bench.peers.peer import BOTH, PREFILL, STEPS, Description, Outcome, Request, run_module
from bench.peers.weights import write_bfloat16

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS: dict[str, Any] = {
    "machine": {"cpu": "abacus", "cores": 1},
    "versions": {"kvprep": "0"},
    "targets": {"4": {"value": 1.25, "target": 1.05, "met": False, "detail": "by hand"}},
}


def written(results: dict[str, Any], folder: Path) -> tuple[Any, str]:
    document = folder / "benchmarks.md"
    document.write_text(f"Before.\n{report.BEGIN}\nold\n{report.END}\nAfter.\n")
    report.write(results, folder / "results", document)
    return json.loads((folder / "results/latest.json").read_text()), document.read_text()


def test_the_report_holds_what_was_measured_and_no_other_target(tmp_path: Path) -> None:
    found, text = written(RESULTS, tmp_path)
    assert found == RESULTS
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert [row.split(" | ")[0] for row in rows] == ["| #", "| ---", "| 4"]
    assert "**missed**" in rows[2] and "1.25" in rows[2] and "by hand" in rows[2]


def test_without_a_measurement_the_report_has_no_targets(tmp_path: Path) -> None:
    found, text = written({**RESULTS, "targets": {}}, tmp_path)
    assert found["targets"] == {}
    assert "missed" not in text and "met" not in text


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path) -> None:
    _, text = written(RESULTS, tmp_path)
    assert text.startswith("Before.\n") and text.endswith("After.\n") and "old" not in text


def test_the_document_shows_the_last_results() -> None:
    results = json.loads((REPOSITORY / "bench/results/latest.json").read_text())
    assert report.markdown(results) in (REPOSITORY / "docs/benchmarks.md").read_text()


KVPREP = Outcome(
    Description("kvprep", "0", "bfloat16", "checks all"), {"8000": {PREFILL: [30.0], BOTH: [0.1, 0.3, 0.2]}}
)
RIVAL = Outcome(Description("slots", "1", "float16", "checks nothing"), {"8000": {BOTH: [0.4], "inside": [0.1]}})
BROKEN = Outcome(Description("broken", "2", "none", "nothing"), failed="`a|b` is missing")
SETTING = {"machine": {"cpu": "abacus"}, "versions": {"kvprep": "0"}}


def rows_of(text: str) -> dict[str, list[str]]:
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {cells[0]: cells for cells in reversed(lines)}


def test_peers_stand_in_one_table_a_size_with_a_dash_for_what_was_not_measured() -> None:
    rows = rows_of(peers_report.markdown(peers_report.record([KVPREP, RIVAL], {}, SETTING)))
    assert rows["8,000 tokens"][1:] == list(STEPS)
    assert rows["kvprep"][1:] == ["30.0 s (30.0 s to 30.0 s)", "–", "–", "–", "200 ms (100 ms to 300 ms)"]
    assert rows["slots"][1:] == ["–", "–", "–", "–", "400 ms (400 ms to 400 ms)"]


def test_a_peer_that_did_not_run_has_its_row_with_the_reason() -> None:
    text = peers_report.markdown(peers_report.record([KVPREP, BROKEN], {}, SETTING))
    assert "| broken | 2 | none | nothing | failed: 'a\\|b' is missing |" in text
    assert "| kvprep | 0 | bfloat16 | checks all | to the end |" in text


def test_target_2_must_be_reached_by_both_clocks_and_is_absent_unless_both_were_measured() -> None:
    found = peers_report.target(KVPREP, RIVAL, "inside")["2"]
    assert (found["value"], found["target"], found["met"]) == (0.5, 1.0, False)
    assert peers_report.target(KVPREP, BROKEN, "inside") == {}


def test_target_2_stands_among_the_targets_of_both_runs_whichever_came_last(tmp_path: Path) -> None:
    written(RESULTS, tmp_path)
    document = tmp_path / "benchmarks.md"
    document.write_text(document.read_text() + f"{peers_report.BEGIN}\n{peers_report.END}\n")
    targets = peers_report.target(KVPREP, RIVAL, "inside")
    peers_report.write(peers_report.record([KVPREP, RIVAL], targets, SETTING), tmp_path / "results", document)
    latest = tmp_path / "results/latest.json"
    assert list(json.loads(latest.read_text())["targets"]) == ["4", "2"]
    assert document.read_text().count("| 2 | warm first token") == 2
    found, _ = written(RESULTS, tmp_path)
    assert found["targets"] == RESULTS["targets"] | targets


SLEEPER = """
import os, pathlib, subprocess, sys, time
grandchild = subprocess.Popen(["sleep", "60"])
answers = pathlib.Path(sys.argv[1])
answers.with_name("pids.new").write_text(f"{os.getpid()} {grandchild.pid}")
answers.with_name("pids.new").rename(answers.with_name("pids"))
time.sleep(60)
"""
RUNNER = """
import pathlib, sys
from bench.peers.peer import Request, run_module
from bench.workplace import workplace
with workplace() as folder:
    pathlib.Path("workplace").write_text(str(folder))
    request = Request("", "", "", str(folder), {}, 1, 1, 1)
    run_module(pathlib.Path(sys.executable), "sleeper", request, pathlib.Path("answers").absolute(), 60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_benchmark_that_is_told_to_end_leaves_no_process_and_no_folder(tmp_path: Path, number: int) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    paths = os.pathsep.join([str(REPOSITORY), str(tmp_path)])
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}
    ) as process:
        wait_for((tmp_path / "pids").exists)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(map(runs, pids))
        process.send_signal(number)
        assert process.wait() == 128 + number
    wait_for(lambda: not any(map(runs, pids)))
    assert not Path((tmp_path / "workplace").read_text()).exists()


def test_a_peer_that_a_signal_ends_names_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "falling.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    request = Request("", "", "", str(tmp_path), {}, 1, 1, 1)
    failed = run_module(Path(sys.executable), "falling", request, tmp_path / "answers", 60)
    assert failed == "ended by SIGKILL; ended without a word"


def runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_model_written_in_bfloat16_keeps_tokenizer_and_shape_and_rounds_its_numbers(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    bundled, numbers = tmp_path / "q8.gguf", np.linspace(-2, 2, 128, dtype=np.float32).reshape(2, 64)
    kind = gguf.GGMLQuantizationType.Q8_0
    writer = gguf.GGUFWriter(bundled, "llama")
    writer.add_block_count(1)
    writer.add_token_list(["a", "b"])
    writer.add_tensor("weight", gguf.quants.quantize(numbers, kind), raw_dtype=kind)
    writer.add_tensor("norm", np.array([0.1, 0.2], dtype=np.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    write_bfloat16(bundled, tmp_path / "bf16.gguf")
    found = gguf.GGUFReader(tmp_path / "bf16.gguf")
    weight, norm = found.tensors
    assert weight.tensor_type == gguf.GGMLQuantizationType.BF16 and norm.tensor_type == gguf.GGMLQuantizationType.F32
    assert np.abs(gguf.quants.dequantize(weight.data, weight.tensor_type) - numbers).max() < 0.02
    assert found.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    assert found.fields["llama.block_count"].contents() == 1


def test_the_benchmark_says_its_parts_and_refuses_others_before_it_measures() -> None:
    command = [sys.executable, "-m", "bench", "--only", "start,nonsense"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "no such part: nonsense" in ended.stderr and "look-up" in ended.stderr


@pytest.mark.parametrize(
    ("peaks", "met"),
    [((180, 195, 185), True), ((180, 195, 301), False), ((180, 190, 192), True), ((100, 140, 195), False)],
)
def test_memory_is_flat_where_documents_add_next_to_nothing_and_high_at_any_peak(
    peaks: tuple[int, ...], met: bool
) -> None:
    found = dict(zip(("2", "6", "12"), peaks, strict=True))
    ingested = ingest.Ingested(1.0, 1.0, [])
    changes = [{"position": 0, "tokens": 50, "computed": 50}]
    judged = ingest.targets(ingested, 1, changes, {**found, "model": 100, "token_bytes": 1})["10"]
    assert judged["met"] is met


CURVE = {
    "256": {"prefill": [0.5], "warm first token": [0.02, 0.04]},
    "8000": {"prefill": [20.0, 30.0], "warm first token": [0.1]},
}


def test_the_plot_is_xml_with_both_lines_through_all_lengths_words_for_it_and_no_script(tmp_path: Path) -> None:
    written({**RESULTS, "curve": CURVE}, tmp_path)
    name = "{http://www.w3.org/2000/svg}"
    tree = ElementTree.parse(tmp_path / "results" / report.PLOT)
    lines = {line.get("class"): (line.get("points") or "").split() for line in tree.iter(f"{name}polyline")}
    assert {look: len(points) for look, points in lines.items()} == {"cold": 2, "warm": 2}
    heights = {look: [float(point.split(",")[1]) for point in points] for look, points in lines.items()}
    assert heights["cold"][1] < heights["cold"][0] < heights["warm"][1] < heights["warm"][0]  # from the top down
    assert "At 8,000 tokens prefill takes 25 s, load and first token 100 ms." in tree.findtext(f"{name}desc", "")
    assert "prefers-color-scheme: dark" in tree.findtext(f"{name}style", "")
    assert not list(tree.iter(f"{name}script"))


def test_without_times_of_both_lines_no_plot_is_written(tmp_path: Path) -> None:
    written(RESULTS, tmp_path)
    assert not (tmp_path / "results" / report.PLOT).exists()
    with pytest.raises(KeyError):
        plot.draw({"256": {"prefill": [1.0]}})


def test_the_large_store_has_its_table_with_ratios_to_the_bare_listing(tmp_path: Path) -> None:
    scale = {"blocks": 1_000_000, "times": {report.BARE: [0.1, 0.1], "kvprep ls --json": [0.3, 0.3]}}
    _, text = written({**RESULTS, "scale": scale}, tmp_path)
    rows = rows_of(text)
    assert rows["store with 1,000,000 rows of blocks"][2] == "÷ the first"
    assert rows["kvprep ls --json"][2].startswith("3 ")


def test_what_a_record_takes_is_judged_by_the_slowest_of_a_hundred(tmp_path: Path) -> None:
    with workload.build(tmp_path, look_ups=0, rare=False) as made:
        assert len(events.measure(made.namespaces[0], rounds=20)) == 20
    loads = [0.02, 0.025, 0.03]
    assert events.targets([0.01] * 9 + [0.0001] * 991, loads)["14"]["met"]
    found = events.targets([0.01] * 10 + [0.0001] * 990, loads)["14"]
    assert (found["value"], found["met"]) == (0.4, False)
    assert "median 100 µs" in found["detail"]
