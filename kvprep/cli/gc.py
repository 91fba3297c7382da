"""`kvprep gc`."""

import time
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.session import Session
from kvprep.store.gc import collect


@command(example="kvprep gc --dry-run", codes=(*STORE, 11))
def gc(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
) -> None:
    """Remove what expired and what nothing needs any more.

    Expired entries, files that no entry needs, and leftovers of killed runs, in all namespaces. Does not run beside an
    ingest: exit 11.
    """
    with session.store() as store:
        collected = collect(store, dry_run=dry_run, now=time.time())
    facts = {
        "segments": collected.segments,
        "entries": collected.entries,
        "documents_kept": collected.documents,
        "temporary": collected.temporary,
        "bytes": collected.num_bytes,
        "unreadable": list(collected.unreadable),
        "dry_run": dry_run,
    }
    if not session.emit("gc", facts):
        verb = "would be freed" if dry_run else "freed"
        parts = (
            render.counted(collected.entries, "expired entry", "expired entries"),
            render.counted(collected.segments, "segment"),
            render.counted(collected.temporary, "temporary file"),
        )
        print(f"{render.size(collected.num_bytes)} {verb}: {', '.join(parts)}")
        if collected.documents:
            print(f"{render.counted(collected.documents, 'document')} without source or entry kept as history")
    for subject in collected.unreadable:
        session.say(f"{subject}: does not open; no segment was removed, since it may need one. See `kvprep verify`.")
