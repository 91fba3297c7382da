"""What this machine remembers of stores, outside of them.

That they exist, the last generation of each namespace, and how long the audit log was.

A store that has vanished (an unmounted disk) must not be made anew in silence, and an old copy put in its place must be
noticed.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from kvprep.errors import ConfigError, IntegrityError
from kvprep.filewrite import write_beside
from kvprep.store.audit import Head
from kvprep.store.layout import disk_errors, read_errors
from kvprep.store.lock import exclusive
from kvprep.store.state import older_copy

_SHREDDED = (1 << 63) - 1
"""The generation of a namespace that has no later one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest that was seen of a namespace here; zeros if it never was."""

    generation: int = 0
    charter: int = 0

    def check(self, *, generation: int, charter: int, subject: str) -> bool:
        """Refuse a namespace that is older; tell whether it is newer, and so to be remembered.

        Raises:
            IntegrityError: an older copy was put back: what was invalidated since may be in it, or who is trusted no
                more.
        """
        if generation < self.generation:
            raise older_copy(f"{subject}: generation {generation}, but {self.generation} was seen before")
        if charter < self.charter:
            raise older_copy(f"{subject}: version {charter} of its charter, but {self.charter} was seen before")
        return (generation, charter) != (self.generation, self.charter)

    def refuse_shredded(self, subject: str) -> None:
        """Refuse a namespace that was shredded here.

        Raises:
            IntegrityError: it was, and some of it is there.
        """
        if self.generation == _SHREDDED:
            raise IntegrityError(
                f"{subject}: was shredded, and not to the end, or a copy was put back",
                hint="`kvprep namespace shred` does the rest.",
            )


def memory_file() -> Path:
    """Where the memory lies: the user's state folder."""
    return platformdirs.user_state_path("kvprep") / "stores.json"


def remember_store(root: Path, store_id: str) -> bool:
    """Remember that `root` holds a store; tell whether it was never seen here before."""
    with _changing() as memory:
        is_new = store_id not in memory
        _of(memory, store_id)["path"] = str(root)
    return is_new


def remember_state(store_id: str, namespace: bytes, *, generation: int, charter: int) -> None:
    """Remember a namespace's generation and the version of its charter; smaller ones than remembered change nothing.

    Args:
        store_id: of its store.
        namespace: `NamespaceKeys.incarnation`: one of the same name that is made anew later is another.
        generation, charter: as its file says.
    """
    with _changing() as memory:
        store = _of(memory, store_id)
        for kind, number in (("generations", generation), ("charters", charter)):
            seen = store.setdefault(kind, {})
            seen[namespace.hex()] = max(number, seen.get(namespace.hex(), 0))


def accept_state(store_id: str, namespace: bytes, *, generation: int, charter: int) -> None:
    """Let a namespace's state count as its newest, also where a newer one was seen; not one that was shredded.

    Args:
        store_id, namespace, generation, charter: as for `remember_state`.
    """
    with _changing() as memory:
        store = _of(memory, store_id)
        if store["generations"].get(namespace.hex()) != _SHREDDED:
            store["generations"][namespace.hex()] = generation
            store.setdefault("charters", {})[namespace.hex()] = charter


def forget_store(root: Path) -> None:
    """Forget what was seen at `root`: a store that was made for a while and is removed."""
    with _changing() as memory:
        for store_id in [store_id for store_id, store in memory.items() if store["path"] == str(root)]:
            del memory[store_id]


def remember_shredded(store_id: str, namespace: bytes) -> None:
    """Remember that no copy of a namespace is to be opened again."""
    remember_state(store_id, namespace, generation=_SHREDDED, charter=0)


def was_remembered(root: Path) -> bool:
    """Tell whether a store was ever seen at `root`."""
    return any(store["path"] == str(root) for store in _read().values())


def recall(store_id: str, namespace: bytes) -> Seen:
    """Read what was seen of a namespace here.

    Args:
        store_id, namespace: as for `remember_state`.
    """
    store = _read().get(store_id, {})
    generation, charter = (int(store.get(kind, {}).get(namespace.hex(), 0)) for kind in ("generations", "charters"))
    return Seen(generation, charter)


def remember_audit(store_id: str, head: Head, *, instead: bool = False) -> None:
    """Remember how long an audit log has become; a shorter one changes nothing, unless it is to count instead."""
    with _changing() as memory:
        store = _of(memory, store_id)
        if instead or head.seq > store.get("audit", {"seq": 0})["seq"]:
            store["audit"] = {"seq": head.seq, "mac": head.mac.hex()}


def last_audit(store_id: str) -> Head:
    """The longest audit log of a store that was seen here."""
    seen = _read().get(store_id, {}).get("audit")
    return Head(int(seen["seq"]), bytes.fromhex(seen["mac"])) if seen else Head()


def _of(memory: dict[str, Any], store_id: str) -> dict[str, Any]:
    """Give what is remembered of a store, to add to it."""
    store: dict[str, Any] = memory.setdefault(store_id, {"path": "", "generations": {}})
    return store


@contextmanager
def _changing() -> Iterator[dict[str, Any]]:
    """Read the memory under its lock, and write it back if it has changed."""
    folder = memory_file().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(folder / "stores.lock"):
        memory = _read()
        before = json.dumps(memory)
        yield memory
        if json.dumps(memory) != before:
            with disk_errors(memory_file()):
                write_beside(memory_file(), json.dumps(memory, indent=1))


def _read() -> dict[str, Any]:
    path = memory_file()
    try:
        with read_errors(path):
            memory = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(memory, dict) or not all(_makes_sense(store) for store in memory.values()):
        raise _damaged(path)
    return memory


def _makes_sense(store: object) -> bool:
    """Tell whether this is what is remembered of a store."""
    if not isinstance(store, dict) or not isinstance(store.get("path"), str):
        return False
    numbers = [store.get("generations"), store.get("charters", {})]
    if not all(isinstance(seen, dict) and all(type(number) is int for number in seen.values()) for seen in numbers):
        return False
    audit = store.get("audit", {"seq": 0, "mac": ""})
    return isinstance(audit, dict) and type(audit.get("seq")) is int and _is_hex(audit.get("mac"))


def _is_hex(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch("(?:[0-9a-f]{2})*", text) is not None


def _damaged(path: Path) -> ConfigError:
    return ConfigError(f"{path}: damaged", hint="Restore it, or remove it and run `kvprep verify`.")
