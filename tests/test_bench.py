import json
from pathlib import Path
from typing import Any

from bench import report

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
