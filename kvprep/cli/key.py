"""`kvprep key`."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.creation import key_path
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts, timestamp
from kvprep.cli.session import Session
from kvprep.codec import find_codec
from kvprep.errors import ConfigError
from kvprep.store.holder import Role
from kvprep.store.keychanges import NewKey, add_key_file, add_passphrase, back_up_key_file, remove_key
from kvprep.store.keylist import KINDS, ListedKey, list_keys
from kvprep.store.rewrite import rewrite as rewrite_all
from kvprep.store.rotation import rotate as rotate_keys

COMMANDS = {
    "add": "Let one more key file or passphrase open the store.",
    "list": "List the keys and what they open.",
    "remove": "Let a key open the store no longer.",
    "rotate": "Replace the key file and the master key.",
    "backup": "Copy the key file to a place that is worth keeping.",
}
_ID_DIGITS = 12


@command(
    example="kvprep key add --passphrase --role admin\n"
    "kvprep key add --file bob.key --only invoices --role writer   # then give the file to Bob",
    codes=STORE,
)
def add(
    session: Session,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="PATH", help="Key file; made where it is missing.")
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase, twice; without a terminal, read a line.")
    ] = False,
    label: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What to call it.  [default: the file's name, or passphrase]")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAMESPACE", help="Open this one and no other; repeatable.")
    ] = None,
    role: Annotated[
        Role, typer.Option(help="reader; writer: signs what it writes; admin: also changes keys and trust.")
    ] = Role.READER,
) -> None:
    """Let one more key file or passphrase open the store. Needs an admin's key."""
    if passphrase == (file is not None):
        raise typer.BadParameter("name either --file PATH or --passphrase")
    with session.store() as store:
        if file is not None:
            added = add_key_file(store, NewKey(label or file.stem, role, tuple(only or ())), file.expanduser())
        else:
            new = NewKey(label or "passphrase", role, tuple(only or ()))
            added = add_passphrase(store, new, _new_passphrase())
    if session.emit("key-add", _facts(added)):
        return
    print(f"{added.label}: opens {_opens(added)}, as {added.role}")
    if added.writer:
        session.say("A namespace with policy `signed` must trust what it writes:")
        for name in added.opens or ("NAMESPACE",):
            session.say(f"  kvprep namespace trust {name} {added.writer.hex()} --label {shlex.quote(added.label)}")


@command(example="kvprep key list", codes=STORE)
def list_(session: Session) -> None:
    """List the keys and what they open. Whose key opens some namespaces only sees no key but that."""
    with session.store() as store:
        used, keys = store.holder.slot, list_keys(store.layout, store.keyring)
    if session.emit("key-list", {"keys": [_facts(key) | {"in_use": key.slot == used} for key in keys]}):
        return
    columns = ("id", "label", "kind", "role", "opens", "created", "in use")
    render.table(columns, [tuple(_row(key, used)) for key in keys])


@command(example="kvprep key remove bob", codes=STORE)
def remove(
    session: Session, key: Annotated[str, typer.Argument(metavar="ID|LABEL", help="As `key list` shows it.")]
) -> None:
    """Let a key open the store no longer. Needs an admin's key, and not the one that is removed.

    Whoever has copied the store and kept the key still opens the copy. After a leak, rotate with --rewrite.
    """
    with session.store() as store:
        removed = remove_key(store, key)
    if not session.emit("key-remove", _facts(removed)):
        print(f"{removed.label or removed.slot.hex()[:_ID_DIGITS]}: opens nothing any more")


@command(example="kvprep key rotate\nkvprep key rotate --rewrite   # after a key has leaked", codes=(*STORE, 11, 75))
def rotate(
    session: Session,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Also seal everything anew; no other key opens anything afterwards.")
    ] = False,
) -> None:
    """Replace the key file and the master key. Needs an admin's key file.

    Without --rewrite, no document, entry or segment is written anew. Keys of single namespaces stay; other keys of the
    whole store, and copies of the old key file, open nothing any more. Run it again if it was cut short.
    """
    with session.store() as store:
        path = key_path(session, store)
        done = rewrite_all(store, path, find_codec) if rewrite else rotate_keys(store, path)
    facts = {"key_file": str(path), "namespaces": done.namespaces, "removed": [_facts(key) for key in done.removed]}
    if session.emit("key-rotate", facts):
        return
    print(f"{path}: replaced; {render.counted(done.namespaces, 'namespace')} {'sealed' if rewrite else 'wrapped'} anew")
    for key in done.removed:
        print(f"{key.label or key.slot.hex()[:_ID_DIGITS]}: removed; add it again if it is still wanted")
    session.say("Copies of the old key file open nothing any more: run `kvprep key backup` again.")


@command(example="kvprep key backup /media/safe/invoices.key", codes=STORE)
def backup(session: Session, path: Annotated[Path, typer.Argument(metavar="PATH", help="A new file.")]) -> None:
    """Copy the key file to a place that is worth keeping, and prove that the copy opens the store."""
    target = path.expanduser()
    with session.store() as store:
        source = key_path(session, store)
        back_up_key_file(store, source, target)
    if not session.emit("key-backup", {"key_file": str(source), "backup": str(target)}):
        print(f"{target}: opens the store as {source} does")
    if target.stat().st_dev == source.stat().st_dev:
        session.say("It lies on the same disk as the key file: move it to another.")


def _new_passphrase() -> str:
    """Ask twice on a terminal; read one line elsewhere."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first, again = (render.ask_secret(f"{which} passphrase: ") for which in ("New", "Repeat the"))
    if first != again:
        raise ConfigError("the two passphrases differ", hint="Run the command again.")
    return first


def _opens(key: ListedKey) -> str:
    if not key.role:
        return "unknown"
    return "everything" if key.opens is None else ", ".join(key.opens)


def _facts(key: ListedKey) -> Facts:
    return {
        "id": key.slot.hex(),
        "label": key.label,
        "kind": KINDS[key.kind],
        "role": key.role or None,
        "opens": None if key.opens is None else list(key.opens),
        "created_at": timestamp(key.created_at) if key.role else None,
        "writer": key.writer.hex() or None,
    }


def _row(key: ListedKey, used: bytes) -> Iterator[str]:
    yield from (key.slot.hex()[:_ID_DIGITS], key.label, KINDS[key.kind], key.role or "not in the list")
    yield from (_opens(key), (timestamp(key.created_at) or "") if key.role else "", "yes" if key.slot == used else "")
