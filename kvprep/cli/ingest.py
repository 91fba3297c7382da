"""`kvprep ingest`."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kvprep.cli import again
from kvprep.cli.ingest_options import (
    Exclude,
    Include,
    Jobs,
    KeepDrifted,
    MaxBytes,
    Paths,
    Preamble,
    RefuseHidden,
    Worth,
    ingest_settings,
    with_ingest_flags,
)
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import STORE, command
from kvprep.cli.pace import MaxSeconds, Nice, lower_priority
from kvprep.cli.session import Session
from kvprep.config import Settings, TtlSection, parse_duration
from kvprep.receipt import Call, look, num_unchanged

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
    worth: Worth = None,
    strict: Annotated[bool, typer.Option("--strict", help="A document that fails is an error: exit 1.")] = False,
    wait: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Wait no longer for another ingest to end: exit 11.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for another ingest: exit 75.")] = False,
    max_seconds: MaxSeconds = None,
    nice: Nice = None,
) -> None:
    """Read, prefill and store documents.

    What is stored is their keys and values, encrypted. Unchanged documents cost next to nothing, and a changed one
    replaces its older version at once. What a mail has attached is a document of its own. After an upgrade of
    kvprep or of a library that reads, unchanged files are read again; only those whose text changed are computed.
    One bad file never stops the rest. Names that begin with a dot and symbolic links are passed over. Where no store
    was ever seen, one is made. While another ingest runs in the namespace, this one waits.
    """
    lower_priority(nice)
    session = session.with_model(name=model, device=device, dtype=dtype)
    session = with_ingest_flags(
        session,
        preamble=preamble,
        jobs=jobs,
        include=include,
        exclude=exclude,
        max_bytes=max_bytes,
        refuse_hidden=refuse_hidden,
        worth=worth,
    )
    session = replace(session, settings=replace(session.settings, ttl=_ttl(session.settings, ttl)))
    began = time.perf_counter()
    # JSON lists every source, and a receipt names none. Pruning looks for sources that a walk does not come by.
    call = None if session.as_json or prune_missing else _call(session, paths, keep_drifted)
    seen = look(call) if call else None
    # It does not wait for another ingest: what that one has changed so far is no longer what the receipt covers.
    if call and seen and (number := num_unchanged(seen)) is not None:
        again.remember(call)
        again.draw(call, number, time.perf_counter() - began, is_quiet=session.quiet)
        return
    from kvprep.cli import ingesting
    from kvprep.pipeline.timelimit import TimeLimit

    limit = TimeLimit(max_seconds)
    chosen = replace(ingest_settings(session, keep_drifted=keep_drifted), prune_missing=prune_missing)
    wait = 0.0 if no_wait else wait
    report = ingesting.run(session, paths, chosen, wait_seconds=wait, later=no_wait, seen=seen, limit=limit)
    ingesting.log(session, report)
    if not session.emit("ingest", ingesting.report_facts(report)):
        ingesting.draw(report)
    ingesting.judge(report, strict, limit)


def _call(session: Session, paths: list[Path], keep_drifted: bool) -> Call:
    settings = session.settings
    files = (session.settings_file, settings.ingest.preamble)
    return Call(
        paths=tuple(path.expanduser().absolute() for path in paths),
        include=settings.ingest.include,
        exclude=settings.ingest.exclude,
        settings=f"{settings!r} {keep_drifted}",
        files=tuple(file.absolute() for file in files if file),
        store=session.path,
        key_file=settings.key_file.expanduser().absolute() if settings.key_file else None,
    )


def _ttl(settings: Settings, flag: str | None) -> TtlSection:
    if flag is None:
        return settings.ttl
    try:
        return TtlSection(parse_duration(flag))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--ttl") from error
