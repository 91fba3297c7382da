"""A store that is measured and gone afterwards, on the disk of the one that is meant."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvprep.store import remembered
from kvprep.store.layout import disk_errors
from kvprep.store.store import Store


@contextmanager
def temporary_store(path: Path) -> Iterator[Store]:
    """Make an empty store beside `path`, and remove it however the block ends; this machine forgets it, too.

    Args:
        path: of a store, whether or not there is one; absolute.

    Raises:
        StoreFull: the disk has no room.
        StoreError: nothing can be written there.
    """
    place = _place(path)
    with disk_errors(place):
        temporary = tempfile.TemporaryDirectory(prefix="kvprep-bench-", dir=place)
    with temporary as folder:
        root = Path(folder) / "store"
        try:
            with Store.create(root, key_file=Path(folder) / "key") as store:
                yield store
        finally:
            remembered.forget_store(root)


def _place(path: Path) -> Path:
    """Choose the nearest folder above that is on the same disk; a store that is a mount of its own is its own place."""
    found = next(folder for folder in (path, *path.parents) if folder.is_dir())
    if found != path:
        return found
    beside = path.parent
    is_same_disk = os.stat(beside).st_dev == os.stat(path).st_dev
    return beside if is_same_disk and os.access(beside, os.W_OK) else path
