"""`verify --repair`: what was damaged is dropped, and computed again where that is possible."""

from collections.abc import Callable
from dataclasses import replace

from kvprep.cli import render
from kvprep.cli.ingest_options import ingest_settings
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.documents.cage import Cage
from kvprep.errors import ModelError, StoreFull
from kvprep.pipeline.refill import refill
from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelFiles
from kvprep.store.findings import VerifyReport
from kvprep.store.repair import LostDocument, drop_damaged
from kvprep.store.store import Store
from kvprep.types import Outcome, Severity


def repair(
    session: Session, cage: Cage, store: Store, report: VerifyReport, load: Callable[[ModelFiles], Engine]
) -> Facts:
    """Drop what a report calls damaged, ingest again what can be, and say what was done."""
    dropped = drop_damaged(store, report.findings)
    ingested, left = 0, list[str]()
    for name, lost in dropped.lost.items():
        if lost:
            count, not_done = _ingest_again(session, cage, store, name, lost, load)
            ingested, left = ingested + count, left + not_done
    return {
        "damaged": sorted({f.subject for f in report.findings if f.severity is Severity.ERROR}),
        "entries": dropped.entries,
        "documents": dropped.documents,
        "segments": dropped.segments,
        "ingested": ingested,
        "left": left,
    }


def _ingest_again(
    session: Session,
    cage: Cage,
    store: Store,
    name: str,
    lost: list[LostDocument],
    load: Callable[[ModelFiles], Engine],
) -> tuple[int, list[str]]:
    """Return how many documents were ingested, and the sources of those that were not."""
    namespace = store.namespace(name)
    settings = replace(ingest_settings(session, keep_drifted=True), model=session.model(namespace))
    try:
        with namespace.lease(), session.progress() as progress:
            done = refill(namespace, cage, lost, settings, progress, load=load)
    except (ModelError, StoreFull) as error:
        session.say(f"Nothing was computed again: {error}")
        return 0, sorted({path for document in lost for path in document.sources})
    items = (item for report in done.reports for item in report.items)
    return sum(item.outcome is Outcome.INGESTED for item in items), list(done.left)


def draw_repair(facts: Facts) -> None:
    """Say what was done."""
    parts = (
        render.counted(facts["entries"], "entry", "entries"),
        render.counted(facts["documents"], "text"),
        render.counted(facts["segments"], "segment"),
    )
    print(f"dropped: {', '.join(parts)}; {render.counted(facts['ingested'], 'document')} ingested again")
    for path in facts["left"]:
        print(f"to be ingested: {path}")
