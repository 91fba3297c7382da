"""Where a benchmark may write."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a folder that is gone afterwards; no store, key or setting of the user is touched meanwhile."""
    with tempfile.TemporaryDirectory(prefix="kvprep-bench-") as name:
        for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            os.environ[variable] = f"{name}/{variable}"
        os.environ.pop("KVPREP_STORE", None)
        yield Path(name)
