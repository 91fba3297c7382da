"""SIGTERM unwinds like Ctrl-C: locks are let go, children end, half-written files go away."""

import signal
from types import FrameType


class Terminated(BaseException):
    """Somebody asked the process to end; not an Exception, so that nothing swallows it."""


def unwind_on_sigterm() -> None:
    """Raise Terminated in the main thread when SIGTERM comes."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
