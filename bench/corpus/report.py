"""The corpus's results as JSON and as a table; figures only, nothing of the documents."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bench.corpus.files import REPOSITORY, Measured
from bench.corpus.measures import MEASURES, READING_MEASURES
from bench.report import put_between
from kvprep import __version__
from kvprep.documents.canonical import CANON_VERSION

RESULTS = REPOSITORY / "bench" / "results" / "corpus.json"
DOCUMENT = REPOSITORY / "docs" / "canonical-text.md"
BEGIN, END = "<!-- corpus: begin -->", "<!-- corpus: end -->"
KVPREP = "kvprep"


def record(figures: Mapping[str, Mapping[str, Measured]], versions: Mapping[str, str]) -> dict[str, Any]:
    """Put down who found how much of what.

    Args:
        figures: extractor → measure → what it found.
        versions: of each extractor but kvprep.
    """
    return {
        "date": date.today().isoformat(),
        "versions": {KVPREP: f"{__version__}, canon {CANON_VERSION}", **versions},
        "figures": {
            extractor: {key: {"found": round(m.found, 4), "total": m.total} for key, m in measured.items()}
            for extractor, measured in figures.items()
        },
    }


def write(results: Mapping[str, Any], folder: Path = RESULTS.parent, document: Path = DOCUMENT) -> None:
    """Write the JSON, and put the table between the marks of the document."""
    (folder / RESULTS.name).write_text(json.dumps(results, indent=1) + "\n")
    put_between(document, BEGIN, END, table(results) + "\n")


def table(results: Mapping[str, Any]) -> str:
    """Draw the table of results: a row a measure, a column an extractor."""
    versions, figures = results["versions"], results["figures"]
    head = ["measure", "bar", *(f"{name} {versions[name]}" for name in figures)]
    rows = [head, ["---"] * len(head), *_rows(figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\nMeasured on {results['date']}."


def _rows(figures: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    titles = {key: (measure.what, measure.bar) for key, measure in MEASURES.items()}
    titles |= {key: (what, 1.0) for key, (what, _) in READING_MEASURES.items()}
    return [
        [what, _percent(bar) if bar else "", *(_cell(measured.get(key)) for measured in figures.values())]
        for key, (what, bar) in titles.items()
    ]


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "–"
    measured = Measured(figure["found"], figure["total"])
    whole = isinstance(figure["found"], int) or float(figure["found"]).is_integer()
    detail = f" ({int(measured.found):,} of {measured.total:,})" if whole else f" (mean of {measured.total} files)"
    return _percent(measured.share) + detail


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
