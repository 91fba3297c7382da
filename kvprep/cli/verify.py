"""`kvprep verify`."""

from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.errors import IntegrityError
from kvprep.store.layout import open_layout
from kvprep.store.verify import Level, VerifyReport, verify_sealed
from kvprep.store.verify import verify as verify_store
from kvprep.types import Severity


@command(example="kvprep verify\nkvprep verify --level checksum   # needs no key", codes=STORE)
def verify(
    session: Session,
    level: Annotated[
        Level,
        typer.Option(
            help="structure: names and lengths; checksum: every byte, without a key; bytes: everything opens."
        ),
    ] = Level.BYTES,
    rebuild_index: Annotated[
        bool, typer.Option("--rebuild-index", help="First build index.sqlite anew from the sealed files.")
    ] = False,
) -> None:
    """Check that every file is what was written. Changes nothing, but for --rebuild-index."""
    if rebuild_index:
        _rebuild(session)
    report = _verify(session, level)
    facts = _facts(report)
    if not session.emit("verify", facts):
        _draw(facts)
    if not report.ok:
        problems = sum(finding.severity is Severity.ERROR for finding in report.findings)
        raise IntegrityError(
            f"{problems} problem{'' if problems == 1 else 's'} found", hint="Each line says its remedy."
        )


def _rebuild(session: Session) -> None:
    with session.store() as store:
        for namespace in store.namespaces():
            namespace.rebuild_index()
            session.say(f"Index of namespace {namespace.name} built anew")


def _verify(session: Session, level: Level) -> VerifyReport:
    if level is not Level.BYTES:
        return verify_sealed(open_layout(session.path), level)
    with session.store() as store:
        return verify_store(store, level=level)


def _facts(report: VerifyReport) -> Facts:
    return {
        "level": str(report.level),
        "checked": dict(report.checked),
        "findings": [
            {"severity": str(f.severity), "subject": f.subject, "problem": f.problem, "remedy": f.remedy}
            for f in report.findings
        ],
        "ok": report.ok,
    }


def _draw(facts: Facts) -> None:
    checked = ", ".join(f"{count:,} {name}" for name, count in facts["checked"].items() if count)
    if facts["findings"]:
        columns = ("severity", "subject", "problem", "remedy")
        render.table(columns, [tuple(finding[column] for column in columns) for finding in facts["findings"]])
    print(f"{'sound' if facts['ok'] else 'NOT SOUND'} at level {facts['level']}: {checked or 'nothing to check'}")
