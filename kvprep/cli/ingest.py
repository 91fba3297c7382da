"""`kvprep ingest`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.creation import furnish
from kvprep.cli.ingest_options import (
    Exclude,
    Include,
    Jobs,
    KeepDrifted,
    MaxBytes,
    Paths,
    Preamble,
    RefuseHidden,
    ingest_settings,
    with_ingest_flags,
)
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.cli.unlocking import passphrase_for
from kvprep.config import Settings, TtlSection, parse_duration
from kvprep.errors import DocumentError, SomeFailed, StoreLocked, TryAgainLater
from kvprep.pipeline import IngestReport, IngestSettings
from kvprep.pipeline import ingest as run_ingest
from kvprep.store.namespace import Namespace
from kvprep.store.store import open_or_create
from kvprep.types import IngestItem, Outcome

_EXAMPLE = """
kvprep ingest ~/contracts ~/invoices/2026
kvprep ingest --model HuggingFaceTB/SmolLM2-1.7B-Instruct --ttl 90d --exclude 'drafts/*' .
"""


@command(example=_EXAMPLE, codes=(*STORE, 3, 11, 75))
def ingest(
    session: Session,
    paths: Paths,
    model: Model = None,
    device: Device = None,
    dtype: Dtype = None,
    preamble: Preamble = None,
    ttl: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Time to live: 12h, 30d, none.  [default: 30d]")
    ] = None,
    jobs: Jobs = None,
    include: Include = None,
    exclude: Exclude = None,
    max_bytes: MaxBytes = None,
    prune_missing: Annotated[
        bool, typer.Option("--prune-missing", help="Remove documents whose sources are gone.")
    ] = False,
    refuse_hidden: RefuseHidden = False,
    keep_drifted: KeepDrifted = False,
    strict: Annotated[bool, typer.Option("--strict", help="A document that fails is an error: exit 1.")] = False,
    wait: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Wait no longer for another ingest to end: exit 11.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for another ingest: exit 75.")] = False,
) -> None:
    """Read, prefill and store documents.

    What is stored is their keys and values, encrypted. Unchanged documents cost next to nothing, and a changed one
    replaces its older version at once. What a mail has attached is a document of its own. After an upgrade of
    kvprep or of a library that reads, unchanged files are read again; only those whose text changed are computed.
    One bad file never stops the rest. Names that begin with a dot and symbolic links are passed over. Where no store
    was ever seen, one is made. While another ingest runs in the namespace, this one waits.
    """
    session = session.with_model(name=model, device=device, dtype=dtype)
    session = with_ingest_flags(
        session,
        preamble=preamble,
        jobs=jobs,
        include=include,
        exclude=exclude,
        max_bytes=max_bytes,
        refuse_hidden=refuse_hidden,
    )
    session = replace(session, settings=replace(session.settings, ttl=_ttl(session.settings, ttl)))
    chosen = replace(ingest_settings(session, keep_drifted=keep_drifted), prune_missing=prune_missing)
    report = _run(session, paths, chosen, wait_seconds=0.0 if no_wait else wait, later=no_wait)
    facts = _facts(report)
    if not session.emit("ingest", facts):
        _draw(report)
    _judge(report, strict)


def _run(
    session: Session, paths: list[Path], settings: IngestSettings, *, wait_seconds: float | None, later: bool
) -> IngestReport:
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
            return run_ingest(namespace, cage, paths, settings, progress)


@contextmanager
def _namespace(session: Session) -> Iterator[Namespace]:
    is_there = (session.path / "store.toml").exists()
    passphrase = passphrase_for(session.path, session.settings) if is_there else None
    store, is_new = open_or_create(session.path, key_file=session.settings.key_file, passphrase=passphrase)
    with store:
        if is_new:
            furnish(session, store)
        yield store.namespace(session.settings.namespace, create=True)


def _ttl(settings: Settings, flag: str | None) -> TtlSection:
    if flag is None:
        return settings.ttl
    try:
        return TtlSection(parse_duration(flag))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--ttl") from error


def _facts(report: IngestReport) -> Facts:
    return {
        "documents": report.counts(),
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


def _draw(report: IngestReport) -> None:
    counts = {name: count for name, count in report.counts().items() if count or name == "found"}
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if not name.startswith("reread"))
    pairs = {"documents": shown}
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


def _judge(report: IngestReport, strict: bool) -> None:
    bad = bad_items(report)
    failed = [item for item in bad if item.outcome is Outcome.FAILED]
    if strict and failed:
        raise DocumentError(f"{len(failed)} of {len(report.items)} documents failed", hint="Mend or --exclude them.")
    if bad:
        raise SomeFailed(
            f"{len(bad)} of {len(report.items)} sources were skipped or could not be read; the rest is done",
            hint="Mend them, or leave them out with --exclude.",
        )
