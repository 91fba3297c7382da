"""The peers' results as JSON and as tables, and what they say of target 2."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from bench import report
from bench.peers.peer import BOTH, STEPS, Outcome
from bench.timing import ratio

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
_TARGET = 1.0
_TARGET_TOKENS = "8000"


def record(outcomes: Sequence[Outcome], targets: Mapping[str, Any], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Put everything down that was measured.

    Args:
        outcomes: kvprep's first.
        targets: of `target`.
        machine: what `bench.report.setting` lists: `machine`, `versions`, `load_average`.
    """
    return {
        "date": date.today().isoformat(),
        **machine,
        "targets": dict(targets),
        "peers": [asdict(outcome) for outcome in outcomes],
    }


def target(ours: Outcome, theirs: Outcome, own_clock: str) -> dict[str, dict[str, Any]]:
    """Judge target 2; absent where either was not measured at 8,000 tokens.

    Args:
        ours: kvprep.
        theirs: llama.cpp.
        own_clock: name of the same step by llama.cpp's own clock, without JSON and HTTP; it must be reached too.
    """
    if not all(BOTH in outcome.sizes.get(_TARGET_TOKENS, {}) for outcome in (ours, theirs)):
        return {}
    mine, other = ours.sizes[_TARGET_TOKENS], theirs.sizes[_TARGET_TOKENS]
    wall, inside = ratio(mine[BOTH], other[BOTH]), ratio(mine[BOTH], other[own_clock])
    detail = (
        f"kvprep's open, load and first token ÷ llama.cpp's restore and first token: {wall}; against llama.cpp's own "
        f"clock, which leaves HTTP out and must be reached too: {inside}; medians of {len(mine[BOTH])} and "
        f"{len(other[BOTH])} rounds of `make bench-peers`, {date.today().isoformat()}"
    )
    met = max(wall.value, inside.value) <= _TARGET
    return {"2": {"value": round(wall.value, 3), "target": _TARGET, "met": met, "detail": detail}}


def write(results: Mapping[str, Any], folder: Path, document: Path) -> None:
    """Write `peers.json`, put the tables between their marks, and target 2 among the last `make bench`'s."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / report.PEERS).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    report.put_between(document, BEGIN, END, markdown(results))
    if (latest := folder / report.LATEST).exists():
        report.write(json.loads(latest.read_text()), folder, document)


def markdown(results: Mapping[str, Any]) -> str:
    """Draw a table for each number of tokens, and one of what each peer is."""
    peers = results["peers"]
    parts = [f"Measured on {results['date']}.", report.setting(results)]
    if results["targets"]:
        parts.append(report.target_table(results["targets"]))
    sizes = {tokens: None for peer in peers for tokens in peer["sizes"]}
    parts += [_figures(peers, tokens) for tokens in sorted(sizes, key=int)]
    return "\n\n".join([*parts, _descriptions(peers)]) + "\n"


def _figures(peers: Sequence[Mapping[str, Any]], tokens: str) -> str:
    rows = []
    for peer in peers:
        seconds = peer["sizes"].get(tokens, {})
        cells = [report.times(seconds[step]) if seconds.get(step) else "–" for step in STEPS]
        rows.append([peer["peer"]["name"], *cells])
    return report.table([f"{int(tokens):,} tokens", *STEPS], rows)


def _descriptions(peers: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [peer["peer"]["name"], peer["peer"]["version"], peer["peer"]["numbers"], peer["peer"]["unchecked"], _end(peer)]
        for peer in peers
    ]
    return report.table(["peer", "version", "types and conditions", "what it checks, and what not", "ran"], rows)


def _end(peer: Mapping[str, Any]) -> str:
    """Say how a peer's run ended; a reason may hold anything, so nothing of it may end the cell."""
    failed = str(peer["failed"]).replace("|", "\\|").replace("`", "'")
    return f"failed: {failed}" if failed else "to the end"
