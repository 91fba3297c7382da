"""`kvprep gc`."""

import time
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.evictions import draw_evictions, draw_money, eviction_facts, money_facts
from kvprep.cli.ingest_options import sized
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.pace import Nice, lower_priority
from kvprep.cli.price_options import Price, prices_of
from kvprep.cli.session import Session
from kvprep.codec import find_codec
from kvprep.config import override
from kvprep.errors import StoreError
from kvprep.pipeline.appraisal import Appraiser
from kvprep.store.gc import Collected, collect
from kvprep.store.store import Store

_WHY_MORE = "what is left is needed, is in use, or is the text of documents."


@command(example="kvprep gc --dry-run", codes=(*STORE, 75))
def gc(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    idle: Annotated[
        bool | None,
        typer.Option("--idle/--no-idle", help="Remove what is idle for longer than pays.  [default: --idle]"),
    ] = None,
    max_bytes: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Remove what is worth least until the rest fits: 200GB.  [default: no limit]"
        ),
    ] = None,
    price: Price = None,
    nice: Nice = None,
) -> None:
    """Remove what expired, what nothing needs, and what is not worth keeping.

    Expired entries, files that no entry needs, and leftovers of killed runs, in all namespaces. Where a removed
    document shares a file with others, what they need of it is sealed anew under another key, and the file removed;
    until then it counts as awaiting shred. Runs beside ingests and readers; what an ingest works with stays.

    An entry is idle for longer than pays when its rent since its last use has eaten what one load saves. Over a limit,
    what nobody asked for yet goes first, then what earns least for its bytes. What goes is computed again when it is
    asked for.
    """
    lower_priority(nice)
    keep = override(session.settings.gc, idle=idle, max_bytes=None if max_bytes is None else sized(max_bytes))
    prices, now = prices_of(session, price), time.time()
    appraiser = Appraiser(prices, now, idle=keep.idle)
    with session.store() as store:
        collected = collect(
            store,
            dry_run=dry_run,
            now=now,
            find_codec=find_codec,
            appraise=appraiser if _has_figures(session, store) else None,
            max_bytes=keep.max_bytes,
        )
        evictions = eviction_facts(collected, appraiser, now)
    facts = {**_facts(collected), **evictions, "money": money_facts(collected, prices), "max_bytes": keep.max_bytes}
    facts["dry_run"] = dry_run
    if not session.emit("gc", facts):
        draw_evictions(facts, prices)
        _draw(collected, dry_run=dry_run)
        draw_money(facts, prices)
    if keep.max_bytes is not None and collected.kept_bytes > keep.max_bytes:
        session.say(f"{render.size(collected.kept_bytes)} kept is more than the limit: {_WHY_MORE}")
    for subject in collected.unreadable:
        session.say(f"{subject}: does not open; no segment was removed, since it may need one. See `kvprep verify`.")


def _has_figures(session: Session, store: Store) -> bool:
    """Tell whether it is known what was used. If not, nothing goes that may be: it might be what is used most."""
    try:
        store.usage.sums()
    except StoreError as error:
        session.say(f"{error}: nothing is evicted. {error.hint}")
        return False
    return True


def _facts(collected: Collected) -> Facts:
    return {
        "segments": collected.segments,
        "resealed": collected.resealed,
        "awaiting_shred": collected.awaiting,
        "entries": collected.entries,
        "documents_kept": collected.documents,
        "temporary": collected.temporary,
        "bytes": collected.num_bytes,
        "kept_bytes": collected.kept_bytes,
        "unreadable": list(collected.unreadable),
    }


def _draw(collected: Collected, *, dry_run: bool) -> None:
    verb = "would be freed" if dry_run else "freed"
    counts = (
        render.counted(collected.entries, "expired entry", "expired entries"),
        render.counted(collected.segments, "segment"),
        render.counted(collected.temporary, "temporary file"),
        f"{render.counted(collected.resealed, 'segment')} sealed anew",
    )
    print(f"{render.size(collected.num_bytes)} {verb}: {', '.join(counts)}; {render.size(collected.kept_bytes)} kept")
    if collected.awaiting:
        print(f"{render.counted(collected.awaiting, 'segment')} awaiting shred: to be sealed anew by a later run")
    if collected.documents:
        print(f"{render.counted(collected.documents, 'document')} without source or entry kept as history")
