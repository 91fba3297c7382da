"""The work of `kvprep ingest`, its report and what the report means. Imports all stages, so only once there is work."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from kvprep.cli import render
from kvprep.cli.creation import furnish
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.cli.unlocking import passphrase_for
from kvprep.errors import DocumentError, SomeFailed, StoppedEarly, StoreLocked, TryAgainLater
from kvprep.pipeline import IngestReport, IngestSettings, remembered_spec
from kvprep.pipeline import ingest as run_ingest
from kvprep.pipeline.timelimit import TimeLimit
from kvprep.prefill.models import files_that_tell
from kvprep.progress import Silent
from kvprep.receipt import Look, write_receipt
from kvprep.store.namespace import Namespace
from kvprep.store.opening import open_or_create
from kvprep.types import IngestItem, Outcome


def run(
    session: Session,
    paths: list[Path],
    settings: IngestSettings,
    *,
    wait_seconds: float | None,
    later: bool,
    seen: Look | None,
    limit: TimeLimit,
) -> IngestReport:
    """Ingest, and leave a receipt where nothing was new.

    Args:
        session: settings and store.
        paths: files and folders.
        settings: how; the model is taken from session and namespace.
        wait_seconds: for another ingest to end; None: for ever.
        later: where it would have to wait, raise TryAgainLater.
        seen: what there was before this run; None: it gets no receipt.
        limit: how long it may take.
    """
    # The readers start first: no process that opens a stranger's file has ever seen the key.
    with session.cage() as cage, _namespace(session) as namespace, ExitStack() as lease:
        try:
            lease.enter_context(namespace.lease(wait_seconds=0.0))
        except StoreLocked as error:
            if later:
                raise TryAgainLater(str(error), hint="Run it again when the other one has ended.") from error
            session.say(f"Waiting: {error}")
            lease.enter_context(namespace.lease(wait_seconds=wait_seconds))
        settings = replace(settings, model=session.model(namespace))
        with session.progress() as progress:
            report = run_ingest(namespace, cage, paths, settings, progress, limit=limit)
        if seen is not None and _is_nothing_new(report):
            models = files_that_tell(remembered_spec(namespace.state().settings), Silent())
            write_receipt(seen, len(report.items), namespace.index.next_expiry(seen.began_ns / 1e9), models)
        return report


def _is_nothing_new(report: IngestReport) -> bool:
    counts = report.counts()
    return 0 < counts.pop("found") == counts.pop("unchanged") and not any(counts.values()) and not report.left


@contextmanager
def _namespace(session: Session) -> Iterator[Namespace]:
    is_there = (session.path / "store.toml").exists()
    passphrase = passphrase_for(session.path, session.settings) if is_there else None
    store, is_new = open_or_create(session.path, key_file=session.settings.key_file, passphrase=passphrase)
    with store:
        if is_new:
            furnish(session, store)
        session.greet(store)
        yield store.namespace(session.settings.one_namespace, create=True)


def report_facts(report: IngestReport) -> Facts:
    """Write a report for JSON."""
    return {
        "documents": report.counts(),
        "left": report.left,
        "tokens": {
            "total": report.tokens_total,
            "computed": report.tokens_computed,
            "reused": report.tokens_reused,
        },
        "bytes": {"kv": report.kv_bytes, "stored": report.stored_bytes},
        "seconds": {
            "normalise": report.normalise_s,
            "prefill": report.prefill_s,
            "store": report.store_s,
            "wall": report.wall_s,
        },
        "items": [item_facts(item) for item in report.items],
    }


def item_facts(item: IngestItem) -> Facts:
    """Write what became of a source for JSON."""
    return {
        "source": item.source,
        "document": item.document,
        "outcome": str(item.outcome),
        "reason": item.reason,
        "tokens": item.tokens,
        "computed": item.computed,
    }


def log(session: Session, report: IngestReport) -> None:
    """Log how many sources had which outcome, and what each stage took."""
    for outcome, number in Counter(item.outcome for item in report.items).items():
        session.log(f"{number} {outcome}", outcome=str(outcome), documents=number)
    if report.left:
        session.log(f"{report.left} left", outcome="left", documents=report.left)
    session.log("read", stage="read", seconds=report.normalise_s, files_reread=report.reread)
    session.log(
        "prefill",
        stage="prefill",
        seconds=report.prefill_s,
        tokens_computed=report.tokens_computed,
        tokens_reused=report.tokens_reused,
    )
    session.log(
        "store",
        stage="store",
        seconds=report.store_s,
        bytes_kv=report.kv_bytes,
        bytes_stored=report.stored_bytes,
        superseded=report.superseded,
        pruned=report.pruned,
    )


def draw(report: IngestReport) -> None:
    """Draw the sums of a report, and what was skipped or failed."""
    counts = {name: count for name, count in report.counts().items() if count or name == "found"}
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if not name.startswith("reread"))
    pairs = {"documents": shown + (f", {report.left} left" if report.left else "")}
    if report.reread:
        pairs["upgrade"] = f"{report.reread} unchanged sources read again, {report.reread_changed} show another text"
    if report.tokens_total:
        pairs["tokens"] = f"{report.tokens_computed:,} computed, {report.tokens_reused:,} reused"
        pairs["bytes"] = f"{render.size(report.kv_bytes)} of keys and values, {render.size(report.stored_bytes)} stored"
    pairs["time"] = (
        f"{render.seconds(report.normalise_s)} reading, {render.seconds(report.prefill_s)} prefill, "
        f"{render.seconds(report.store_s)} storing, {render.seconds(report.wall_s)} in all"
    )
    render.facts(pairs)
    draw_bad(report)


def draw_bad(report: IngestReport) -> None:
    """Draw a table of what was skipped or failed, and why."""
    if bad := bad_items(report):
        render.table(("outcome", "reason", "source"), [(str(i.outcome), i.reason, i.source) for i in bad])


def bad_items(report: IngestReport) -> list[IngestItem]:
    """List what was skipped or failed."""
    return [item for item in report.items if item.outcome in (Outcome.SKIPPED, Outcome.FAILED)]


def judge(report: IngestReport, strict: bool, limit: TimeLimit) -> None:
    """Raise what says by its exit code that not every source is stored."""
    if report.left:
        raise StoppedEarly(
            f"stopped after {limit.seconds:g} s; {render.counted(report.left, 'document')} left; run it again",
            hint="What was done stays done: the next run carries on.",
        )
    bad = bad_items(report)
    failed = [item for item in bad if item.outcome is Outcome.FAILED]
    if strict and failed:
        raise DocumentError(f"{len(failed)} of {len(report.items)} documents failed", hint="Mend or --exclude them.")
    if bad:
        raise SomeFailed(
            f"{len(bad)} of {len(report.items)} sources were skipped or could not be read; the rest is done",
            hint="Mend them, or leave them out with --exclude.",
        )
