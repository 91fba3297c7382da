"""Torch's own kernels run single tokens of an answer, for an engine that is alone in its process, and nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kvprep.prefill.kernels import own_kernels
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.prefill.plan import cut
from kvprep.prefill.transformers import TransformersEngine, load_engine
from kvprep.progress import Silent

TOKENS = np.arange(1, 101, dtype=np.uint32)


@pytest.fixture(autouse=True)
def _with_onednn() -> Iterator[None]:
    if not torch.backends.mkldnn.enabled:
        pytest.skip("this torch has no oneDNN")
    yield
    assert torch.backends.mkldnn.enabled


@pytest.fixture
def load(tiny_model: Callable[[str], Path], tmp_path: Path) -> Callable[..., TransformersEngine]:
    def loaded(dtype: str, *, alone: bool) -> TransformersEngine:
        files = resolve(ModelSpec(str(tiny_model("llama")), device="cpu", dtype=dtype), Silent(), cache=tmp_path)
        return load_engine(files, alone=alone)

    return loaded


def seen(engine: TransformersEngine) -> list[tuple[int, bool]]:
    """Of every pass from now on: its tokens, and whether oneDNN was on while it ran."""
    passes: list[tuple[int, bool]] = []

    def note(_: Any, args: tuple[torch.Tensor], output: object) -> None:
        passes.append((args[0].shape[1], bool(torch.backends.mkldnn.enabled)))

    engine.model.model.layers[0].mlp.register_forward_hook(note)
    return passes


def test_the_choice_ends_with_its_block_however_that_ends() -> None:
    with pytest.raises(KeyError), own_kernels():
        assert not torch.backends.mkldnn.enabled
        raise KeyError
    assert torch.backends.mkldnn.enabled


def test_only_single_tokens_of_an_answer_leave_onednn(load: Callable[..., TransformersEngine]) -> None:
    engine = load("bfloat16", alone=True)
    passes, buffer = seen(engine), engine.new_buffer(128)
    engine.prefill(buffer, TOKENS, cut(0, 100))
    list(engine.generate(buffer, TOKENS[:9], max_new_tokens=3, eos_token_ids=()))
    engine.logits(buffer, TOKENS[:1])
    engine.prefill(buffer, np.append(TOKENS, TOKENS[:1]), cut(100, 101))
    assert passes == [(100, True), (9, True), (1, False), (1, False), (1, False), (1, True)]


@pytest.mark.parametrize(("dtype", "alone"), [("bfloat16", False), ("float32", True)])
def test_an_engine_that_is_not_alone_or_computes_in_other_numbers_never_leaves_onednn(
    load: Callable[..., TransformersEngine], dtype: str, alone: bool
) -> None:
    engine = load(dtype, alone=alone)
    passes, buffer = seen(engine), engine.new_buffer(128)
    engine.prefill(buffer, TOKENS, cut(0, 100))
    list(engine.generate(buffer, TOKENS[:9], max_new_tokens=3, eos_token_ids=()))
    assert [uses_onednn for _, uses_onednn in passes] == [True] * 4


def test_between_two_tokens_of_an_answer_onednn_is_on(load: Callable[..., TransformersEngine]) -> None:
    engine = load("bfloat16", alone=True)
    buffer = engine.new_buffer(128)
    engine.prefill(buffer, TOKENS, cut(0, 100))
    answer = engine.generate(buffer, TOKENS[:9], max_new_tokens=5, eos_token_ids=())
    assert [torch.backends.mkldnn.enabled for _ in answer] == [True] * 5


def test_the_logits_are_those_of_onednn_to_rounding(load: Callable[..., TransformersEngine]) -> None:
    found = []
    for alone in (False, True):
        engine = load("bfloat16", alone=alone)
        buffer = engine.new_buffer(128)
        engine.prefill(buffer, TOKENS, cut(0, 100))
        found.append(engine.logits(buffer, TOKENS[:1]))
        assert np.array_equal(found[-1], engine.logits(buffer, TOKENS[:1]))
    np.testing.assert_allclose(*found, rtol=0, atol=16 * torch.finfo(torch.bfloat16).eps * abs(found[0]).max())
