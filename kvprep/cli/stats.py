"""`kvprep stats`."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts, timestamp
from kvprep.cli.session import Session
from kvprep.config import parse_duration
from kvprep.store.layout import file_size
from kvprep.store.namespace import Namespace
from kvprep.store.needs import awaiting_shred

RESULTS = ("hit", "partial", "miss", "stale", "expired", "mismatch", "denied", "corrupt")
_KINDS = ("segments", "entries", "documents")


@command(example="kvprep stats --since 7d", codes=STORE)
def stats(
    session: Session,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Look-ups since then: 7d, 12h, 2026-11-01.  [default: all]")
    ] = None,
) -> None:
    """Say how often the store was used and what it saved."""
    began = began_at(since)
    with session.namespace() as namespace:
        lookups = namespace.store.usage.lookups(namespace.ident.hex(), since=began)
        storage = {
            "bytes": sum(_file_sizes(namespace.store.path)),
            "entries": len(namespace.index.entries()),
            "documents": len(namespace.index.documents()),
            "awaiting_shred": _awaiting_shred(namespace),
        }
    facts = {"since": timestamp(began) if since else None, **summarise(lookups), "storage": storage}
    if not session.emit("stats", facts):
        _draw(facts)


def began_at(since: str | None) -> float:
    """Seconds since the epoch that `--since` means; 0 without it."""
    return 0.0 if since is None else parse_since(since, time.time())


def parse_since(text: str, now: float) -> float:
    """Read a span before `now`, or a date or time of ISO 8601, as seconds since the epoch.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        span = parse_duration(text)
        return now - span if span is not None else 0.0
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a span (7d) nor a date (2026-11-01)") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def summarise(lookups: Sequence[Mapping[str, Any]]) -> Facts:
    """Add look-ups up: by result, in tokens, in seconds."""
    by_result = Counter(lookup["result"] for lookup in lookups)
    requested = sum(lookup["tokens_requested"] for lookup in lookups)
    reused = sum(lookup["tokens_reused"] for lookup in lookups)
    loaded = [lookup["load_seconds"] for lookup in lookups if lookup["tokens_reused"]]
    return {
        "lookups": {result: by_result[result] for result in RESULTS},
        "hit_rate": reused / requested if requested else None,
        "tokens": {"requested": requested, "reused": reused},
        "saved": {
            "prefill_seconds": sum(lookup["saved_seconds"] for lookup in lookups),
            "flops": sum(lookup["saved_flops"] for lookup in lookups),
        },
        "latency": {
            "load": _percentiles(loaded),
            "first_token": _percentiles([lookup["first_token_seconds"] for lookup in lookups]),
        },
    }


def _percentiles(values: Sequence[float]) -> Facts:
    """The nearest-rank 50th and 95th percentile; None without values."""
    ordered = sorted(values)
    ranks = {"p50": 0.50, "p95": 0.95}
    return {
        name: ordered[-(-round(share * 100) * len(ordered) // 100) - 1] if ordered else None
        for name, share in ranks.items()
    }


def _file_sizes(store: Path) -> Iterator[int]:
    for kind in _KINDS:
        for folder, _, names in os.walk(store / kind):
            yield from (file_size(f"{folder}/{name}") for name in names)


def _awaiting_shred(namespace: Namespace) -> Facts:
    """Count segments that hold a removed document's blocks beside needed ones, and the bytes of those blocks."""
    layout = namespace.store.layout
    uses = awaiting_shred(namespace)
    sizes = (use.dead_share(file_size(layout.file("segments", use.stretch.segment))) for use in uses)
    return {"segments": len(uses), "bytes": sum(sizes)}


def _draw(facts: Facts) -> None:
    counts = ", ".join(f"{count} {result}" for result, count in facts["lookups"].items() if count) or "none yet"
    tokens, saved, storage, latency = facts["tokens"], facts["saved"], facts["storage"], facts["latency"]
    pairs = {"look-ups": counts}
    if facts["hit_rate"] is not None:
        pairs["tokens"] = f"{tokens['reused']:,} of {tokens['requested']:,} reused ({facts['hit_rate']:.1%})"
        pairs["saved"] = f"{render.seconds(saved['prefill_seconds'])} of prefill, {saved['flops']:.3g} FLOPs"
        for name, label in (("load", "load"), ("first_token", "first token")):
            if latency[name]["p50"] is not None:
                half, most = (render.seconds(latency[name][p]) for p in ("p50", "p95"))
                pairs[label] = f"{half} in half of the cases, {most} in 95 %"
    stored = (
        f"{render.counted(storage['entries'], 'entry', 'entries')}, {render.counted(storage['documents'], 'document')}"
    )
    pairs["stored"] = f"{stored}; the store takes {render.size(storage['bytes'])}"
    if (awaiting := storage["awaiting_shred"])["segments"]:
        segments = render.counted(awaiting["segments"], "segment")
        pairs["awaiting shred"] = (
            f"{render.size(awaiting['bytes'])} of removed documents, in {segments} that others share: run `kvprep gc`"
        )
    render.facts(pairs)
