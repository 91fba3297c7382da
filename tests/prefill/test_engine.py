import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_fixtures import save_tiny_model
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import DynamicCache

from kvprep.errors import ContextTooLong, ModelError, UnsupportedCache
from kvprep.prefill.base import KEYS, VALUES, KVBuffer
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.prefill.plan import cut
from kvprep.prefill.transformers import TransformersEngine, load_engine
from kvprep.progress import Silent
from kvprep.types import CacheShape, LayerShape, Piece, TokenIds

_GROUPED = {"num_key_value_heads": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _GROUPED,
    "qwen2": _GROUPED,
    "qwen3": {**_GROUPED, "head_dim": 16},
    "mistral": {**_GROUPED, "sliding_window": None},
    "phi3": {**_GROUPED, "sliding_window": None},
    "gpt2": {},
    "gpt_neox": {},
    "olmo2": _GROUPED,
    "falcon": {},
}
"""With what their tiny configs add to the common sizes."""
DTYPES = ("bfloat16", "float16", "float32")
VOCABULARY = 300
POSITIONS = 1600
NUM_ANSWER_TOKENS = 24

Loader = Callable[[str, str], TransformersEngine]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a family's tiny model, large enough that matrix kernels choose their ways by the length of a pass."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            sizes = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 2, "num_attention_heads": 6}
            ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
            limits = {"vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS}
            made[family] = save_tiny_model(
                tmp_path_factory.mktemp(family), family, **sizes, **ends, **limits, **FAMILIES[family]
            )
        return made[family]

    return folder


@pytest.fixture(scope="module")
def tiny(folders: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Loader:
    cache = tmp_path_factory.mktemp("cache")
    loaded: dict[tuple[str, str], TransformersEngine] = {}

    def engine(family: str, dtype: str) -> TransformersEngine:
        if (family, dtype) not in loaded:
            spec = ModelSpec(str(folders(family)), device="cpu", dtype=dtype)
            loaded[family, dtype] = load_engine(resolve(spec, Silent(), cache=cache))
        return loaded[family, dtype]

    return engine


@pytest.fixture
def llama(tiny: Loader) -> TransformersEngine:
    return tiny("llama", "float32")


@pytest.fixture
def llama_files(folders: Callable[[str], Path], tmp_path: Path) -> ModelFiles:
    """Files of a tiny model in a folder of the test's own."""
    copy = tmp_path / "model"
    copy.mkdir()
    for path in folders("llama").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return resolve(ModelSpec(str(copy), device="cpu"), Silent(), cache=tmp_path / "cache")


@pytest.fixture(scope="module")
def bundled(bundled_model: ModelFiles) -> Iterator[TransformersEngine]:
    yield load_engine(bundled_model)


def _tokens(num_tokens: int, *, seed: int = 1, vocabulary: int = VOCABULARY) -> TokenIds:
    return np.random.default_rng(seed).integers(1, vocabulary, num_tokens).astype(np.uint32)


def _prefilled(engine: TransformersEngine, tokens: TokenIds, pieces: tuple[Piece, ...]) -> KVBuffer:
    buffer = engine.new_buffer(len(tokens))
    engine.prefill(buffer, tokens, pieces)
    return buffer


def _chunks(shape: CacheShape) -> Iterator[tuple[int, int, int]]:
    for number, layer in enumerate(shape.layers):
        for part in (KEYS, VALUES):
            for head in range(layer.num_kv_heads):
                yield number, part, head


def _bytes(buffer: KVBuffer, shape: CacheShape) -> list[bytes]:
    return [bytes(buffer.chunk_view(*chunk, 0, buffer.length)) for chunk in _chunks(shape)]


def _reloaded(engine: TransformersEngine, buffer: KVBuffer, num_tokens: int, *, capacity: int) -> KVBuffer:
    """Take the first tokens' bytes out, and fill them into a buffer of another size."""
    target = engine.new_buffer(capacity)
    with target.filling() as chunk:
        for place in _chunks(engine.shape):
            chunk(*place, 0, num_tokens)[:] = bytes(buffer.chunk_view(*place, 0, num_tokens))
    target.set_length(num_tokens)
    return target


def _answer(engine: TransformersEngine, buffer: KVBuffer, question: TokenIds) -> list[int]:
    return list(engine.generate(buffer, question, max_new_tokens=NUM_ANSWER_TOKENS, eos_token_ids=()))


def _assert_continues_alike(
    engine: TransformersEngine, loaded: KVBuffer, replayed: KVBuffer, *, vocabulary: int = VOCABULARY
) -> None:
    question = _tokens(17, seed=2, vocabulary=vocabulary)
    assert _bytes(loaded, engine.shape) == _bytes(replayed, engine.shape)
    assert np.array_equal(engine.logits(loaded, question), engine.logits(replayed, question))
    answer = _answer(engine, loaded, question)
    assert len(answer) == NUM_ANSWER_TOKENS
    assert answer == _answer(engine, replayed, question)


def _assert_reuse_within_a_piece_is_replayed(engine: TransformersEngine, shared: int, vocabulary: int) -> None:
    """Document B takes over A's first tokens, which end inside a piece of A, and goes on by itself."""
    a = _tokens(700, vocabulary=vocabulary)
    b = np.concatenate([a[:shared], _tokens(300, seed=3, vocabulary=vocabulary)])
    taken = _reloaded(engine, _prefilled(engine, a, cut(0, 700)), shared, capacity=2048)
    own = cut(shared, len(b))
    engine.prefill(taken, b, own)
    replayed = _prefilled(engine, b, (*_pieces_up_to(shared), *own))
    _assert_continues_alike(engine, taken, replayed, vocabulary=vocabulary)


def _pieces_up_to(shared: int) -> list[Piece]:
    return [piece for piece in cut(0, 700) if piece.start < shared]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_continuing_from_loaded_bytes_equals_the_replay_bit_for_bit(tiny: Loader, family: str, dtype: str) -> None:
    engine, tokens = tiny(family, dtype), _tokens(600)
    loaded = _reloaded(engine, _prefilled(engine, tokens, cut(0, 600)), 600, capacity=1000)
    _assert_continues_alike(engine, loaded, _prefilled(engine, tokens, cut(0, 600)))


@pytest.mark.parametrize("shared", [64, 256, 576])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_prefix_reused_from_inside_a_piece_is_replayed_bit_for_bit(
    tiny: Loader, family: str, dtype: str, shared: int
) -> None:
    """A kernel may choose its way by the length of a pass, so the replay keeps the length and drops the rest."""
    _assert_reuse_within_a_piece_is_replayed(tiny(family, dtype), shared, VOCABULARY)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_document_that_ends_inside_a_reused_piece_is_replayed_bit_for_bit(tiny: Loader, dtype: str) -> None:
    engine, tokens = tiny("llama", dtype), _tokens(700)
    loaded = _reloaded(engine, _prefilled(engine, tokens, cut(0, 700)), 576, capacity=2048)
    replayed = _prefilled(engine, tokens[:576], cut(0, 700))
    assert replayed.length == 576
    _assert_continues_alike(engine, loaded, replayed)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_float32_the_answer_is_that_of_a_single_pass_without_a_cache(tiny: Loader, family: str) -> None:
    engine, tokens, question = tiny(family, "float32"), _tokens(600), _tokens(17, seed=2)
    answer = _answer(engine, _prefilled(engine, tokens, cut(0, 600)), question)
    assert answer == _answer_without_cache(engine, np.concatenate([tokens, question]))


def _answer_without_cache(engine: TransformersEngine, prompt: TokenIds) -> list[int]:
    ids = torch.from_numpy(prompt.astype(np.int64))[None]
    for _ in range(NUM_ANSWER_TOKENS):
        with torch.inference_mode():
            logits = engine.model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1]
        ids = torch.cat([ids, logits.argmax().reshape(1, 1)], dim=1)
    return ids[0, len(prompt) :].tolist()


def test_the_bundled_model_continues_from_loaded_bytes_as_from_a_replay(bundled: TransformersEngine) -> None:
    tokens = _tokens(600, vocabulary=49_152)
    loaded = _reloaded(bundled, _prefilled(bundled, tokens, cut(0, 600)), 600, capacity=1000)
    _assert_continues_alike(bundled, loaded, _prefilled(bundled, tokens, cut(0, 600)), vocabulary=49_152)


@pytest.mark.parametrize("shared", [256, 576])
def test_the_bundled_model_replays_a_prefix_reused_from_inside_a_piece(
    bundled: TransformersEngine, shared: int
) -> None:
    _assert_reuse_within_a_piece_is_replayed(bundled, shared, 49_152)


def test_the_bundled_model_in_float32_answers_as_in_a_single_pass(bundled_model: ModelFiles) -> None:
    shape = replace(bundled_model.shape, dtype="float32")
    engine = load_engine(replace(bundled_model, dtype="float32", shape=shape))
    tokens, question = _tokens(100, vocabulary=49_152), _tokens(17, seed=2, vocabulary=49_152)
    pieces = (Piece(0, 64), Piece(64, 100))
    assert _answer(engine, _prefilled(engine, tokens, pieces), question) == _answer_without_cache(
        engine, np.concatenate([tokens, question])
    )


@pytest.mark.parametrize("taken", [0, 1, 5, NUM_ANSWER_TOKENS])
def test_an_answer_leaves_the_buffer_as_it_was_however_early_it_is_closed(
    llama: TransformersEngine, taken: int
) -> None:
    buffer = _prefilled(llama, _tokens(100), cut(0, 100))
    before = _bytes(buffer, llama.shape)
    answer = llama.generate(buffer, _tokens(9), max_new_tokens=NUM_ANSWER_TOKENS, eos_token_ids=())
    for _ in range(taken):
        next(answer)
    answer.close()  # type: ignore[attr-defined]
    assert buffer.length == 100
    assert _bytes(buffer, llama.shape) == before


def test_an_answer_ends_before_the_first_token_that_ends_it(llama: TransformersEngine) -> None:
    buffer, question = _prefilled(llama, _tokens(100), cut(0, 100)), _tokens(9)
    answer = _answer(llama, buffer, question)
    end = next(token for token in answer if token != answer[0])
    shorter = llama.generate(buffer, question, max_new_tokens=NUM_ANSWER_TOKENS, eos_token_ids={end, VOCABULARY})
    assert list(shorter) == answer[: answer.index(end)]
    assert buffer.length == 100


@pytest.mark.parametrize("num_tokens", [1, 17, 64, 65])
def test_folded_heads_give_the_logits_of_plain_attention_to_rounding(
    llama: TransformersEngine, num_tokens: int
) -> None:
    tokens, question = _tokens(600), _tokens(num_tokens, seed=2)
    folded = llama.logits(_prefilled(llama, tokens, cut(0, 600)), question)
    ids = torch.from_numpy(np.concatenate([tokens, question]).astype(np.int64))[None]
    with torch.inference_mode():
        plain = llama.model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[0, -1].numpy()
    np.testing.assert_allclose(folded, plain, rtol=1e-4, atol=1e-5)


def test_reading_never_changes_how_the_next_prefill_computes(llama: TransformersEngine) -> None:
    tokens = _tokens(40)
    before = _prefilled(llama, tokens, cut(0, 40))
    _answer(llama, before, _tokens(9))
    with pytest.raises(IndexError):
        llama.logits(before, np.array([VOCABULARY], dtype=np.uint32))
    assert llama.model.config._attn_implementation == "sdpa"
    assert _bytes(_prefilled(llama, tokens, cut(0, 40)), llama.shape) == _bytes(before, llama.shape)


def test_transformers_own_generate_takes_the_buffer_as_its_cache(llama: TransformersEngine) -> None:
    tokens, question = _tokens(100), _tokens(9, seed=2)
    buffer = _prefilled(llama, tokens, cut(0, 100))
    expected = _answer(llama, buffer, question)
    ids = torch.from_numpy(np.concatenate([tokens, question]).astype(np.int64))[None]
    generated = llama.model.generate(
        ids, cache=buffer.cache, max_new_tokens=NUM_ANSWER_TOKENS, do_sample=False, eos_token_id=None
    )
    assert generated[0, ids.shape[1] :].tolist() == expected


def test_transformers_samples_from_the_buffer_as_from_a_cache_of_its_own(llama: TransformersEngine) -> None:
    from transformers import DynamicCache

    tokens, question = _tokens(300), _tokens(9, seed=2)
    buffer = _prefilled(llama, tokens, cut(0, 300))
    own = DynamicCache(config=llama.model.config)
    ids = torch.from_numpy(np.concatenate([tokens, question]).astype(np.int64))[None]
    with torch.inference_mode():
        llama.model(input_ids=ids[:, :300], cache=own, use_cache=True)

    def sample(cache: Any) -> list[int]:
        torch.manual_seed(3)
        drawn = llama.model.generate(
            ids, cache=cache, max_new_tokens=NUM_ANSWER_TOKENS, do_sample=True, temperature=1.5, eos_token_id=None
        )
        return list(drawn[0, len(ids[0]) :].tolist())

    sampled = sample(buffer.cache)
    assert sampled == sample(own)
    assert len(set(sampled)) > 4


class _LargeResults(TorchDispatchMode):
    """Notes what makes as many numbers as one layer holds keys, anywhere but in the buffer's memory and the weights."""

    def __init__(self, engine: TransformersEngine, buffer: KVBuffer) -> None:
        super().__init__()
        self.found: list[str] = []
        layers = buffer.layers  # type: ignore[attr-defined]
        self._least = layers[0].keys.numel()
        held = [*engine.model.parameters(), *(part for layer in layers for part in layer.memory)]
        self._places = {part.untyped_storage().data_ptr() for part in held}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in result if isinstance(result, tuple | list) else (result,):
            is_large = isinstance(made, torch.Tensor) and made.numel() >= self._least
            if is_large and made.untyped_storage().data_ptr() not in self._places:
                self.found.append(str(func))
        return result


@pytest.mark.parametrize("family", FAMILIES)
def test_a_token_of_an_answer_copies_nothing_of_the_cache(tiny: Loader, family: str) -> None:
    engine = tiny(family, "float32")
    tokens = _tokens(1000)
    buffer = engine.new_buffer(1100)
    engine.prefill(buffer, tokens, cut(0, 1000))
    with _LargeResults(engine, buffer) as large:
        engine.logits(buffer, tokens[-1:])
    assert large.found == []
    naive = DynamicCache()
    for number, layer in enumerate(buffer.layers):  # type: ignore[attr-defined]
        naive.update(layer.keys.clone(), layer.values.clone(), number)
    with _LargeResults(engine, buffer) as large:
        engine.model(input_ids=torch.tensor([[1]]), cache=naive)
    assert "aten.cat.default" in large.found, "what this would find"


def test_many_questions_on_one_document_do_not_see_one_another(llama: TransformersEngine) -> None:
    """Each goes on behind the document, and leaves the buffer as it found it; the bytes are those of the document."""
    tokens = _tokens(300)
    buffer = _prefilled(llama, tokens, cut(0, 300))
    before = _bytes(buffer, llama.shape)
    questions = [_tokens(5 + seed, seed=seed) for seed in range(2, 7)]
    alone = [_answer(llama, _prefilled(llama, tokens, cut(0, 300)), question) for question in questions]
    assert [_answer(llama, buffer, question) for question in questions] == alone
    assert len({tuple(answer) for answer in alone}) > 1
    assert _bytes(buffer, llama.shape) == before


def test_a_buffer_is_never_shared_between_writers(llama: TransformersEngine) -> None:
    tokens, question = _tokens(100), _tokens(9, seed=2)
    buffer = _prefilled(llama, tokens, cut(0, 100))
    answer = llama.generate(buffer, question, max_new_tokens=NUM_ANSWER_TOKENS, eos_token_ids=())
    started = [next(answer)]
    for second in (
        lambda: llama.logits(buffer, question),
        lambda: next(llama.generate(buffer, question, max_new_tokens=1, eos_token_ids=())),
        lambda: llama.prefill(buffer, tokens, [Piece(buffer.length, buffer.length + 1)]),
        lambda: buffer.filling().__enter__(),
    ):
        with pytest.raises(RuntimeError, match="in use"):
            second()
    assert [*started, *answer] == _answer(llama, buffer, question)
    assert buffer.length == 100


def test_a_pass_that_fails_leaves_the_buffer_where_its_piece_started(llama: TransformersEngine) -> None:
    tokens = _tokens(100)
    tokens[80] = VOCABULARY  # no such token
    buffer = llama.new_buffer(100)
    with pytest.raises(IndexError):
        llama.prefill(buffer, tokens, (Piece(0, 64), Piece(64, 100)))
    assert buffer.length == 64
    with pytest.raises(IndexError):
        llama.logits(buffer, tokens[75:85])
    assert buffer.length == 64


@pytest.mark.parametrize(
    "pieces",
    [
        (Piece(0, 64),),
        (Piece(32, 64), Piece(65, 100)),
        (Piece(32, 64), Piece(32, 100)),
        (Piece(32, 32),),
        (Piece(32, 64), Piece(64, 60)),
    ],
)
def test_pieces_that_leave_a_gap_or_start_elsewhere_are_refused(
    llama: TransformersEngine, pieces: tuple[Piece, ...]
) -> None:
    buffer = _prefilled(llama, _tokens(32), cut(0, 32))
    with pytest.raises(ValueError, match="piece"):
        llama.prefill(buffer, _tokens(100), pieces)
    assert buffer.length == 32


def test_what_exceeds_the_models_positions_is_refused_before_anything_is_computed(llama: TransformersEngine) -> None:
    buffer = llama.new_buffer(64)
    with pytest.raises(ContextTooLong, match=f"{POSITIONS + 1} tokens"):
        llama.prefill(buffer, _tokens(POSITIONS + 1), cut(0, POSITIONS + 1))
    assert buffer.length == 0
    with pytest.raises(ContextTooLong):
        llama.generate(buffer, _tokens(100), max_new_tokens=POSITIONS - 99, eos_token_ids=())
    with pytest.raises(ContextTooLong):
        llama.logits(buffer, _tokens(POSITIONS + 1))


def test_a_continuation_of_no_tokens_is_refused(llama: TransformersEngine) -> None:
    buffer = _prefilled(llama, _tokens(32), cut(0, 32))
    with pytest.raises(ValueError, match="at least one token"):
        llama.generate(buffer, _tokens(0), max_new_tokens=1, eos_token_ids=())
    with pytest.raises(ValueError, match="at least one token"):
        llama.logits(buffer, _tokens(0))


def test_the_cost_counts_tokens_and_flops_by_the_formula(llama: TransformersEngine) -> None:
    cost = llama.prefill(llama.new_buffer(100), _tokens(100), (Piece(0, 64), Piece(64, 100)))
    hidden, inner, kv, layers = 96, 192, 32, 2
    weights = layers * (2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner + 2 * hidden) + hidden
    attended = 100 * 101 // 2
    assert cost.tokens == 100
    assert cost.flops == 2 * weights * 100 + 4 * layers * hidden * attended
    assert cost.seconds > 0


def test_loading_is_silent_and_leaves_the_process_as_it_was(
    llama_files: ModelFiles, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging as settings

    settings.set_verbosity(logging.INFO)
    grads, threads = torch.is_grad_enabled(), torch.get_num_threads()
    try:
        capfd.readouterr()
        load_engine(llama_files)
        assert capfd.readouterr() == ("", "")
        assert settings.get_verbosity() == logging.INFO
        assert settings.is_progress_bar_enabled()
        assert settings.set_tqdm_hook(None) is None
        assert (torch.is_grad_enabled(), torch.get_num_threads()) == (grads, threads)
    finally:
        settings.set_verbosity(logging.WARNING)


def test_a_device_that_is_not_here_is_refused_with_a_hint(llama_files: ModelFiles) -> None:
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ModelError, match=absent) as caught:
        load_engine(replace(llama_files, device=absent))
    assert "--device cpu" in caught.value.hint


def test_weights_that_are_missing_are_not_made_up(llama_files: ModelFiles) -> None:
    path = llama_files.folder / "model.safetensors"
    weights = load_file(path)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj"):
        load_engine(llama_files)


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"\xff" * 8 + data[8:], lambda data: b""])
def test_damaged_weights_are_a_model_error(llama_files: ModelFiles, damage: Callable[[bytes], bytes]) -> None:
    path = llama_files.folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_engine(llama_files)


def test_weights_of_another_shape_are_a_model_error(llama_files: ModelFiles) -> None:
    path = llama_files.folder / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"] = torch.ones(95)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError):
        load_engine(llama_files)


def test_a_cache_that_is_not_what_the_config_promised_is_refused(llama_files: ModelFiles) -> None:
    other = CacheShape((LayerShape(6, 16, 16),) * 2, "float32")
    with pytest.raises(UnsupportedCache, match="not as its config says"):
        load_engine(replace(llama_files, shape=other))


def test_a_sliding_window_that_the_config_reader_let_through_is_refused(
    tmp_path: Path, llama_files: ModelFiles
) -> None:
    folder = save_tiny_model(
        tmp_path / "mistral", "mistral", vocab_size=300, hidden_size=96, intermediate_size=192, num_hidden_layers=2,
        num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=256, sliding_window=64,
    )  # fmt: skip
    with pytest.raises(UnsupportedCache, match="Sliding"):
        load_engine(replace(llama_files, folder=folder))


def _save_lora(base: Path, folder: Path) -> Path:
    """Train nothing: a LoRA adapter with random weights, so that it changes what the model says."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(7)
    settings = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings).save_pretrained(folder)
    return folder


def test_a_lora_adapter_is_replayed_as_exactly_as_a_model_without_one(
    folders: Callable[[str], Path], llama: TransformersEngine, tmp_path: Path
) -> None:
    adapter = _save_lora(folders("llama"), tmp_path / "lora")
    spec = ModelSpec(str(folders("llama")), device="cpu", dtype="float32", adapter=str(adapter))
    engine, tokens = load_engine(resolve(spec, Silent(), cache=tmp_path / "cache")), _tokens(600)
    assert engine.identity.differs_from(llama.identity) == ("adapter",)
    filled, bare = _prefilled(engine, tokens, cut(0, 600)), _prefilled(llama, tokens, cut(0, 600))
    assert _bytes(filled, engine.shape) != _bytes(bare, llama.shape)
    loaded = _reloaded(engine, filled, 600, capacity=1000)
    _assert_continues_alike(engine, loaded, _prefilled(engine, tokens, cut(0, 600)))
    question = _tokens(17, seed=2)
    answer = _answer_without_cache(engine, np.concatenate([tokens, question]))
    assert _answer(engine, loaded, question) == answer


def test_an_adapter_of_another_kind_than_lora_is_refused(llama_files: ModelFiles, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "PREFIX_TUNING"}')
    with pytest.raises(ModelError, match="no LoRA adapter"):
        load_engine(replace(llama_files, adapter=tmp_path))


def test_an_adapter_for_another_model_is_refused(
    folders: Callable[[str], Path], llama_files: ModelFiles, tmp_path: Path
) -> None:
    adapter = _save_lora(folders("llama"), tmp_path / "lora")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "target_modules": ["no_such_layer"]}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_engine(replace(llama_files, adapter=adapter))


def test_an_adapter_without_peft_is_refused_with_a_hint(
    llama_files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match="peft") as caught:
        load_engine(replace(llama_files, adapter=tmp_path))
    assert "kvprep[lora]" in caught.value.hint
