"""`kvprep invalidate`."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.config import parse_duration
from kvprep.errors import NotFound
from kvprep.reuse import find_document
from kvprep.store.entry import EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, EntryId, SourceRecord

_EXAMPLE = """
kvprep invalidate --source contracts/lease.pdf
kvprep invalidate --older-than 90d --dry-run
"""
_MIN_FINGERPRINT_DIGITS = 8
Test = Callable[[EntryRecord], bool]


@command(example=_EXAMPLE, codes=STORE)
def invalidate(
    session: Session,
    document: Annotated[
        list[str] | None,
        typer.Option(metavar="DOC", help="Of this document and its attachments: id, path or title; repeatable."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Of documents that this file shows, or holds inside; repeatable."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Made by this model: its name as `ls` shows it, or the beginning of its fingerprint."
        ),
    ] = None,
    older_than: Annotated[str | None, typer.Option(metavar="SPAN", help="Stored longer ago than this: 90d.")] = None,
    expired: Annotated[bool, typer.Option("--expired", help="Past their time to live.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All of the namespace, damaged ones too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
) -> None:
    """Make stored entries unusable for ever.

    They are gone at once, whatever model and preamble they were made with. What is removed fits all of the given
    options; documents that are only alike stay. Never waits for an ingest. `kvprep gc` frees the space after it.
    """
    now = time.time()
    age = _age(older_than)
    with session.namespace() as namespace:
        tests = _tests(namespace, document, source, model, age, expired, now)
        if not tests and not everything:
            raise typer.BadParameter("say which: --document, --source, --model, --older-than, --expired or --all")
        entries = [(ident, e) for ident, e in namespace.all_entries() if all(test(e) for test in tests)]
        damaged = _damaged(namespace, entries) if everything and not tests else []
        if not dry_run:
            namespace.remove([*(ident for ident, _ in entries), *damaged], why="invalidated")
    facts = _facts(entries, len(damaged)) | {"dry_run": dry_run}
    if not session.emit("invalidate", facts):
        verb = "would be removed" if dry_run else "removed"
        size = render.size(facts["bytes"])
        entries_of = render.counted(facts["entries"], "entry", "entries")
        documents = render.counted(facts["documents"], "document")
        print(f"{entries_of} of {documents} {verb}, {size} of keys and values")


def _age(older_than: str | None) -> float | None:
    try:
        return None if older_than is None else parse_duration(older_than)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--older-than") from error


def _tests(
    namespace: Namespace,
    document: list[str] | None,
    source: list[str] | None,
    model: str | None,
    age: float | None,
    expired: bool,
    now: float,
) -> list[Test]:
    tests: list[Test] = []
    if document:
        named = _with_parts(namespace, {find_document(namespace, name) for name in document})
        tests.append(lambda entry: entry.document in named)
    if source:
        shown = set[ContentHash]().union(*(_shown_at(namespace, path) for path in source))
        tests.append(lambda entry: entry.document in shown)
    if model:
        tests.append(lambda entry: _is_of(entry, model))
    if age is not None:
        tests.append(lambda entry: now - entry.created_at > age)
    if expired:
        tests.append(lambda entry: entry.expires_at is not None and entry.expires_at <= now)
    return tests


def _is_of(entry: EntryRecord, model: str) -> bool:
    # The whole name: a part of it may fit a second model, whose entries nobody meant to remove.
    is_fingerprint = len(model) >= _MIN_FINGERPRINT_DIGITS and entry.model.fingerprint.hex().startswith(model.lower())
    return model == entry.model.name or is_fingerprint


def _with_parts(namespace: Namespace, documents: set[ContentHash]) -> set[ContentHash]:
    """Add to documents what their sources hold: a mail stands for what is attached to it."""
    records = (record for _, record in namespace.all_documents() if record.content_hash in documents)
    paths = {source.path for record in records for source in record.sources}
    return documents | _shown_by(namespace, paths)


def _shown_at(namespace: Namespace, path: str) -> set[ContentHash]:
    """Find the documents of one source.

    Raises:
        NotFound: nothing is stored from there.
    """
    shown = _shown_by(namespace, {os.path.abspath(os.path.expanduser(path))})
    if not shown:
        raise NotFound(f"{path}: nothing is stored from there", hint="`kvprep ls` lists the sources.")
    return shown


def _shown_by(namespace: Namespace, paths: set[str]) -> set[ContentHash]:
    """Find the documents that some sources show, or hold inside, at any depth."""
    return {
        record.content_hash
        for _, record in namespace.all_documents()
        if any(not paths.isdisjoint(_with_containers(source)) for source in record.sources)
    }


def _with_containers(source: SourceRecord) -> Iterator[str]:
    yield source.file
    path = source.file
    for name in source.member.split("/") if source.member else ():
        path = f"{path}/{name}"
        yield path


def _damaged(namespace: Namespace, sound: Iterable[tuple[EntryId, EntryRecord]]) -> list[EntryId]:
    """Entries whose files do not open: they are never used, but --all means all.

    One that does not even say whose it is may still have its row in the index.
    """
    opened = {ident for ident, _ in sound}
    on_disk = [EntryId(bytes.fromhex(path.stem)) for path in namespace.files("entries")]
    listed = [EntryId(facts["id"]) for facts in namespace.index.entries()]
    return [ident for ident in dict.fromkeys((*on_disk, *listed)) if ident not in opened]


def _facts(entries: list[tuple[EntryId, EntryRecord]], num_damaged: int) -> Facts:
    return {
        "entries": len(entries) + num_damaged,
        "documents": len({entry.document for _, entry in entries}),
        "bytes": sum(entry.kv_bytes for _, entry in entries),
    }
