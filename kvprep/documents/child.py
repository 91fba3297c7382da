"""The inside of the cage: a process that reads one document after another, under limits, and knows no secret.

Run as `python -m kvprep.documents.child` by `kvprep.documents.cage`. Its limits hold against accidents and bombs;
they are no sandbox.
"""

import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

from kvprep.documents.frames import read_frame, write_frame

if TYPE_CHECKING:
    from kvprep.documents.desk import ReaderTable

_MAX_LIMITS_BYTES = 1 << 20


def serve(readers: "ReaderTable | None" = None) -> None:
    """Read documents from standard input until it ends, and answer each on standard output.

    Standard output is taken away from everybody else first: what a library prints would break the frames.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _silence()
    first = read_frame(requests, _MAX_LIMITS_BYTES)
    if first is None:
        return
    limits = first[0]
    _limit_process(int(str(limits["memory_bytes"])))
    desk = None
    while request := read_frame(requests, int(str(limits["file_bytes"]))):
        if desk is None:
            # Not before: most runs over a known folder have nothing to read, and this takes most of a start.
            from kvprep.documents.desk import Desk

            desk = Desk(limits, readers)
        write_frame(answers, *desk.answer(request[1], str(request[0]["suffix"])))


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _limit_process(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform != "darwin":  # macOS refuses, or ignores, a limit on address space
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    serve()
