"""What is measured is what was asked for, and nothing of it is left behind."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kvprep.errors import AuthenticationFailed, ConfigError
from kvprep.pipeline.model import load_engine
from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.progress import Silent
from kvprep.speeds.lengths import LENGTHS, LOAD_ROUNDS, choose_lengths, measure_lengths
from kvprep.speeds.parts import measure_parts
from kvprep.speeds.workplace import temporary_store
from kvprep.store import remembered


@pytest.fixture
def files(tiny_model: Callable[[str], Path]) -> ModelFiles:
    return resolve(ModelSpec(str(tiny_model("llama")), device="cpu"), Silent())


class Counting:
    """An engine that counts the tokens of its prefills, and may answer wrongly after some steps."""

    def __init__(self, engine: Engine, *, lies_after: int = 1 << 30) -> None:
        self._engine, self._lies_after = engine, lies_after
        self.prefilled: list[int] = []
        self.steps = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def prefill(self, buffer, token_ids, pieces):
        self.prefilled.append(len(token_ids))
        return self._engine.prefill(buffer, token_ids, pieces)

    def logits(self, buffer, token_ids):
        self.steps += 1
        found = self._engine.logits(buffer, token_ids)
        return found + np.float32(self.steps > self._lies_after)


def test_each_length_is_prefilled_in_rounds_stored_and_loaded(tmp_path: Path, files: ModelFiles) -> None:
    engine = Counting(load_engine(files))
    with temporary_store(tmp_path / "store") as store:
        measured = list(
            measure_lengths(engine, files, store.namespace("default"), (64, 200), rounds=2, progress=Silent())
        )
        assert len(list((store.path / "segments").glob("??/*.kvs"))) == 2
    assert [(at.tokens, at.rounds) for at in measured] == [(64, 2), (200, 2)]
    assert engine.prefilled == [64, 64, 200, 200]
    assert all(at.num_bytes > at.tokens * files.shape.token_bytes for at in measured)
    assert all(min(at.prefill_s, at.store_s, at.load_s, at.first_token_s) > 0 for at in measured)
    assert all((at.cold_load_s is not None) == hasattr(os, "posix_fadvise") for at in measured)


def test_a_budget_leaves_longer_ones_out_and_never_the_first(tmp_path: Path, files: ModelFiles) -> None:
    engine = Counting(load_engine(files))
    with temporary_store(tmp_path / "store") as store:
        ns, silent = store.namespace("default"), Silent()
        measured = list(measure_lengths(engine, files, ns, (64, 128, 200), rounds=1, budget_s=0, progress=silent))
    assert [at.tokens for at in measured] == [64]
    assert engine.prefilled == [64]


def test_a_machine_that_loads_something_else_than_it_computed_is_told(tmp_path: Path, files: ModelFiles) -> None:
    steps_of_computing = 2  # the one that tells the vocabulary, and the one after the prefill
    engine = Counting(load_engine(files), lies_after=steps_of_computing + LOAD_ROUNDS - 1)
    with (
        temporary_store(tmp_path / "store") as store,
        pytest.raises(AuthenticationFailed, match="other logits than what was computed"),
    ):
        list(measure_lengths(engine, files, store.namespace("default"), (64,), rounds=1, progress=Silent()))


def test_lengths_are_those_that_the_model_takes() -> None:
    assert choose_lengths((), 1 << 20) == LENGTHS
    assert choose_lengths((), 1024) == (256, 512)
    assert choose_lengths((), 100) == (92,)
    assert choose_lengths((300, 64, 64), 1024) == (64, 300)
    with pytest.raises(ConfigError, match="2000 tokens: the model takes 1016"):
        choose_lengths((64, 2000), 1024)


def test_parts_are_speeds_of_bytes(tmp_path: Path) -> None:
    speeds = measure_parts(tmp_path, rounds=1)
    # A processor of any age copies 32 MiB within ten seconds, and none within three microseconds.
    assert all(3e6 < speed < 1e13 for speed in (speeds.encrypt, speeds.decrypt, speeds.blake3, speeds.memcpy))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["store", "not/yet/there"])
def test_the_store_is_made_on_the_disk_that_is_meant_and_gone_afterwards(tmp_path: Path, name: str) -> None:
    with temporary_store(tmp_path / name) as store:
        place = store.path
        assert place.is_relative_to(tmp_path)
        store.namespace("default")
    assert list(tmp_path.iterdir()) == []
    assert not remembered.was_remembered(place)


def test_it_lies_beside_a_store_that_is_there_and_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with temporary_store(tmp_path / "store") as store:
        assert store.path.parent.parent == tmp_path


def test_it_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary_store(tmp_path / "store") as store:
        place = store.path
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    assert not remembered.was_remembered(place)
