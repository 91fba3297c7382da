"""`kvprep audit`."""

import re
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts, timestamp
from kvprep.cli.session import Session
from kvprep.cli.since import began_at
from kvprep.errors import IntegrityError
from kvprep.store import remembered
from kvprep.store.audit import Head, Record
from kvprep.store.store import Store

COMMANDS = {
    "show": "List who looked up, loaded, wrote or removed what.",
    "verify": "Check every link of the audit log's chain, and its length.",
    "checkpoint": "Print the log's length and last link.",
}
_CHECKPOINT = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_ID_DIGITS = 12


@command(example="kvprep audit show --since 7d --by ann/laptop", codes=STORE)
def show(
    session: Session,
    by: Annotated[str | None, typer.Option(metavar="PRINCIPAL", help="Of this one: user/key label.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Since then: 7d, 12h, 2026-11-01.  [default: all]")
    ] = None,
) -> None:
    """List who looked up, loaded, wrote or removed what, oldest first. It never holds text of a document."""
    with session.store() as store:
        names = {bytes(namespace.ident): namespace.name for namespace in store.namespaces()}
        found = store.audit.records(since=began_at(since), principal=by)
        records = [_facts(record, names) for record in found]
    if session.emit("audit-show", {"records": records}):
        return
    columns = ("record", "time", "principal", "verb", "outcome", "namespace", "subject", "tokens")
    render.table(columns, [_row(record) for record in records], numbers=("record", "tokens"))


@command(
    example="kvprep audit verify\nkvprep audit verify --checkpoint 1204:5f3c…   # what `audit checkpoint` printed",
    codes=STORE,
)
def verify(
    session: Session,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="COUNT:LINK", help="The log must still hold this record; repeatable."),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Let a log that was begun anew, or restored, count as what was last seen here."),
    ] = False,
) -> None:
    """Check every link of the audit log's chain, and its length. That is held against what was seen here before."""
    heads = [_parsed(text) for text in checkpoint or []]
    with session.store() as store:
        if accept:
            _accept(store)
        report = store.check_audit(heads)
    facts = {"records": report.records, "problems": report.problems, "ok": report.ok}
    if not session.emit("audit-verify", facts):
        for problem in report.problems:
            print(problem)
        print(f"{'whole' if report.ok else 'NOT WHOLE'}: {render.counted(report.records, 'record')}")
    if not report.ok:
        raise IntegrityError(
            f"audit.sqlite: {render.counted(len(report.problems), 'problem')} found",
            hint="Keep the file aside and find out who could write to the store.",
        )


@command(example="kvprep audit checkpoint >> /mnt/elsewhere/checkpoints", codes=STORE)
def checkpoint(session: Session) -> None:
    """Print the log's length and last link. Kept elsewhere, they show later whether its end was cut off."""
    with session.store() as store:
        head = store.audit.flush()
    facts = {"count": head.seq, "link": head.mac.hex(), "checkpoint": f"{head.seq}:{head.mac.hex()}"}
    if not session.emit("audit-checkpoint", facts):
        print(facts["checkpoint"])


def _accept(store: Store) -> None:
    store.audit.record("audit accept", "done")
    remembered.remember_audit(store.layout.store_id, store.audit.flush(), instead=True)


def _parsed(text: str) -> Head:
    if (match := _CHECKPOINT.fullmatch(text.strip())) is None:
        raise typer.BadParameter(f"{text!r} is no checkpoint; `kvprep audit checkpoint` prints one")
    return Head(int(match[1]), bytes.fromhex(match[2]))


def _facts(record: Record, names: dict[bytes, str]) -> Facts:
    return {
        "record": record.seq,
        "at": timestamp(record.at_us / 1e6),
        "principal": record.principal,
        "verb": record.verb,
        "outcome": record.outcome,
        "namespace": names.get(record.namespace, record.namespace.hex()[:_ID_DIGITS]),
        "subject": record.subject.hex(),
        "tokens": record.tokens,
    }


def _row(record: Facts) -> list[str]:
    return [str(value) for value in (record | {"subject": record["subject"][:_ID_DIGITS]}).values()]
