from collections.abc import Iterator
from pathlib import Path

import pytest

from kvprep.store.namespace import Namespace
from kvprep.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as made:
        yield made


@pytest.fixture
def ns(store: Store) -> Namespace:
    return store.namespace("default")
