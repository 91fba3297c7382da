"""The cells as JSON and as tables."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from bench import report
from bench.misuse.rows import ROWS, WRONG, Cell

RESULTS = "misuse.json"
_FIRST = "kvprep"
BEGIN, END = "<!-- misuse: begin -->", "<!-- misuse: end -->"


def record(versions: Mapping[str, str], cells: Iterable[Cell], failed: str = "") -> dict[str, Any]:
    """Put down what one run of a module found.

    Args:
        versions: by column.
        cells: of these columns.
        failed: why it ended before the last row; empty where it did not.
    """
    facts = {"date": date.today().isoformat(), "failed": failed}
    return {
        "columns": {column: {"version": version, **facts} for column, version in versions.items()},
        "cells": [asdict(cell) for cell in cells],
    }


def write(found: Mapping[str, Any], folder: Path, document: Path) -> None:
    """Put columns in place of their former ones in `misuse.json`, and draw all of them between a document's marks."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / RESULTS
    former = json.loads(file.read_text()) if file.exists() else {"columns": {}, "cells": []}
    kept = [cell for cell in former["cells"] if cell["column"] not in found["columns"]]
    results = {"columns": former["columns"] | found["columns"], "cells": kept + found["cells"]}
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    report.put_between(document, BEGIN, END, markdown(results))


def markdown(results: Mapping[str, Any]) -> str:
    """Draw the table of outcomes, and the list of what was found in each cell."""
    columns = sorted(results["columns"], key=lambda column: (column != _FIRST, column))
    found = {(cell["row"], cell["column"]): cell for cell in results["cells"]}
    outcomes = [[row.says, *(_outcome(found.get((row.name, column))) for column in columns)] for row in ROWS]
    details = [
        [row.says, column, cell["detail"]]
        for row in ROWS
        for column in columns
        if (cell := found.get((row.name, column)))
    ]
    facts = {column: results["columns"][column] for column in columns}
    about = [[column, _plain(fact["version"]), fact["date"]] for column, fact in facts.items()]
    said = [f"{column} ended early: {_plain(fact['failed'])}" for column, fact in facts.items() if fact["failed"]]
    tables = (
        report.table(["misuse", *columns], outcomes),
        report.table(["misuse", "", "what was seen"], [[*names, _plain(detail)] for *names, detail in details]),
        report.table(["", "version", "run on"], about),
    )
    return "\n\n".join([*said, *tables]) + "\n"


def _outcome(cell: Mapping[str, str] | None) -> str:
    if cell is None:
        return "not run"
    return f"**{WRONG}**" if cell["outcome"] == WRONG else cell["outcome"]


def _plain(text: str) -> str:
    """Whatever a peer said, nothing of it ends the cell."""
    return text.replace("|", "\\|").replace("`", "'")
