"""Receipts: that an ingest found nothing new, and what it looked at, so that the same call need not ask the index.

A receipt names nothing and serves nothing. All it can do is to end an ingest early, so it counts only under a MAC that
takes the secret of the key file, and whatever is in doubt goes the ordinary way.

Source: docs/decisions/0014-a-receipt-for-an-unchanged-ingest.md.
"""

import hashlib
import hmac
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from kvprep import __version__
from kvprep.discover import discover_names
from kvprep.errors import KvprepError
from kvprep.filewrite import write_beside
from kvprep.store.keyfile import read_key_file
from kvprep.store.layout import UNCHANGED, open_layout
from kvprep.store.places import default_key_path

_SETTLED_NS = 2_000_000_000
"""What was written less than this before it was looked at may change again without its times telling."""
_RECEIPT_BYTES = 64 << 10
_MOST_RECEIPTS = 64
_STORE_FOLDERS = ("keys", "namespaces", "entries", "documents", "segments")
_READERS = ("canonical.py", "versions.py")
"""Of kvprep/documents: they say by what a text is made. Libraries change the folder that they are installed in."""
_ENVIRONMENT = ("KVPREP_", "XDG_", "HF_", "HUGGINGFACE_", "PYTHON", "HOME")
"""Beginnings of the variables that choose models, places and libraries."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that a person asked for."""

    paths: tuple[Path, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    settings: str
    """All settings, flags included, in one text."""
    files: tuple[Path, ...]
    """Files that the settings name, such as the preamble."""
    store: Path
    key_file: Path | None
    """None: the store's own place for it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a call would find, in one digest, taken before anything else is done."""

    name: str
    """Of the receipt."""
    digest: bytes
    secret: bytes = field(repr=False)
    newest_ns: int
    """When the last of all that it covers was written."""
    began_ns: int


class _States:
    """A digest over names and states of files, and the time of the newest one."""

    def __init__(self) -> None:
        self._hasher = hashlib.blake2b(digest_size=32)
        self.newest_ns = 0

    def add_text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        self._hasher.update(b"%d:%b" % (len(data), data))

    def add(self, name: str, state: os.stat_result) -> None:
        modified, changed = state.st_mtime_ns, state.st_ctime_ns
        self.newest_ns = max(self.newest_ns, modified, changed)
        self.add_text(f"{state.st_size},{modified},{changed},{state.st_ino},{name}")

    def add_path(self, path: str) -> bool:
        """Add a file, or a folder by itself; tell whether it is a folder. That it is absent counts too."""
        try:
            state = os.stat(path)
        except OSError:
            self.add_text(f"absent,{path}")
            return False
        self.add(path, state)
        return stat.S_ISDIR(state.st_mode)

    def add_tree(self, path: str) -> None:
        """Add a file, or a folder with what is directly inside it."""
        if self.add_path(path):
            with os.scandir(path) as listing:
                names = sorted(entry.path for entry in listing)
            for name in names:
                self.add_path(name)

    def digest(self) -> bytes:
        return self._hasher.digest()


def look(call: Call) -> Look | None:
    """Look at the call, the sources, the store and the readers, by stat alone; only the key file is opened.

    None: there is no store or no key file yet, others can read the key, or a path is not there. The ordinary way says
    what is to be said about that.
    """
    began_ns = time.time_ns()
    try:
        layout = open_layout(call.store)
        key_file = (call.key_file or default_key_path(layout.store_id)).expanduser()
        if os.stat(key_file).st_mode & 0o077:
            return None
        secret = read_key_file(key_file)
        states = _States()
        _add_call(states, call)
        name = _mac(secret, b"name", layout.store_id.encode(), states.digest()).hex()
        states.add_path(str(key_file))
        for chosen in call.files:
            states.add_path(str(chosen))
        _add_store(states, call.store)
        _add_readers(states)
        for file in discover_names(call.paths, call.include, call.exclude):
            states.add_path(file)
    except (KvprepError, OSError):
        return None
    return Look(name, states.digest(), secret, states.newest_ns, began_ns)


def note_success(store: Path) -> None:
    """Leave the time at which an ingest ended here, for a report; a store that cannot be written goes without."""
    with suppress(OSError):
        (store / UNCHANGED).touch(mode=0o600)


def num_unchanged(seen: Look, now: Callable[[], float] = time.time) -> int | None:
    """Give the number of sources of a receipt for exactly this; None where there is none that counts."""
    facts = _read(_folder() / seen.name)
    try:
        body = str(facts["body"])
        states = _states_of(json.loads(body)["models"])
        if not hmac.compare_digest(str(facts["mac"]), _seal(seen, body, states)):
            return None
        told = json.loads(body)
        expires_at = told["expires_at"]
        counts = told["made_at"] <= now() and (expires_at is None or now() < expires_at)
        return int(told["unchanged"]) if counts else None
    except (KeyError, TypeError, ValueError, OSError, RecursionError):
        return None  # no receipt, or not one that we wrote


def write_receipt(seen: Look, unchanged: int, expires_at: float | None, models: Iterable[Path]) -> bool:
    """Write that a run found everything unchanged that was looked at before it began; tell whether it was to be.

    Args:
        seen: the look.
        unchanged: number of sources.
        expires_at: when the first of their entries expires, in seconds since 1970; None: never.
        models: files and folders that make the model what it is.
    """
    names = [str(path) for path in models]
    states = _states_of(names)
    if max(seen.newest_ns, states.newest_ns) > seen.began_ns - _SETTLED_NS:
        return False
    told = {"unchanged": unchanged, "made_at": seen.began_ns / 1e9, "expires_at": expires_at, "models": names}
    body = json.dumps(told)
    keep(seen.name, {"body": body, "mac": _seal(seen, body, states)})
    return True


def digest_of(*parts: str) -> str:
    """Name something that also depends on the environment and on the release of kvprep and Python, in hex."""
    states = _States()
    _add_texts(states, parts)
    return states.digest().hex()


def keep(name: str, facts: dict[str, Any]) -> None:
    """Keep facts in the folder of receipts, where it can be written to."""
    try:
        _write(_folder(), name, json.dumps(facts))
    except OSError as error:
        _log.debug("nothing kept: %s", error.strerror)


def kept(name: str) -> dict[str, Any]:
    """Give what was kept; nothing where others can write to the folder."""
    folder = _folder()
    state = os.stat(folder)
    is_ours = state.st_uid == os.geteuid() and not state.st_mode & 0o022
    return _read(folder / name) if is_ours else {}


def _add_call(states: _States, call: Call) -> None:
    paths = [os.path.abspath(path.expanduser()) for path in call.paths]
    _add_texts(states, map(repr, (paths, call.include, call.exclude, call.settings, call.store)))


def _add_texts(states: _States, texts: Iterable[str]) -> None:
    chosen = sorted(item for item in os.environ.items() if item[0].startswith(_ENVIRONMENT))
    for text in (__version__, sys.version, repr(chosen), *texts):
        states.add_text(text)


def _add_store(states: _States, store: Path) -> None:
    # A file that is made, renamed or removed changes its folder: the folders tell of every entry, document and segment.
    states.add_path(str(store / "store.toml"))
    for folder in _STORE_FOLDERS:
        states.add_tree(str(store / folder))


def _add_readers(states: _States) -> None:
    here = Path(__file__).parent / "documents"
    for path in (*(str(here / name) for name in _READERS), *filter(os.path.isabs, sys.path[1:])):
        states.add_path(path)


def _states_of(models: Sequence[str]) -> _States:
    states = _States()
    for path in models:
        states.add_tree(path)
    return states


def _seal(seen: Look, body: str, models: _States) -> str:
    return _mac(seen.secret, b"body", seen.digest, models.digest(), body.encode()).hex()


def _mac(secret: bytes, *parts: bytes) -> bytes:
    # `person` keeps it apart from all else that is made of the secret.
    hasher = hashlib.blake2b(key=secret, person=b"kvprep receipt", digest_size=32)
    for part in parts:
        hasher.update(b"%d:%b" % (len(part), part))
    return hasher.digest()


def _folder() -> Path:
    return platformdirs.user_cache_path("kvprep") / "receipts"


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            facts = json.loads(file.read(_RECEIPT_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_beside(folder / name, text)
    # Every other call leaves one; the oldest go.
    by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for path in by_age[:-_MOST_RECEIPTS]:
        path.unlink(missing_ok=True)
