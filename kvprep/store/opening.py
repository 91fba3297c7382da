"""Opening the user's store, which is made by whoever comes first."""

from pathlib import Path

from kvprep.errors import StoreNotFound
from kvprep.store import remembered
from kvprep.store.places import default_store_path
from kvprep.store.store import Store


def open_or_create(
    path: Path | None, *, key_file: Path | None = None, passphrase: str | None = None
) -> tuple[Store, bool]:
    """Open a store, or make it where none was ever remembered; tell whether it was made.

    Args:
        path: its folder.
        key_file: opens it, and is made with it.
        passphrase: opens it in place of a key file.

    Raises:
        StoreNotFound: a store that was here before has vanished, for example with an unmounted disk.
    """
    path = (path or default_store_path()).expanduser().absolute()
    if (path / "store.toml").exists():
        return Store.open(path, key_file=key_file, passphrase=passphrase), False
    if remembered.was_remembered(path):
        raise StoreNotFound(
            f"{path}: a store was here before and has vanished",
            hint="Mount its disk or restore it; `kvprep init` makes a new one on purpose.",
        )
    return Store.create(path, key_file=key_file), True
