"""Prefill against load, length by length."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np

from kvprep.economics.speed import fit_prefill
from kvprep.errors import AuthenticationFailed, ConfigError
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.models import ModelFiles
from kvprep.prefill.plan import cut
from kvprep.progress import Progress
from kvprep.reuse.load import load_stretches
from kvprep.speeds.probe import store_prefix
from kvprep.store.entry import EntryRecord
from kvprep.store.layout import file_size
from kvprep.store.namespace import Namespace
from kvprep.types import PrefillCost, TokenIds

T = TypeVar("T")
STAGE = "prefill"
LENGTHS = (256, 512, 1024, 2048, 4096)
"""Those of them that the model takes are measured unless others are asked for."""
LOAD_ROUNDS = 7
BUDGET_S = 60.0
"""What is spent on prefills where no lengths are asked for."""
ENOUGH_S = 15.0
"""No further prefill of a length begins once its prefills have taken this long."""
_ROOM = 8


@dataclass(frozen=True, slots=True)
class AtLength:
    """What prefixes of one length take; seconds are medians."""

    tokens: int
    num_bytes: int
    """On disk."""
    rounds: int
    """Prefills."""
    prefill_s: float
    store_s: float
    """Sealing, writing, syncing: once."""
    load_s: float
    """From the system's memory into a buffer that has been used before."""
    cold_load_s: float | None
    """From the disk itself; None where the system cannot be asked to forget."""
    first_token_s: float
    """The forward step after a load."""


def choose_lengths(asked: Sequence[int], max_positions: int) -> tuple[int, ...]:
    """Choose what is measured, in ascending order.

    Raises:
        ConfigError: a length that the model does not take.
    """
    most = max_positions - _ROOM
    if long := [length for length in asked if length > most]:
        raise ConfigError(f"{max(long)} tokens: the model takes {most}", hint="Ask for shorter ones with --lengths.")
    return tuple(sorted(set(asked))) or tuple(n for n in LENGTHS if n <= most) or (most,)


def measure_lengths(
    engine: Engine,
    files: ModelFiles,
    namespace: Namespace,
    lengths: Sequence[int],
    *,
    rounds: int,
    budget_s: float = float("inf"),
    progress: Progress,
) -> Iterator[AtLength]:
    """Prefill, store and load each length, the first ones of them that fit into a budget.

    Args:
        engine, files: the model.
        namespace: of a store that is only measured.
        lengths: as `choose_lengths` gives them.
        rounds: prefills of each at most, see ENOUGH_S.
        budget_s: before a length that would take the prefills beyond it, as the shorter ones tell, this ends.
        progress: hears of the tokens of each length's first prefill.

    Raises:
        AuthenticationFailed: what was loaded gives other logits than what was computed: this machine is broken.
    """
    tokens, buffer = _tokens(engine, max(lengths)), engine.new_buffer(max(lengths) + _ROOM)
    progress.start(STAGE, sum(lengths), "tokens")
    measured: list[AtLength] = []
    for length in lengths:
        if measured and _spent_s(measured) + _expected_s(measured, length) > budget_s:
            break
        measured.append(_measure(engine, files, namespace, tokens[:length], buffer, rounds))
        yield measured[-1]
        progress.advance(STAGE, length)
    progress.finish(STAGE)


def _spent_s(measured: Sequence[AtLength]) -> float:
    return sum(at.rounds * at.prefill_s for at in measured)


def _expected_s(measured: Sequence[AtLength], length: int) -> float:
    speed = fit_prefill([(at.tokens, at.prefill_s) for at in measured])
    return speed.seconds(0, length) if speed else 0.0


def _tokens(engine: Engine, count: int) -> TokenIds:
    """Draw tokens: which they are makes no difference to time. Warms the engine up, too."""
    vocabulary = len(engine.logits(engine.new_buffer(_ROOM), np.zeros(1, dtype=np.uint32)))
    return np.random.default_rng(0).integers(0, vocabulary, count).astype(np.uint32)


def _measure(
    engine: Engine, files: ModelFiles, namespace: Namespace, tokens: TokenIds, buffer: KVBuffer, rounds: int
) -> AtLength:
    prefills = _prefills(engine, buffer, tokens, rounds)
    computed = engine.logits(buffer, tokens[-1:])
    cost = PrefillCost(len(tokens), median(prefills), 0.0)
    store_s, ident = _timed(lambda: store_prefix(namespace, files, tokens, buffer, cost))
    entry = namespace.entry(ident)
    assert entry is not None, "it has just been put"
    place = namespace.store.layout.file("segments", entry.stretches[0].segment)
    warm = [_load(namespace, entry, buffer) for _ in range(LOAD_ROUNDS)]
    cold = [_load(namespace, entry, buffer) for _ in range(LOAD_ROUNDS) if _forget(place)]
    steps = [_timed(lambda: engine.logits(buffer, tokens[-1:])) for _ in range(LOAD_ROUNDS)]
    if not all(np.array_equal(logits, computed) for _, logits in steps):
        raise AuthenticationFailed("what was loaded gives other logits than what was computed")
    return AtLength(
        tokens=len(tokens),
        num_bytes=file_size(place),
        rounds=len(prefills),
        prefill_s=median(prefills),
        store_s=store_s,
        load_s=median(warm),
        cold_load_s=median(cold) if cold else None,
        first_token_s=median(seconds for seconds, _ in steps),
    )


def _prefills(engine: Engine, buffer: KVBuffer, tokens: TokenIds, rounds: int) -> list[float]:
    seconds: list[float] = []
    while not seconds or (len(seconds) < rounds and sum(seconds) < ENOUGH_S):
        buffer.truncate(0)
        seconds.append(engine.prefill(buffer, tokens, cut(0, len(tokens))).seconds)
    return seconds


def _load(namespace: Namespace, entry: EntryRecord, buffer: KVBuffer) -> float:
    buffer.truncate(0)
    return _timed(lambda: load_stretches(namespace, entry, buffer, entry.num_tokens))[0]


def _timed(task: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = task()
    return time.perf_counter() - began, result


def _forget(path: Path) -> bool:
    """Ask the system to forget what it holds of a file; False where it cannot be asked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return True
