"""`kvprep ls`."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts, timestamp
from kvprep.cli.session import Session
from kvprep.errors import IntegrityError
from kvprep.reuse import document_state, reason_of
from kvprep.store.charter import Trust
from kvprep.store.namespace import Namespace

_ID_DIGITS = 12


@command(example="kvprep ls\nkvprep ls --json | jq '.documents[] | select(.state != \"fresh\")'", codes=STORE)
def ls(
    session: Session,
    everything: Annotated[
        bool, typer.Option("--all", help="Also documents without keys and values: superseded, invalidated.")
    ] = False,
) -> None:
    """List what is stored.

    One line for each document and model. `fresh` may be used; `stale`: no source shows this text any more;
    `expired`: its time to live is over; `deferred`: known, and computed once it is worth that. `hides text`: a source
    has text that nobody sees; `show --findings` says more.
    """
    with session.namespace() as namespace:
        documents = sorted(_documents(namespace, everything), key=lambda d: (d["title"].casefold(), d["document"]))
        namespace.note("list", "done")
    if session.emit("ls", {"documents": documents}):
        return
    if not documents:
        session.say("Nothing is stored yet; `kvprep ingest` adds documents.")
        return
    rows = [_row(document) for document in documents]
    columns = ("document", "title", "version", "tokens", "size", "model", "state", "source")
    render.table(columns, rows, numbers=("version", "tokens", "size"))


def _documents(namespace: Namespace, everything: bool) -> Iterator[Facts]:
    # Which writer has signed a document only its file tells.
    closely = namespace.state().charter.trust == Trust.SIGNED
    known = {facts["document"]: facts for facts in namespace.index.documents()}
    stored = set()
    for entry in namespace.index.entries():
        stored.add(entry["document"])
        document = known.get(entry["document"])
        if document is not None:
            yield _facts(document, entry, _state(namespace, entry, document, closely=closely))
    for document in (document for ident, document in known.items() if ident not in stored):
        is_deferred = bool(document["deferred"] and document["sources"])
        if everything or is_deferred:
            nothing = {"tokens": 0, "bytes": 0, "model": "", "expires_at": None}
            yield _facts(document, nothing, "deferred" if is_deferred else "absent")


def _state(namespace: Namespace, entry: Facts, document: Facts, *, closely: bool) -> str:
    try:
        return document_state(namespace, entry, document, closely=closely)
    except IntegrityError as error:  # one damaged file must not hide the others
        return str(reason_of(error))


def _facts(document: dict[str, Any], entry: dict[str, Any], state: str) -> Facts:
    return {
        "document": document["document"],
        "title": document["title"],
        "sources": document["sources"],
        "version": document["version"],
        "tokens": entry["tokens"],
        "bytes": entry["bytes"],
        "model": entry["model"],
        "created": timestamp(entry.get("created_at", document["created_at"])),
        "expires": timestamp(entry["expires_at"]),
        "state": state,
        "hides_text": document["hides_text"],
    }


def _row(document: Facts) -> tuple[str, ...]:
    sources = document["sources"]
    more = f" (+{len(sources) - 1})" if len(sources) > 1 else ""
    return (
        document["document"][:_ID_DIGITS],
        document["title"],
        str(document["version"]),
        f"{document['tokens']:,}",
        render.size(document["bytes"]),
        document["model"],
        document["state"] + (", hides text" if document["hides_text"] else ""),
        (sources[0] if sources else "") + more,
    )
