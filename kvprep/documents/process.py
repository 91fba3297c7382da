"""One reading process of the cage as its parent sees it: started, asked, timed, and replaced when it dies."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from kvprep.documents.base import Limits
from kvprep.documents.frames import BadFrame, OversizedFrame, read_frame, write_frame
from kvprep.documents.reply import CRASHED, Reading, unpack
from kvprep.errors import OversizedDocument
from kvprep.types import Skipped

_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])


@dataclass
class ReadingProcess:
    """A child process and its pipes; a dead one is replaced at the next document."""

    command: Sequence[str]
    limits: Limits
    _process: "subprocess.Popen[bytes] | None" = None
    _timed_out: bool = False
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a process starts or is ended for good, so that none starts after the end."""

    def start(self) -> None:
        """Start the process and tell it its limits."""
        with self._lock:
            if not self._closed:
                self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's complaint may quote the document
            env=_environment(),
            close_fds=True,
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its children
        )
        # A child that cannot start shows at its first document.
        with contextlib.suppress(BrokenPipeError):
            write_frame(_pipe(process.stdin), asdict(self.limits))
        return process

    def read(self, data: bytes, name: str) -> tuple[Reading, float]:
        """Have one document read; the process is ended when it takes too long or says too much.

        Returns:
            What became of it, and seconds.
        """
        if len(data) > self.limits.file_bytes:
            return _oversized(f"{len(data)} bytes, more than {self.limits.file_bytes}"), 0.0
        if self._process is None:
            self.start()
        process = self._process
        if process is None:
            return Skipped(CRASHED, "the cage is closed", failed=True), 0.0
        started = time.perf_counter()
        self._timed_out = False
        alarm = threading.Timer(self.limits.wall_seconds, self._time_out, (process,))
        alarm.start()
        try:
            answer = self._ask(process, data, Path(name).suffix or name)
        finally:
            alarm.cancel()
        if isinstance(answer, Skipped):
            self._discard(process)
            return answer, time.perf_counter() - started
        return answer

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def _ask(self, process: "subprocess.Popen[bytes]", data: bytes, suffix: str) -> tuple[Reading, float] | Skipped:
        limits = self.limits
        try:
            write_frame(_pipe(process.stdin), {"suffix": suffix}, data)
            frame = read_frame(_pipe(process.stdout), limits.output_bytes + limits.expanded_bytes)
            if frame is None:
                raise BadFrame
            header, body = frame
            return unpack(header, body, limits), float(str(header["seconds"]))
        except OversizedFrame:
            return _oversized(f"more than {limits.output_bytes} bytes of text")
        except (BadFrame, OSError, ValueError, KeyError, TypeError):
            return self._epitaph(process)

    def _time_out(self, process: "subprocess.Popen[bytes]") -> None:
        self._timed_out = True
        process.kill()

    def _epitaph(self, process: "subprocess.Popen[bytes]") -> Skipped:
        """Say what a dead or babbling process died of."""
        process.kill()
        code = process.wait()
        if self._timed_out:
            return Skipped("timeout", f"reading it took more than {self.limits.wall_seconds:g} seconds", failed=True)
        if code == -signal.SIGXCPU:
            return Skipped(
                "timeout", f"reading it took more than {self.limits.cpu_seconds} processor seconds", failed=True
            )
        return Skipped(CRASHED, f"the reading process ended unasked ({_exit_name(code)})", failed=True)

    def _discard(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # Closing flushes what the dead process no longer takes.
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        self._process = None


def _oversized(message: str) -> Skipped:
    return Skipped(OversizedDocument.reason, message, failed=True)


def _exit_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _environment() -> dict[str, str]:
    """Pass on what Python needs to start and to find its packages; no setting of kvprep, no secret."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = [_PACKAGE_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**kept, "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in path)}


def _pipe(pipe: "IO[bytes] | None") -> IO[bytes]:
    assert pipe is not None
    return pipe
