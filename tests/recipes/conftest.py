"""Stores for the recipes to work on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from model_fixtures import SMALL, save_tiny_model
from recipe_places import TEXTS, Place


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with two documents and an empty store of a tiny model."""
    model = tmp_path_factory.mktemp("tiny")
    save_tiny_model(model, "llama", **SMALL | {"max_position_embeddings": 1024})
    place = Place(tmp_path_factory.mktemp("recipes") / "place")
    for folder in ("lib", "cache", "metrics", "etc", "documents"):
        (place.root / folder).mkdir(parents=True)
    for name, text in TEXTS.items():
        (place.root / "documents" / name).write_text(text)
    place.kvprep("init")
    (place.store / "kvprep.toml").write_text(f'[model]\nname = "{model}"\ndevice = "cpu"\n')
    return place.root


@pytest.fixture(scope="session")
def _made_and_filled(_made: Path) -> Path:
    """The same with the documents in the store."""
    filled = Place(_made.with_name("filled"))
    shutil.copytree(_made, filled.root)
    filled.kvprep("ingest", filled.root / "documents")
    return filled.root


@pytest.fixture
def place(_made: Path, tmp_path: Path) -> Place:
    """A place whose store is empty."""
    shutil.copytree(_made, tmp_path / "place")
    return Place(tmp_path / "place")


@pytest.fixture
def filled(_made_and_filled: Path, tmp_path: Path) -> Place:
    """A place whose store has two documents."""
    shutil.copytree(_made_and_filled, tmp_path / "place")
    return Place(tmp_path / "place")


@pytest.fixture
def damage() -> Callable[[Path], None]:
    """Flips a bit in a segment of a store."""

    def flip(store: Path) -> None:
        segment = next(path for path in sorted((store / "segments").rglob("*")) if path.is_file())
        segment.chmod(0o600)
        data = bytearray(segment.read_bytes())
        data[-100] ^= 1
        segment.write_bytes(data)

    return flip
