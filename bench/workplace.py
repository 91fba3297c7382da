"""Where a benchmark may write, and how it ends when it is told to."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a folder that is gone afterwards; no store, key or setting of the user is touched meanwhile.

    From now on SIGTERM and SIGHUP raise SystemExit: the folder goes, and so does every process that is waited for.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    with tempfile.TemporaryDirectory(prefix="kvprep-bench-") as name:
        for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            os.environ[variable] = f"{name}/{variable}"
        os.environ.pop("KVPREP_STORE", None)
        # Or every process that is timed would compile what it imports.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        yield Path(name)


def _end(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
