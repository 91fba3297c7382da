"""`kvprep gc`."""

import time
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.pace import Nice, lower_priority
from kvprep.cli.session import Session
from kvprep.codec import find_codec
from kvprep.store.gc import collect


@command(example="kvprep gc --dry-run", codes=(*STORE, 75))
def gc(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    nice: Nice = None,
) -> None:
    """Remove what expired and what nothing needs any more.

    Expired entries, files that no entry needs, and leftovers of killed runs, in all namespaces. Where a removed
    document shares a file with others, what they need of it is sealed anew under another key, and the file removed;
    until then it counts as awaiting shred. Runs beside ingests and readers; what an ingest works with stays.
    """
    lower_priority(nice)
    with session.store() as store:
        collected = collect(store, dry_run=dry_run, now=time.time(), find_codec=find_codec)
    facts = {
        "segments": collected.segments,
        "resealed": collected.resealed,
        "awaiting_shred": collected.awaiting,
        "entries": collected.entries,
        "documents_kept": collected.documents,
        "temporary": collected.temporary,
        "bytes": collected.num_bytes,
        "kept_bytes": collected.kept_bytes,
        "unreadable": list(collected.unreadable),
        "dry_run": dry_run,
    }
    if not session.emit("gc", facts):
        verb = "would be freed" if dry_run else "freed"
        counts = (
            render.counted(collected.entries, "expired entry", "expired entries"),
            render.counted(collected.segments, "segment"),
            render.counted(collected.temporary, "temporary file"),
            f"{render.counted(collected.resealed, 'segment')} sealed anew",
        )
        print(
            f"{render.size(collected.num_bytes)} {verb}: {', '.join(counts)}; {render.size(collected.kept_bytes)} kept"
        )
        if collected.awaiting:
            print(f"{render.counted(collected.awaiting, 'segment')} awaiting shred: to be sealed anew by a later run")
        if collected.documents:
            print(f"{render.counted(collected.documents, 'document')} without source or entry kept as history")
    for subject in collected.unreadable:
        session.say(f"{subject}: does not open; no segment was removed, since it may need one. See `kvprep verify`.")
