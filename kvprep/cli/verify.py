"""`kvprep verify`."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from typing import TYPE_CHECKING

import typer

from kvprep.cli import render
from kvprep.cli.junit import write_junit
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.pace import Nice, lower_priority
from kvprep.cli.session import Session
from kvprep.cli.verify_options import (
    HowDeep,
    JUnit,
    MaxAge,
    MaxDuration,
    Mend,
    RebuildIndex,
    Sample,
    Writers,
    effort,
    public_keys,
)
from kvprep.errors import IntegrityError
from kvprep.store.counted import count_verification
from kvprep.store.layout import open_layout
from kvprep.store.verify import Effort, Level, VerifyReport, verify_sealed
from kvprep.store.verify import verify as verify_store
from kvprep.types import Severity

if TYPE_CHECKING:
    from kvprep.prefill.base import Engine
    from kvprep.prefill.models import ModelFiles
    from kvprep.store.namespace import Namespace
    from kvprep.store.store import Store

_EXAMPLE = """
kvprep verify
kvprep verify --level checksum   # needs no key
kvprep verify --writer 5f2a…     # needs none either: did this writer write it all, and nobody else?
kvprep verify --level deep --max-duration 30m --max-age 7d   # every night
kvprep verify --repair
"""


@command(example=_EXAMPLE, codes=STORE)
def verify(
    session: Session,
    level: HowDeep = None,
    writer: Writers = None,
    sample: Sample = None,
    max_duration: MaxDuration = None,
    max_age: MaxAge = None,
    mend: Mend = False,
    rebuild_index: RebuildIndex = False,
    junit: JUnit = None,
    model: Model = None,
    device: Device = None,
    dtype: Dtype = None,
    nice: Nice = None,
) -> None:
    """Check that every file is what was written.

    In all namespaces that the key opens. Changes nothing, but for --repair and --rebuild-index, and a log of what was
    checked when: a sample begins with what was unchecked for the longest time. Runs beside everything else; what others
    do meanwhile is no finding.
    """
    lower_priority(nice)
    session = session.with_model(name=model, device=device, dtype=dtype)
    chosen, writers = effort(sample, max_duration, max_age), public_keys(writer or [])
    level = level or (Level.CHECKSUM if writers else Level.BYTES)
    _check_options(level, chosen, writers, mend)
    if rebuild_index:
        _rebuild(session)
    began = time.monotonic()
    report, repaired = _verify(session, level, chosen, writers, mend)
    if junit is not None:
        write_junit(junit, report, time.monotonic() - began)
    _tell(session, report, repaired, mend)


def _tell(session: Session, report: VerifyReport, repaired: Facts | None, mend: bool) -> None:
    """Print the report; raise where something is wrong."""
    facts = _facts(report) | {"repaired": repaired}
    if not session.emit("verify", facts):
        _draw(facts)
    if not report.ok:
        problems = sum(finding.severity is Severity.ERROR for finding in report.findings)
        raise IntegrityError(
            f"{problems} problem{'' if problems == 1 else 's'} found",
            hint="Each line says its remedy." if mend else "Each line says its remedy; --repair does what it can.",
        )


def _check_options(level: Level, chosen: Effort, writers: list[bytes], mend: bool) -> None:
    if writers and level is not Level.CHECKSUM:
        raise typer.BadParameter("needs level checksum", param_hint="--writer")
    if mend and level not in (Level.BYTES, Level.DEEP):
        raise typer.BadParameter("needs level bytes or deep", param_hint="--repair")
    if level is Level.STRUCTURE and chosen != Effort():
        raise typer.BadParameter("level structure reads no contents of which there could be a part")


def _rebuild(session: Session) -> None:
    with session.store() as store:
        for namespace in store.namespaces():
            namespace.rebuild_index()
            session.say(f"Index of namespace {namespace.name} built anew")


def _verify(
    session: Session, level: Level, chosen: Effort, writers: list[bytes], mend: bool
) -> tuple[VerifyReport, Facts | None]:
    """Check, and after a repair check again."""
    if level not in (Level.BYTES, Level.DEEP):
        return verify_sealed(open_layout(session.path), level, effort=chosen, writers=writers), None
    load = lru_cache(maxsize=1)(_load_engine)
    with ExitStack() as stack:
        # The readers start first: no process that opens a stranger's file has ever seen the key.
        cage = stack.enter_context(session.cage()) if mend else None
        store = stack.enter_context(session.store())
        report = _check(session, store, level, chosen, load)
        if cage is None or report.ok:
            return report, None
        from kvprep.cli.repair import repair

        repaired = repair(session, cage, store, report, load)
        return _check(session, store, level, chosen, load), repaired


def _load_engine(files: "ModelFiles") -> "Engine":
    from kvprep.pipeline.model import load_engine

    return load_engine(files)


def _check(
    session: Session, store: "Store", level: Level, chosen: Effort, load: "Callable[[ModelFiles], Engine]"
) -> VerifyReport:
    report = _checked(session, store, level, chosen, load)
    count_verification(store.usage, report)
    return report


def _checked(
    session: Session, store: "Store", level: Level, chosen: Effort, load: "Callable[[ModelFiles], Engine]"
) -> VerifyReport:
    if level is Level.BYTES:
        return verify_store(store, effort=chosen)
    from kvprep.checks.deep import verify_deep
    from kvprep.pipeline.model import remembered_spec
    from kvprep.prefill.models import resolve

    with session.progress() as progress:

        def find_model(namespace: "Namespace") -> "ModelFiles":
            return resolve(session.model(namespace) or remembered_spec(namespace.state().settings), progress)

        return verify_deep(store, effort=chosen, find_model=find_model, load_engine=load)


def _facts(report: VerifyReport) -> Facts:
    return {
        "level": str(report.level),
        "checked": dict(report.checked),
        "passed_over": {"recent": report.recent, "left": report.left},
        "findings": [
            {"severity": str(f.severity), "subject": f.subject, "problem": f.problem, "remedy": f.remedy}
            for f in report.findings
        ],
        "ok": report.ok,
    }


def _draw(facts: Facts) -> None:
    if facts["repaired"]:
        from kvprep.cli.repair import draw_repair

        draw_repair(facts["repaired"])
    checked = ", ".join(_counted(count, name) for name, count in facts["checked"].items() if count)
    if facts["findings"]:
        columns = ("severity", "subject", "problem", "remedy")
        render.table(columns, [tuple(finding[column] for column in columns) for finding in facts["findings"]])
    print(f"{'sound' if facts['ok'] else 'NOT SOUND'} at level {facts['level']}: {checked or 'nothing to check'}")
    passed_over = facts["passed_over"]
    if any(passed_over.values()):
        print(f"passed over: {passed_over['recent']:,} found sound lately, {passed_over['left']:,} left for later runs")


def _counted(count: int, kind: str) -> str:
    return render.counted(count, "entry" if kind == "entries" else kind.removesuffix("s"), kind)
