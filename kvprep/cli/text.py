"""`kvprep text`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import NO_STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.discover import discover, is_excluded
from kvprep.documents.cage import Cage
from kvprep.errors import SomeFailed
from kvprep.pipeline.reading import ReadSource, read_files
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

    Needs no store, key or model. Several texts are told apart by a line `==> PATH <==`; what a mail has attached
    follows the mail. JSON is one object a line, as each file is done.
    """
    files = list(discover(paths, include or (), exclude or ()))
    num_read = num_bad = 0
    with session.cage(jobs) as cage:
        for sources in _families(cage, files, exclude or ()):
            num_read += len(sources)
            num_bad += sum(isinstance(source.reading, Skipped) for source in sources)
            for source in sources:
                if not session.emit("text", _facts(source)):
                    _show(source, findings, is_only=len(files) == len(sources) == 1)
    if num_bad:
        raise SomeFailed(f"{num_bad} of {num_read} sources were skipped or could not be read")


def _families(cage: Cage, files: list[Path], exclude: Sequence[str]) -> Iterator[list[ReadSource]]:
    for file in read_files(cage, files):
        yield [source for source in file.sources if not is_excluded(source.member, exclude)]


def _facts(source: ReadSource) -> Facts:
    reading = source.reading
    if isinstance(reading, Skipped):
        outcome = "failed" if reading.failed else "skipped"
        return {
            "source": source.path,
            "outcome": outcome,
            "reason": reading.reason,
            "message": reading.message,
            "document": "",
            "drift": "",
            "title": "",
            "reader": "",
            "text": "",
            "findings": [],
            "members": [],
            "seconds": source.seconds,
        }
    return {
        "source": source.path,
        "outcome": "read",
        "reason": "",
        "message": "",
        "document": reading.content_hash.hex(),
        "drift": reading.drift_hash.hex(),
        "title": reading.title,
        "reader": reading.reader,
        "text": reading.text,
        "findings": [finding_facts(f) for f in reading.findings],
        "members": [{"name": member.name, "bytes": member.num_bytes} for member in reading.members],
        "seconds": source.seconds,
    }


def finding_facts(finding: TextFinding) -> Facts:
    """Write a finding for JSON."""
    return {"kind": finding.kind, "count": finding.count, "where": finding.where}


def _show(source: ReadSource, findings: bool, *, is_only: bool) -> None:
    reading = source.reading
    if isinstance(reading, Skipped):
        render.note(f"{source.path}: {reading.reason}: {reading.message}")
        return
    if not is_only:
        render.content(f"==> {source.path} <==\n")
    if findings:
        for finding in reading.findings:
            render.content(f"{finding.count:>5}  {finding.kind:<20}  {finding.where}\n")
        return
    render.content(reading.text if reading.text.endswith("\n") else reading.text + "\n")
