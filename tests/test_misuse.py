"""Nothing wrong is served: the rows of the table of `make bench-misuse`, on a tiny model."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from model_fixtures import SMALL, save_tiny_model
from typer.testing import CliRunner

from bench.misuse import material, ours, report
from bench.misuse.ours import Said
from bench.misuse.rows import (
    CONTROL,
    DOCUMENT,
    EDITED,
    FLIPPED,
    MISS,
    ORIGINAL,
    OTHER,
    REFUSED,
    RIGHT,
    ROWS,
    SWAPPED,
    TENANT,
    TOKENIZER,
    TRUNCATED,
    VARIANTS,
    WRONG,
    Cell,
    damage,
)
from kvprep.cli.app import app

TEXTS = {
    DOCUMENT: "Lease of Mill Court. The yearly rent is 4,000 pounds, due on the first of March of each year.\n",
    EDITED: "Lease of Mill Court. The yearly rent is 9,000 pounds, due on the first of March of each year.\n",
    OTHER: "Invoice 17 of Nordlicht. Amount due: 250 pounds, by the last day of the month that follows it.\n",
}
TEMPLATE = "{% for m in messages %}helpful {{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
EXPECTED = {
    "nothing": (RIGHT, "exit 0: the answer of an empty store"),
    "weights": (REFUSED, "exit 5: mismatch (weights)"),
    "tokenizer": (REFUSED, "exit 5: mismatch (tokenizer)"),
    "template": (REFUSED, "exit 5: mismatch (template)"),
    "flipped byte": (REFUSED, "exit 4: corrupt (segments/"),
    "swapped files": (REFUSED, "exit 4: corrupt (segments/"),
    "another tenant": (MISS, "exit 5: absent (not in this namespace)"),
    "expired": (REFUSED, "exit 5: expired ("),
    "edited": (REFUSED, "exit 5: stale ("),
    "truncated file": (REFUSED, "exit 4: corrupt (segments/"),
    "older copy": (REFUSED, "exit 4: namespace default"),
}


def run(environment: Mapping[str, str], arguments: list[str]) -> Said:
    """Run a command line in this process."""
    result = CliRunner().invoke(app, arguments, env=dict(environment))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("variants")
    # Large random weights: with small ones every prompt has the same answer.
    settings = SMALL | {"max_position_embeddings": 1024, "initializer_range": 0.5}
    save_tiny_model(root / "tiny", "llama", **settings)
    (root / "tiny/chat_template.jinja").write_text(TEMPLATE)
    made = {variant: root / variant for variant in VARIANTS}
    for variant, folder in made.items():
        shutil.copytree(root / "tiny", folder)
        if variant == TOKENIZER:
            material.change_tokenizer(folder, ("e", "a"))
        elif variant != ORIGINAL:
            material.CHANGES[variant](folder)
    return {variant: str(folder) for variant, folder in made.items()}


@pytest.fixture(scope="module")
def column(models: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Cell]:
    found: dict[str, Cell] = {}

    def cell(row: str) -> Cell:
        if not found:  # in a test, since the home folder is a temporary one there
            found.update((cell.row, cell) for cell in ours.cells(models, TEXTS, tmp_path_factory.mktemp("ours"), run))
        return found[row]

    return cell


@pytest.mark.parametrize("row", [row.name for row in ROWS])
def test_nothing_wrong_is_served_and_the_reason_is_said(column: Callable[[str], Cell], row: str) -> None:
    outcome, detail = EXPECTED[row]
    found = column(row)
    assert found.outcome == outcome, found
    assert found.detail.startswith(detail)


def test_a_cache_that_checks_nothing_is_seen_to_serve_the_wrong_thing(models: dict[str, str], tmp_path: Path) -> None:
    first: list[Said] = []

    def careless(environment: Mapping[str, str], arguments: list[str]) -> Said:
        if "--require-hit" not in arguments:
            return run(environment, arguments)
        first.extend([] if first else [run(environment, arguments)])
        return first[0]

    rows = [row for row in ROWS if row in (CONTROL, TENANT) or row.document == EDITED]
    found = {cell.row: cell.outcome for cell in ours.cells(models, TEXTS, tmp_path, careless, rows)}
    assert found.pop("nothing") == RIGHT
    assert found == {"another tenant": WRONG, "edited": WRONG, "older copy": WRONG}


@pytest.mark.parametrize(
    ("row", "left"), [(FLIPPED, b"ab\x9cde"), (TRUNCATED, b"ab"), (SWAPPED, b"other"), (ROWS[0], b"abcde")]
)
def test_a_file_is_damaged_as_its_row_says(tmp_path: Path, row, left: bytes) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_bytes(b"abcde")
    other.write_bytes(b"other")
    damage(row, file, other)
    assert file.read_bytes() == left
    assert other.read_bytes() == (b"abcde" if row is SWAPPED else b"other")


def test_the_table_shows_every_row_what_was_served_wrong_in_bold_and_what_did_not_run(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(f"before\n{report.BEGIN}\n{report.END}\nafter\n")
    cells = [Cell("bare", "weights", WRONG, "3 of `4` | differ"), Cell("bare", "edited", REFUSED, "no")]
    report.write(report.record({"ours": "0"}, [Cell("ours", "weights", REFUSED, "no")]), tmp_path / "results", document)
    for version in ("0.9", "1.0"):
        report.write(report.record({"bare": version}, cells, "stopped"), tmp_path / "results", document)
    text = document.read_text()
    assert "| swapped weights of the same shape | **served wrong** | refused |" in text
    assert "| source edited | refused | not run |" in text and "| bare | 1.0 |" in text and "0.9" not in text
    assert "| swapped weights of the same shape | bare | 3 of '4' \\| differ |" in text
    assert "bare ended early: stopped" in text and text.endswith("after\n")
    assert len(json.loads((tmp_path / "results/misuse.json").read_text())["cells"]) == 3
