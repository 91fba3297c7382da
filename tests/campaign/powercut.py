"""What a power cut may leave of a folder: its operations are logged, and disk states are built from the log.

Durable is what a sync says so: a file's bytes by an fsync of the file, a name by one of its folder. Everything else
may be there or not, each write and each name by itself, in any order. A database is taken at its word: after a power
cut it is as one of its commits left it; which one, is drawn, but for those that say they survive one.
"""

import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cutting import Counter
from points import Step

_SURVIVING = ("audit.sqlite",)
_FIRST_NEW = 1 << 60
"""Above the numbers of files that were there before."""
_NAMES = frozenset({"create", "rename", "link", "unlink", "mkdir", "rmdir"})


class Event(NamedTuple):
    """A step that was done."""

    step: Step
    file: int
    """Of the file or folder; of a name that is made, what it stands for."""
    database: bytes = b""
    """After a commit: the file."""


class Recorder(Counter):
    """Keeps a log of what was done to a folder."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self._files: dict[int, int] = {}

    def save(self, path: Path) -> None:
        """Write the log down, for another process: one event a line."""
        path.write_text("".join(f"{_to_json(event)}\n" for event in self.events))

    def after(self, step: Step) -> None:
        if step.kind in ("read", "open"):
            return
        if step.kind in ("unlink", "rmdir"):
            file = 0
        else:
            inode = os.fstat(step.descriptor).st_ino if step.descriptor >= 0 else os.stat(step.path).st_ino
            if step.kind in ("create", "mkdir"):
                self._files[inode] = _FIRST_NEW + len(self.events)  # the number of a removed file is given again
            file = self._files.get(inode, inode)
        database = Path(step.path).read_bytes() if step.kind == "commit" else b""
        self.events.append(Event(step, file, database))


def read_log(path: Path) -> list[Event]:
    """Read what `Recorder.save` wrote."""
    return [_from_json(line) for line in path.read_text().splitlines()]


def _to_json(event: Event) -> str:
    step = event.step
    names = (step.kind, step.path, step.source, step.data.hex(), step.offset)
    return json.dumps([*names, event.file, event.database.hex()])


def _from_json(line: str) -> Event:
    kind, path, source, data, offset, file, database = json.loads(line)
    step = Step(kind, path, source=source, data=bytes.fromhex(data), offset=offset)
    return Event(step, file, bytes.fromhex(database))


@dataclass
class Disk:
    """Names and contents, as a power cut may leave them."""

    names: dict[str, int] = field(default_factory=dict)
    contents: dict[int, bytearray] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, folder: Path) -> "Disk":
        """Take a folder as it is: all of it durable."""
        disk = cls()
        for path in sorted(folder.resolve().rglob("*")):
            if path.is_dir():
                disk.folders.add(str(path))
            else:
                disk.names[str(path)] = path.stat().st_ino
                disk.contents[path.stat().st_ino] = bytearray(path.read_bytes())
        return disk

    def after(self, events: list[Event], rng: random.Random, kept: float) -> "Disk":
        """Build a state that a power cut after these events may leave; what is not durable is kept with a chance."""
        disk = Disk(
            dict(self.names), {inode: bytearray(data) for inode, data in self.contents.items()}, {*self.folders}
        )
        for number, event in enumerate(events):
            later = events[number + 1 :]
            if _is_durable(event, later) or rng.random() < kept:
                disk.apply(event)
        return disk

    def apply(self, event: Event) -> None:
        step = event.step
        if step.kind == "write":
            data = self.contents.setdefault(event.file, bytearray())
            data.extend(bytes(max(0, step.offset - len(data))))
            data[step.offset : step.offset + len(step.data)] = step.data
        elif step.kind == "truncate":
            del self.contents.setdefault(event.file, bytearray())[step.offset :]
        elif step.kind == "commit":
            self.names[step.path] = event.file
            self.contents[event.file] = bytearray(event.database)
        elif step.kind in _NAMES:
            self._apply_name(event)

    def _apply_name(self, event: Event) -> None:
        step = event.step
        if step.kind == "mkdir":
            self.folders.add(step.path)
        elif step.kind == "rmdir":
            self.folders.discard(step.path)
        elif step.kind == "unlink":
            self.names.pop(step.path, None)
        else:
            self.names[step.path] = event.file
            if step.kind == "rename":
                self.names.pop(step.source, None)

    def write(self, old: Path, new: Path) -> None:
        """Make a folder out of it: what was below `old` comes to be below `new`."""
        for folder in sorted(self.folders):
            _moved(folder, old, new).mkdir(parents=True, exist_ok=True)
        for name, file in self.names.items():
            path = _moved(name, old, new)
            if path.parent.is_dir():  # a folder whose name was lost takes with it what is in it
                path.write_bytes(self.contents.get(file, b""))
                path.chmod(0o600)


def _moved(name: str, old: Path, new: Path) -> Path:
    return new / Path(name).relative_to(old.resolve())


def _is_durable(event: Event, later: list[Event]) -> bool:
    step = event.step
    if step.kind == "commit":
        return step.path.endswith(_SURVIVING)
    if step.kind in ("write", "truncate"):
        return any(e.step.kind == "fsync" and e.file == event.file for e in later)
    folder = os.path.dirname(step.path)
    return any(e.step.kind == "fsync folder" and e.step.path == folder for e in later)
