"""The cells as JSON and as tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from bench import report
from bench.misuse.rows import ROWS, WRONG, Cell

RESULTS = "misuse.json"
BEGIN, END = "<!-- misuse: begin -->", "<!-- misuse: end -->"


def record(cells: Sequence[Cell], versions: Mapping[str, str], failed: Mapping[str, str]) -> dict[str, Any]:
    """Put everything down.

    Args:
        cells: all that came to be.
        versions: by column.
        failed: by column, why it ended before the last row.
    """
    return {
        "date": date.today().isoformat(),
        "versions": dict(versions),
        "failed": dict(failed),
        "cells": [asdict(cell) for cell in cells],
    }


def write(results: Mapping[str, Any], folder: Path, document: Path) -> None:
    """Write `misuse.json`, and put the tables between their marks in a document."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULTS).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    report.put_between(document, BEGIN, END, markdown(results))


def markdown(results: Mapping[str, Any]) -> str:
    """Draw the table of outcomes, and the list of what was found in each cell."""
    columns, found = list(results["versions"]), {(c["row"], c["column"]): c for c in results["cells"]}
    outcomes = [[row.says, *(_outcome(found.get((row.name, column))) for column in columns)] for row in ROWS]
    details = [
        [row.says, column, cell["detail"]]
        for row in ROWS
        for column in columns
        if (cell := found.get((row.name, column)))
    ]
    said = [f"Measured on {results['date']}. {_versions(results['versions'])}."]
    said += [f"{column} ended early: {_plain(why)}" for column, why in results["failed"].items()]
    return (
        "\n\n".join(
            [
                *said,
                report.table(["misuse", *columns], outcomes),
                report.table(["misuse", "", "what was seen"], [[*names, _plain(detail)] for *names, detail in details]),
            ]
        )
        + "\n"
    )


def _outcome(cell: Mapping[str, str] | None) -> str:
    if cell is None:
        return "not run"
    return f"**{WRONG}**" if cell["outcome"] == WRONG else cell["outcome"]


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{column}: {version}" for column, version in versions.items())


def _plain(text: str) -> str:
    """Whatever a peer said, nothing of it ends the cell."""
    return text.replace("|", "\\|").replace("`", "'")
