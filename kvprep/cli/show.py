"""`kvprep show`."""

from collections.abc import Iterator
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts, timestamp
from kvprep.cli.session import Session
from kvprep.cli.text import finding_facts
from kvprep.errors import NotFound
from kvprep.reuse import document_at, find_document
from kvprep.store.entry import Deferral, DocumentRecord, EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash

_ID_DIGITS = 12


@command(example="kvprep show contracts/lease.pdf\nkvprep show 3fa9 --prompt > prompt.txt", codes=STORE)
def show(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="DOC", help="Beginning of an id, a source's path, or a title.")],
    text: Annotated[bool, typer.Option("--text", help="Print its canonical text alone.")] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print exactly what a client must send before its question, alone.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="List its older versions; `diff` compares them.")] = False,
    findings: Annotated[bool, typer.Option("--findings", help="List what reading it did and saw.")] = False,
) -> None:
    """Show one document.

    Where it comes from, the files inside its sources or around them, and what is stored of it.

    With --json all of it is in one object, text and prompt only if asked for.
    """
    with session.namespace() as namespace:
        document = _record(namespace, find_document(namespace, name))
        entries = _entries(namespace, document)
        versions = list(_versions(namespace, document)) if history else []
        family = list(_family(namespace, document))
        verb = "read" if text or prompt else "list"
        namespace.note(verb, "done", subject=namespace.document_id(document.content_hash))
    facts = _facts(document, entries) | {"family": family}
    asked: Facts = {"text": document.text} if text else {}
    asked |= {"prompt": _prompt(entries, name)} if prompt else {}
    asked |= {"history": [_version(v) for v in versions]} if history else {}
    if session.emit("show", facts | asked):
        return
    if text or prompt:
        render.content(asked["prompt" if prompt else "text"])
        return
    _draw(facts)
    if findings:
        rows = [(str(f["count"]), f["kind"], f["where"], f["source"]) for f in facts["findings"]]
        if rows:
            render.table(("count", "finding", "where", "source"), rows, numbers=("count",))
        else:
            render.content("Reading it changed and found nothing of note.\n")
    if history:
        old = [(str(v["version"]), v["document"][:_ID_DIGITS], v["created"], v["title"]) for v in asked["history"]]
        render.table(("version", "document", "created", "title"), old, numbers=("version",))


def _record(namespace: Namespace, document: ContentHash) -> DocumentRecord:
    record = namespace.document(document)
    if record is None:
        raise NotFound(f"{document.hex()[:_ID_DIGITS]}: its file is gone", hint="`kvprep verify` says more.")
    return record


def _entries(namespace: Namespace, document: DocumentRecord) -> list[EntryRecord]:
    found = (namespace.entry(ident) for ident in namespace.index.entries_of(document.content_hash))
    return [entry for entry in found if entry is not None]


def _family(namespace: Namespace, document: DocumentRecord) -> Iterator[Facts]:
    """What the document's sources hold, and the documents that these files show."""
    for source in document.sources:
        for member in source.members:
            path = f"{source.path}/{member.name}"
            yield {
                "source": path,
                "name": member.name,
                "bytes": member.num_bytes,
                "document": _shown_by(namespace, path),
            }


def _shown_by(namespace: Namespace, path: str) -> str | None:
    """The document of a member; None where it is listed only, or not for us: a picture, a file under a password."""
    document = document_at(namespace, path)
    return document.hex() if document else None


def _versions(namespace: Namespace, document: DocumentRecord) -> Iterator[DocumentRecord]:
    """The document and all that it supersedes, newest first."""
    pending, seen = [document], {document.content_hash}
    while pending:
        current = pending.pop(0)
        yield current
        for former in current.supersedes:
            record = namespace.document(former) if former not in seen else None
            seen.add(former)
            if record is not None:
                pending.append(record)


def _prompt(entries: list[EntryRecord], name: str) -> str:
    if not entries:
        raise NotFound(f"{name}: nothing is stored of it", hint="Ingest it again.")
    return entries[0].prompt


def _facts(document: DocumentRecord, entries: list[EntryRecord]) -> Facts:
    return {
        "document": document.content_hash.hex(),
        "title": document.title,
        "version": document.version,
        "created": timestamp(document.created_at),
        "characters": len(document.text),
        "reader": document.reader,
        "canonicaliser": document.canonicaliser,
        "sources": [
            {
                "path": s.path,
                "container": s.container or None,
                "bytes": s.state.size_bytes,
                "read": timestamp(s.state.read_at_ns / 1e9),
            }
            for s in document.sources
        ],
        "supersedes": [former.hex() for former in document.supersedes],
        "findings": [finding_facts(f) | {"source": s.path} for s in document.sources for f in s.findings],
        "entries": [_entry(entry) for entry in entries],
        "deferred": [_deferral(deferral) for deferral in document.deferred],
    }


def _entry(entry: EntryRecord) -> Facts:
    return {
        "model": entry.model.name,
        "fingerprint": entry.model.fingerprint.hex(),
        "dtype": entry.shape.dtype,
        "tokens": entry.num_tokens,
        "bytes": entry.kv_bytes,
        "segments": len(entry.stretches),
        "created": timestamp(entry.created_at),
        "expires": timestamp(entry.expires_at),
        "prefill_seconds": entry.cost.seconds,
        "prefill_flops": entry.cost.flops,
    }


def _deferral(deferral: Deferral) -> Facts:
    return {
        "since": timestamp(deferral.at),
        "by": "ingest" if deferral.worth else "gc",
        "worth": deferral.worth,
    }


def _version(document: DocumentRecord) -> Facts:
    return {
        "version": document.version,
        "document": document.content_hash.hex(),
        "created": timestamp(document.created_at),
        "title": document.title,
    }


def _draw(facts: Facts) -> None:
    pairs = {
        "document": facts["document"],
        "version": str(facts["version"]),
        "created": facts["created"],
        "text": f"{facts['characters']:,} characters",
        "reader": facts["reader"],
    }
    for number, source in enumerate(facts["sources"], 1):
        pairs[f"source {number}"] = source["path"]
        if source["container"]:
            pairs[f"inside {number}"] = source["container"]
    for number, deferral in enumerate(facts["deferred"], 1):
        pairs[f"deferred {number}"] = _explained(deferral)
    render.facts(pairs, title=facts["title"])
    _draw_family(facts["family"])
    columns = ("model", "dtype", "tokens", "size", "segments", "prefill took", "expires")
    rows = [
        (
            e["model"],
            e["dtype"],
            f"{e['tokens']:,}",
            render.size(e["bytes"]),
            str(e["segments"]),
            render.seconds(e["prefill_seconds"]),
            e["expires"] or "never",
        )
        for e in facts["entries"]
    ]
    render.table(columns, rows, numbers=("tokens", "size", "segments", "prefill took"))


def _explained(deferral: Facts) -> str:
    if deferral["by"] == "gc":
        return (
            f"since {deferral['since']}: its keys and values were not worth their room; computed once it is asked for"
        )
    reads = render.counted(deferral["worth"], "read")
    return f"since {deferral['since']}: computed once look-ups promise {reads} within its time to live"


def _draw_family(family: list[Facts]) -> None:
    if family:
        rows = [(f["name"], render.size(f["bytes"]), (f["document"] or "")[:_ID_DIGITS]) for f in family]
        render.table(("file inside", "size", "document"), rows, numbers=("size",))
