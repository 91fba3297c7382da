"""Processes that kill themselves between any two steps of what they do."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kvprep.store.index import NamespaceIndex


def killed_after(steps: int, run: Callable[[Callable[[], None]], None]) -> bool:
    """Run in a child that kills itself after so many steps; False if it came to its end before.

    Args:
        steps: syncs, renames, unlinks, and changes of the index.
        run: what to do; it is given a function that begins to count.
    """
    child = os.fork()
    if not child:
        try:
            run(lambda: _count_down(steps))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def _count_down(steps: int) -> None:
    left = steps

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            result = call(*args, **kwargs)
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    os.fsync, os.replace, Path.unlink = counted(os.fsync), counted(os.replace), counted(Path.unlink)
    for change in ("put_document", "put_entry", "remove_document", "remove_entry"):
        setattr(NamespaceIndex, change, counted(getattr(NamespaceIndex, change)))
