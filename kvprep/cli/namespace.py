"""`kvprep namespace`."""

import re
import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.errors import ConfigError
from kvprep.store.charter import Charter, SourceCheck, Trust, TrustedWriter
from kvprep.store.namespace import Namespace
from kvprep.store.shredding import shred as shred_namespace

COMMANDS = {
    "create": "Make a namespace: a trust boundary with keys of its own.",
    "list": "List namespaces, their policies and whom they trust.",
    "trust": "Say whose files a namespace uses.",
    "shred": "Remove a namespace and its keys for ever.",
}
_PUBLIC = re.compile("[0-9a-f]{64}")
_SHOWN_DIGITS = 12
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the namespace.")]
_TRUST_HELP = "aead: files of whoever has the keys are used; signed: only what a trusted writer has signed."
_SOURCE_HELP = (
    "stat: the source is looked at before an entry is used; ttl-only: it cannot be seen from where they are used."
)


@command(example="kvprep namespace create invoices --policy signed", codes=STORE)
def create(
    session: Session,
    name: _Name,
    policy: Annotated[Trust, typer.Option(help=_TRUST_HELP)] = Trust.AEAD,
    source_check: Annotated[SourceCheck, typer.Option(help=_SOURCE_HELP)] = SourceCheck.STAT,
) -> None:
    """Make a namespace: a trust boundary with keys of its own.

    Needs an admin's key, whose own signature it trusts from the beginning.
    """
    with session.store() as store:
        namespace = store.create_namespace(name, trust=policy, source_check=source_check)
        facts = _charter_facts(name, namespace.state().charter)
    if not session.emit("namespace-create", facts):
        print(f"{name}: made, with policy {policy}")


@command(example="kvprep namespace list", codes=STORE)
def list_(session: Session) -> None:
    """List namespaces, their policies and whom they trust. The size is that of keys and values in memory."""
    with session.store() as store:
        listed, admin = [_facts(namespace) for namespace in store.namespaces()], store.holder.admin_public.hex()
    if session.emit("namespace-list", {"admin": admin, "namespaces": listed}):
        return
    numbers = ("documents", "entries", "size", "generation", "charter")
    columns = ("name", "policy", "source check", "writers", *numbers)
    render.table(columns, [_row(facts) for facts in listed], numbers=numbers)


@command(
    example="kvprep namespace trust invoices 5f3c… --label nightly   # the writer that `kvprep key list --json` shows\n"
    "kvprep namespace trust invoices --policy signed",
    codes=STORE,
)
def trust(
    session: Session,
    name: _Name,
    public: Annotated[
        list[str] | None, typer.Argument(metavar="[PUBLIC]...", help="Public keys of writers to be trusted.")
    ] = None,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What to call them.")] = "",
    remove: Annotated[
        list[str] | None, typer.Option(metavar="PUBLIC", help="Trust this one no more; repeatable.")
    ] = None,
    policy: Annotated[Trust | None, typer.Option(help=_TRUST_HELP)] = None,
    source_check: Annotated[SourceCheck | None, typer.Option(help=_SOURCE_HELP)] = None,
) -> None:
    """Say whose files a namespace uses. Needs an admin's key.

    With policy `signed`, what is stored and not signed by a trusted writer is a miss, and the next ingest computes it
    again.
    """
    wanted = {"trust": policy, "source_check": source_check}
    given = {field: value for field, value in wanted.items() if value is not None}
    added = [TrustedWriter(label, _key(text)) for text in public or ()]
    dropped = [_key(text) for text in remove or ()]
    if not (given or added or dropped):
        raise typer.BadParameter("name a writer, or --remove, --policy or --source-check")

    def change(charter: Charter) -> Charter:
        changes: dict[str, Any] = given
        return replace(charter.trusting(added).without(dropped), **changes)

    with session.store() as store:
        charter = store.namespace(name).amend(change)
    if not session.emit("namespace-trust", _charter_facts(name, charter)):
        print(f"{name}: policy {charter.trust}; trusts {_writers(charter)}")


@command(example="kvprep namespace shred invoices --yes", codes=STORE)
def shred(
    session: Session,
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a namespace and its keys for ever. Needs an admin's key.

    Entries, documents with their history, and keys are gone at once; `kvprep gc` frees the segments, which nothing
    opens any more. Copies of the store, and blocks that a flash disk has set aside, may still hold all of it: destroy
    those, too. A namespace of the same name that is made later is another one.
    """
    if not yes:
        _confirm(name)
    with session.store() as store:
        gone = shred_namespace(store, name)
    facts = {"name": name, "entries": gone.entries, "documents": gone.documents}
    if session.emit("namespace-shred", facts):
        return
    entries = render.counted(gone.entries, "entry", "entries")
    print(f"{name}: shredded, with {entries} and {render.counted(gone.documents, 'document')}")
    session.say("Backups and copies still hold it. `kvprep gc` frees the space.")


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(f"namespace {name}: not shredded without --yes", hint="Say --yes if you mean it.")
    if typer.prompt(f"This cannot be undone. Type {name} to shred it", err=True) != name:
        raise ConfigError(f"namespace {name}: not shredded", hint="The name that was typed is another.")


def _key(text: str) -> bytes:
    if not _PUBLIC.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no public key of 64 hex digits; `kvprep key list --json` shows them")
    return bytes.fromhex(text)


def _charter_facts(name: str, charter: Charter) -> Facts:
    return {
        "name": name,
        "policy": charter.trust,
        "source_check": charter.source_check,
        "writers": [{"label": writer.label, "key": writer.key.hex()} for writer in charter.writers],
        "charter": charter.version,
    }


def _facts(namespace: Namespace) -> Facts:
    state, entries = namespace.state(), namespace.index.entries()
    sizes = [facts["bytes"] for facts in entries]
    return _charter_facts(namespace.name, state.charter) | {
        "generation": state.generation,
        "entries": len(sizes),
        "documents": sum(1 for _ in namespace.index.documents()),
        "bytes": sum(sizes),
    }


def _row(facts: Facts) -> tuple[str, ...]:
    writers = ", ".join(_writer(w["label"], w["key"]) for w in facts["writers"])
    counts = (str(facts["documents"]), str(facts["entries"]), render.size(facts["bytes"]))
    return (
        facts["name"],
        facts["policy"],
        facts["source_check"],
        writers,
        *counts,
        str(facts["generation"]),
        str(facts["charter"]),
    )


def _writers(charter: Charter) -> str:
    return ", ".join(_writer(writer.label, writer.key.hex()) for writer in charter.writers) or "nobody"


def _writer(label: str, key: str) -> str:
    return f"{label} ({key[:_SHOWN_DIGITS]})" if label else key[:_SHOWN_DIGITS]
