"""`kvprep stats`."""

import errno
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvprep.cli.options import STORE, command
from kvprep.cli.output import timestamp
from kvprep.cli.price_options import Price, prices_of
from kvprep.cli.session import Session
from kvprep.cli.since import began_at
from kvprep.errors import ConfigError
from kvprep.filewrite import write_beside

if TYPE_CHECKING:
    from kvprep.report.check import Wrong
    from kvprep.report.facts import Report

_TIMES = frozenset({"since", "last_success", "last_read", "at"})
"""Names of the facts that are times."""


@command(
    example="kvprep stats --since 7d\nkvprep stats --prometheus /var/lib/node_exporter/kvprep.prom", codes=(*STORE, 5)
)
def stats(
    session: Session,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Look-ups since then: 7d, 12h, 2026-11-01.  [default: all]")
    ] = None,
    price: Price = None,
    prometheus: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write metrics of all time, for a textfile collector; mode 0644."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write one page with charts, which needs no network.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit with 4 if a check differed or a look-up met damage, 5 if stale was served."),
    ] = False,
) -> None:
    """Say how often the store was used, what that saved and what it cost.

    Of every namespace that the key opens, unless one is named. Figures of a document are over its whole life, the
    others since --since. docs/figures.md says where each figure comes from.
    """
    now = time.time()
    began = began_at(since)
    prices = prices_of(session, price)
    with session.store() as store:
        from kvprep.report.check import find_wrong
        from kvprep.report.facts import collect_facts, prepare

        name = session.settings.namespace
        namespaces = [store.namespace(name)] if name else store.namespaces()
        report = prepare(store, namespaces, prices, since=began, now=now)
        facts = collect_facts(report)
        for namespace in namespaces:
            namespace.note("list", "done")  # of titles
        if prometheus is not None:
            is_whole = not name and store.keyring.opens_everything
            _write_metrics(report, prometheus, facts["last_success"], is_whole=is_whole)
        wrong = find_wrong(report.sums, report.stocks) if check else None
    if html is not None:
        from kvprep.report import page

        _write(html, page.draw(facts, now=now), mode=0o600)
    if not session.emit("stats", written(facts)):
        from kvprep.cli import statement

        statement.draw(facts, now=now)
    if wrong is not None:
        _end_with(session, wrong)


def _write_metrics(report: "Report", path: Path, last_success: float | None, *, is_whole: bool) -> None:
    from kvprep.report.facts import loads_by_namespace
    from kvprep.report.prometheus import exposition

    every = report.store.usage.sums() if report.since else report.every
    ours = [row for row in every if row.namespace in report.ours]
    loads, whole = loads_by_namespace(report), every if is_whole else ours
    # The collector runs as another user.
    _write(path, exposition(report.stocks, ours, loads, last_success, whole=whole), mode=0o644)


def _write(path: Path, text: str, *, mode: int) -> None:
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout, which a file would replace
            raise OSError(errno.EINVAL, "no file")
        write_beside(path, text, mode=mode)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror})", hint="Name a file in a folder that is there."
        ) from error


def _end_with(session: Session, wrong: "Wrong") -> None:
    """Name the documents for which something went wrong, and end with what that is."""
    told = {
        "damaged at a look-up": wrong.damaged,
        "computed again, it differs": wrong.differing,
        "served although its source had changed": wrong.stale,
    }
    for problem, documents in told.items():
        for document in documents:
            session.say(f"{document}: {problem}")
    if wrong.damaged or wrong.differing:
        raise typer.Exit(4)
    if wrong.stale:
        raise typer.Exit(5)


def written(facts: Any) -> Any:
    """Write the facts' times as RFC 3339."""
    if isinstance(facts, dict):
        return {name: timestamp(fact) if name in _TIMES else written(fact) for name, fact in facts.items()}
    return [written(fact) for fact in facts] if isinstance(facts, list) else facts
