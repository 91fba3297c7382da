"""`kvprep text`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import NO_STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.documents.cage import Cage, Reading
from kvprep.errors import DocumentError, SomeFailed
from kvprep.pipeline.discover import discover
from kvprep.sources import read_source
from kvprep.types import Skipped, TextFinding


@command(example="kvprep text invoice.pdf\nkvprep text --json ~/contracts | jq .title", codes=(*NO_STORE, 3))
def text(
    session: Session,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders.")],
    findings: Annotated[
        bool, typer.Option("--findings", help="Print what reading did and saw, in place of the text.")
    ] = False,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only files that match; repeatable.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="No files that match; repeatable.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Reading processes.")] = None,
) -> None:
    """Print the canonical text of files.

    Needs no store, key or model. Several texts are told apart by a line `==> PATH <==`. JSON is one object a line,
    as each file is done.
    """
    files = list(discover(paths, include or (), exclude or ()))
    num_bad = 0
    with session.cage(jobs) as cage:
        for path, reading, seconds in _readings(cage, files):
            num_bad += isinstance(reading, Skipped)
            if not session.emit("text", _facts(path, reading, seconds)):
                _show(path, reading, findings, is_only=len(files) == 1)
    if num_bad:
        raise SomeFailed(f"{num_bad} of {len(files)} sources were skipped or could not be read")


def _readings(cage: Cage, files: list[Path]) -> Iterator[tuple[Path, Reading, float]]:
    unreadable: list[tuple[Path, Skipped]] = []
    for item in cage.read(_opened(files, unreadable)):
        yield item.tag, item.reading, item.seconds
    for path, skipped in unreadable:
        yield path, skipped, 0.0


def _opened(files: list[Path], unreadable: list[tuple[Path, Skipped]]) -> Iterator[tuple[Path, bytes, str]]:
    for path in files:
        try:
            yield path, read_source(path).data, path.name
        except (OSError, DocumentError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            unreadable.append((path, Skipped("unreadable", reason, failed=True)))


def _facts(path: Path, reading: Reading, seconds: float) -> Facts:
    if isinstance(reading, Skipped):
        outcome = "failed" if reading.failed else "skipped"
        return {
            "source": str(path),
            "outcome": outcome,
            "reason": reading.reason,
            "message": reading.message,
            "document": "",
            "drift": "",
            "title": "",
            "reader": "",
            "text": "",
            "findings": [],
            "seconds": seconds,
        }
    return {
        "source": str(path),
        "outcome": "read",
        "reason": "",
        "message": "",
        "document": reading.content_hash.hex(),
        "drift": reading.drift_hash.hex(),
        "title": reading.title,
        "reader": reading.reader,
        "text": reading.text,
        "findings": [finding_facts(f) for f in reading.findings],
        "seconds": seconds,
    }


def finding_facts(finding: TextFinding) -> Facts:
    """Write a finding for JSON."""
    return {"kind": finding.kind, "count": finding.count, "where": finding.where}


def _show(path: Path, reading: Reading, findings: bool, *, is_only: bool) -> None:
    if isinstance(reading, Skipped):
        render.note(f"{path}: {reading.reason}: {reading.message}")
        return
    if not is_only:
        render.content(f"==> {path} <==\n")
    if findings:
        for finding in reading.findings:
            render.content(f"{finding.count:>5}  {finding.kind:<20}  {finding.where}\n")
        return
    render.content(reading.text if reading.text.endswith("\n") else reading.text + "\n")
