import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest
import torch

from kvprep.prefill.base import KEYS, VALUES
from kvprep.prefill.buffer import TorchBuffer
from kvprep.prefill.lending import Loan
from kvprep.types import CacheShape, LayerShape

SHAPE = CacheShape((LayerShape(2, 8, 4), LayerShape(1, 4, 4)), "bfloat16")
_PATIENCE = 60.0
_MOMENT = 0.05
"""Long enough for a thread that does not wait; one that does never comes, so it fails nothing where it is too short."""


def _filled(num_tokens: int, device: str = "cpu", *, staged: bool | None = None) -> TorchBuffer:
    buffer = TorchBuffer(SHAPE, num_tokens, device, staged=staged)
    _append(buffer, num_tokens, 1.0)
    return buffer


def _append(buffer: TorchBuffer, num_tokens: int, value: float) -> None:
    for number in range(len(SHAPE.layers)):
        _append_to(buffer, number, num_tokens, value)


def _append_to(buffer: TorchBuffer, number: int, num_tokens: int, value: float) -> None:
    layer, like = SHAPE.layers[number], buffer.layers[number].memory[KEYS]
    sizes = [(1, layer.num_kv_heads, num_tokens, dim) for dim in (layer.key_dim, layer.value_dim)]
    buffer.cache.update(*(like.new_full(size, value) for size in sizes), number)


def _runs(start: int, end: int, step: int) -> Iterator[tuple[int, int, int, int, int]]:
    """List the runs in the order in which a segment is sealed."""
    for first in range(start, end, step):
        for number, layer in enumerate(SHAPE.layers):
            for part in (KEYS, VALUES):
                for head in range(layer.num_kv_heads):
                    yield number, part, head, first, min(first + step, end)


def _read(loan: Loan, run: tuple[int, int, int, int, int]) -> set[float]:
    return set(torch.frombuffer(bytearray(loan.view(*run)), dtype=torch.bfloat16).tolist())


class _Aside:
    """Does something in a thread of its own."""

    def __init__(self, task: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=task, daemon=True)
        self._thread.start()

    def waits(self) -> bool:
        self._thread.join(_MOMENT)
        return self._thread.is_alive()

    def ends(self) -> bool:
        self._thread.join(_PATIENCE)
        return not self._thread.is_alive()


@pytest.mark.parametrize("staged", [False, True])
def test_the_next_document_is_written_behind_a_reader_who_sees_only_the_former_one(staged: bool) -> None:
    buffer, seen = _filled(300, staged=staged), SimpleQueue[set[float]]()
    loan = buffer.lend(64, 300)
    buffer.truncate(0)

    def write() -> None:
        for _ in range(6):
            _append(buffer, 50, 2.0)

    writing = _Aside(write)
    for run in _runs(64, 300, 64):
        seen.put(_read(loan, run))
    assert writing.ends()
    assert all(seen.get() == {1.0} for _ in range(seen.qsize()))
    assert all(bool((layer.keys == 2.0).all()) for layer in buffer.layers)


def test_a_layer_may_be_written_once_the_next_one_is_read() -> None:
    buffer = _filled(128)
    loan = buffer.lend(0, 128)
    buffer.truncate(0)
    writing = _Aside(lambda: _append_to(buffer, 0, 64, 2.0))
    for run in list(_runs(0, 64, 64))[:4]:
        loan.view(*run)
    assert writing.waits()
    loan.view(1, KEYS, 0, 0, 64)
    assert writing.ends()
    beyond = _Aside(lambda: _append_to(buffer, 0, 1, 2.0))
    assert beyond.waits()
    loan.give_back()
    assert beyond.ends()


def test_tokens_behind_the_lent_ones_are_written_at_once() -> None:
    buffer = TorchBuffer(SHAPE, 128)
    _append(buffer, 64, 1.0)
    loan = buffer.lend(0, 64)
    assert _Aside(lambda: _append(buffer, 64, 2.0)).ends()
    assert _read(loan, (0, KEYS, 0, 0, 64)) == {1.0}


@pytest.mark.parametrize(
    "change",
    [
        lambda buffer: buffer.reserve(1000),
        lambda buffer: buffer.lend(0, 64),
        lambda buffer: buffer.filling().__enter__(),
    ],
    ids=["growing", "lending again", "loading"],
)
def test_what_touches_more_than_a_run_waits_for_the_loans_end(change: Callable[[TorchBuffer], object]) -> None:
    buffer = _filled(64)
    loan = buffer.lend(0, 64)
    changing = _Aside(lambda: change(buffer))
    loan.view(1, VALUES, 0, 0, 32)
    assert changing.waits()
    loan.give_back()
    assert changing.ends()


def test_a_loan_ends_by_itself_with_its_last_run_which_stays_readable() -> None:
    buffer = _filled(100)
    loan = buffer.lend(0, 100)
    *_, last = [loan.view(*run) for run in _runs(0, 100, 64)]
    before = bytes(last)
    buffer.truncate(0)
    _append(buffer, 100, 2.0)
    assert bytes(last) == before


@pytest.mark.parametrize("run", [(0, KEYS, 0, 0, 64), (0, VALUES, 1, 64, 128), (1, KEYS, 0, 128, 192)])
def test_what_was_given_back_or_never_lent_is_not_shown(run: tuple[int, int, int, int, int]) -> None:
    buffer = _filled(192)
    loan = buffer.lend(0, 128)
    loan.view(1, KEYS, 0, 64, 128)
    with pytest.raises(ValueError, match="not lent"):
        loan.view(*run)
    loan.give_back()
    with pytest.raises(ValueError, match="not lent"):
        loan.view(1, KEYS, 0, 64, 128)


@pytest.mark.parametrize("tokens", [(0, 65), (5, 5), (-1, 5)])
def test_only_valid_tokens_are_lent(tokens: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="beyond the length"):
        _filled(64).lend(*tokens)


def test_a_buffer_that_has_lent_goes_with_its_last_reference() -> None:
    gc.disable()
    try:
        buffer = _filled(64)
        loan = buffer.lend(0, 64)
        loan.give_back()
        gone = weakref.ref(buffer)
        del buffer
        assert gone() is None
    finally:
        gc.enable()


def test_on_a_cpu_a_loan_shows_the_buffers_own_memory() -> None:
    buffer = _filled(64)
    view = buffer.lend(0, 64).view(0, KEYS, 0, 0, 64)
    view[:2] = bytes(2)
    assert buffer.layers[0].keys[0, 0, 0, 0] == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpus_tokens_are_copied_into_pinned_memory_on_a_stream_of_their_own() -> None:
    buffer = _filled(128, "cuda")
    loan = buffer.lend(0, 128)
    busy = torch.ones((4096, 4096), device="cuda")
    for _ in range(50):
        busy = busy @ busy * 1e-4
    computing = torch.cuda.Event()
    computing.record()
    assert all(_read(loan, run) == {1.0} for run in list(_runs(0, 128, 64))[:4])
    assert not computing.query(), "the copies waited for what the device computes"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs MPS")
def test_tokens_of_an_mps_device_are_copied_before_it_computes_on() -> None:
    buffer = _filled(64, "mps")
    loan = buffer.lend(0, 64)
    buffer.layers[0].memory[KEYS].zero_()
    assert _read(loan, (0, KEYS, 0, 0, 64)) == {1.0}
