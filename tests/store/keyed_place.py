"""A store and its keys in one folder, which can be copied whole."""

import shutil
from pathlib import Path
from typing import Self

from kvprep.store.store import Store


class KeyedPlace:
    """Where a store lies with its three keys."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        self.key, self.limited, self.second = (folder / "keys" / name for name in ("key", "limited", "second"))

    def copy(self, to: Path) -> Self:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)
        return type(self)(to)

    def open(self) -> Store:
        return Store.open(self.store, key_file=self.key)
