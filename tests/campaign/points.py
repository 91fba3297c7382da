"""The points of an operation: everything it does to files and databases below a folder, each shown to a watcher.

A watcher sees a step before and after it is done. So it can count, kill the process, refuse, or keep a log. Meant for a
child process that ends afterwards: what is put around the system's functions is never taken away again.
"""

import builtins
import io
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "COMMIT")
_CREATING = os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done to the disk."""

    kind: str
    """read (an open for reading), open, create, write, truncate, fsync, fsync folder, rename, link, unlink, mkdir,
    rmdir, commit."""
    path: str
    """What it is done to; of a rename or link, the new name."""
    source: str = ""
    """Of a rename or link: the old name."""
    descriptor: int = -1
    """Of a write, truncate or fsync: the open file."""
    data: bytes = b""
    """What is written."""
    offset: int = 0
    """Where it is written; of a truncate, the new size."""


class Watcher:
    """Sees every step; does nothing."""

    def before(self, step: Step) -> None:
        """Called before a step; may end the process or raise."""

    def after(self, step: Step) -> None:
        """Called after a step that succeeded."""

    def portion(self, data: memoryview) -> memoryview:
        """Say how much of a write the disk takes."""
        return data


def watch(folder: Path, watcher: Watcher) -> None:
    """Show a watcher, from now on and in this process, every step that is done below a folder."""
    around = _Around(str(folder.resolve()) + "/", watcher)
    around.names()
    around.descriptors()
    builtins.open = io.open = around.open
    real = sqlite3.connect
    sqlite3.connect = lambda *args, **named: real(*args, **named, factory=around.connection())


class _Around:
    """The system's functions with a watcher around them."""

    def __init__(self, folder: str, watcher: Watcher) -> None:
        self.folder, self.watcher = folder, watcher

    def step(self, step: Step, call: Callable[[], Any]) -> Any:
        if not f"{step.path}/".startswith(self.folder):
            return call()
        self.watcher.before(step)
        result = call()
        self.watcher.after(step)
        return result

    def names(self) -> None:
        """Put the watcher around what changes names."""
        real_open = os.open

        def opened(path: Any, flags: int, *args: Any, **named: Any) -> int:
            creates = flags & _CREATING and not os.path.exists(path)
            step = Step("create" if creates else "open", _absolute(path))
            return int(self.step(step, lambda: real_open(path, flags, *args, **named)))

        os.open = opened
        for name, kind in (("unlink", "unlink"), ("remove", "unlink"), ("mkdir", "mkdir"), ("rmdir", "rmdir")):
            setattr(os, name, self._of_one(kind, getattr(os, name)))
        for name, kind in (("replace", "rename"), ("rename", "rename"), ("link", "link")):
            setattr(os, name, self._of_two(kind, getattr(os, name)))

    def _of_one(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda path, *args, **named: self.step(Step(kind, _absolute(path)), lambda: real(path, *args, **named))

    def _of_two(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def done(source: Any, target: Any, **named: Any) -> Any:
            step = Step(kind, _absolute(target), source=_absolute(source))
            return self.step(step, lambda: real(source, target, **named))

        return done

    def descriptors(self) -> None:
        """Put the watcher around what changes contents."""
        real_fsync, real_write, real_pwrite, real_cut = os.fsync, os.write, os.pwrite, os.ftruncate
        real_truncate = os.truncate

        def fsync(descriptor: int) -> None:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            kind = "fsync folder" if is_folder else "fsync"
            self.step(Step(kind, _path_of(descriptor), descriptor=descriptor), lambda: real_fsync(descriptor))

        def write(descriptor: int, data: Any) -> int:
            at = os.fstat(descriptor).st_size  # opened to append
            return self.write(descriptor, data, at, lambda part: real_write(descriptor, part))

        def pwrite(descriptor: int, data: Any, at: int) -> int:
            return self.write(descriptor, data, at, lambda part: real_pwrite(descriptor, part, at))

        def ftruncate(descriptor: int, size: int) -> None:
            step = Step("truncate", _path_of(descriptor), descriptor=descriptor, offset=size)
            self.step(step, lambda: real_cut(descriptor, size))

        def truncate(path: Any, size: int) -> None:
            self.step(Step("truncate", _absolute(path), offset=size), lambda: real_truncate(path, size))

        os.fsync, os.write, os.pwrite, os.ftruncate, os.truncate = fsync, write, pwrite, ftruncate, truncate

    def write(self, descriptor: int, data: Any, at: int, call: Callable[[memoryview], Any]) -> int:
        path, view = _path_of(descriptor), memoryview(data).cast("B")
        if not path.startswith(self.folder):
            return int(call(view))
        part = self.watcher.portion(view)
        step = Step("write", path, descriptor=descriptor, data=bytes(part), offset=at)
        return int(self.step(step, lambda: call(part)))

    def open(
        self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, *rest: Any, **named: Any
    ) -> Any:
        if not set(mode) & set("wxa"):
            step = Step("read", _absolute(file))
            return self.step(step, lambda: _real_open(file, mode, buffering, encoding, *rest, **named))
        raw = self._raw(file, mode)
        if buffering == 0:
            return raw
        buffered = io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, *rest, **named)

    def _raw(self, file: Any, mode: str) -> io.FileIO:
        around = self

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                return around.write(self.fileno(), data, self.tell(), super().write)

        if isinstance(file, int):
            return Raw(file, mode.replace("t", ""))
        step = Step("open" if os.path.exists(file) else "create", _absolute(file))
        return self.step(step, lambda: Raw(file, mode.replace("t", "")))

    def connection(self) -> type[sqlite3.Connection]:
        """Make a kind of connection that shows each commit, and each change that is one by itself."""
        around = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                word = sql.strip().partition(" ")[0].upper()
                if word not in _WRITING or (word != "COMMIT" and self.in_transaction):
                    return super().execute(sql, *parameters)
                path = next(iter(super().execute("PRAGMA database_list")))[2]
                real = super().execute
                return around.step(Step("commit", path), lambda: real(sql, *parameters))

        return Connection


_real_open = io.open


def _absolute(path: Any) -> str:
    if isinstance(path, int):
        return _path_of(path)
    return os.path.abspath(os.fsdecode(path))


def _path_of(descriptor: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}").removesuffix(" (deleted)")
    return ""
