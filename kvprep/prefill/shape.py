"""What a model's config.json says of its KV cache: its shape, its positions, and whether it can be cut into blocks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvprep.errors import ModelError, UnsupportedCache
from kvprep.types import CacheShape, LayerShape

Config = Mapping[str, Any]

MAX_JSON_BYTES = 1 << 20
"""A config.json is a few kilobytes; whatever is this large is something else."""

_RECURRENT_KEYS = {
    "mamba_": "mamba",
    "ssm_": "mamba",
    "state_size": "mamba",
    "lru_width": "recurrent",
    "linear_": "linear attention",
    "full_attention_interval": "linear attention",
    "attn_layer_period": "mamba",
    "layers_block_type": "mixed layers",
    "block_types": "mixed layers",
    "hybrid_override_pattern": "mamba",
    "full_attn_idxs": "convolution",
}
_RECURRENT_TYPES = ("mamba", "rwkv", "xlstm", "retnet", "lfm2", "jamba", "zamba", "bamba", "minimax")
_EXPERT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_ROPE_KEYS = (
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "rope_local_base_freq",
    "rotary_dim",
    "rotary_pct",
    "rotary_emb_base",
    "partial_rotary_factor",
    "original_max_position_embeddings",
)
_VOLATILE_KEYS = ("transformers_version", "dtype", "torch_dtype", "use_cache")


def read_json(path: Path, *, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON object of at most `limit` bytes.

    Raises:
        ModelError: missing, too large, or no JSON object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > limit:
        raise ModelError(f"{path}: larger than {limit} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object")
    return value


def rope_of(config: Config) -> str:
    """Gather what turns positions into rotations, as canonical JSON."""
    return _canonical({key: config[key] for key in _ROPE_KEYS if config.get(key) is not None})


def config_of(config: Config) -> str:
    """Gather everything else that the config says of the numbers, as canonical JSON without what changes by itself."""
    skip = (*_ROPE_KEYS, *_VOLATILE_KEYS)
    return _canonical({k: v for k, v in config.items() if k not in skip and not k.startswith("_")})


def check_cuttable(config: Config, subject: str) -> None:
    """Refuse a model whose cache is more, or less, than keys and values of every token.

    Raises:
        UnsupportedCache: names the kind of layer, or a mixture of experts.
    """
    if experts := _experts(config):
        raise UnsupportedCache(
            f"{subject}: a mixture of experts ({experts}), in which later tokens change the numbers of earlier ones",
            hint="Choose a dense model.",
        )
    if kind := _uncuttable_kind(config):
        raise UnsupportedCache(
            f"{subject}: {kind} layers have no cache that can be cut into blocks",
            hint="Choose a model whose layers all use full attention.",
        )


def cache_shape(config: Config, dtype: str, subject: str) -> CacheShape:
    """Say how large the keys and values of every layer are.

    Raises:
        ModelError: the config does not say it.
    """
    heads = _number(config, ("num_attention_heads", "n_head", "n_heads"), subject)
    hidden = _number(config, ("hidden_size", "n_embd", "d_model"), subject)
    head_dim = _optional(config, ("head_dim",)) or hidden // heads
    layer = LayerShape(_kv_heads(config, heads), head_dim, head_dim)
    num_layers = _number(config, ("num_hidden_layers", "n_layer", "num_layers", "n_layers"), subject)
    return CacheShape((layer,) * num_layers, dtype)


def max_positions(config: Config, subject: str) -> int:
    """Say how many tokens the model takes.

    Long-RoPE rotates with other frequencies beyond its original length, and keys made before would no longer fit:
    such a model is used up to its original length only.

    Raises:
        ModelError: the config does not say it.
    """
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")
    positions = _number(config, names, subject)
    if _rope_type(config) != "longrope":
        return positions
    original = _optional({**config, **_rope(config)}, ("original_max_position_embeddings",))
    return min(positions, original or positions)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _uncuttable_kind(config: Config) -> str:
    if config.get("is_encoder_decoder"):
        return "encoder-decoder"
    if config.get("kv_lora_rank"):
        return "multi-head latent attention"
    if config.get("num_kv_shared_layers"):
        return "shared"
    if _rope_type(config) == "dynamic":
        return "dynamically rotated"
    if odd := sorted(set(_layer_types(config)) - {"full_attention", "attention"}):
        return ", ".join(kind.replace("_", " ") for kind in odd)
    return _recurrent_kind(config) or _windowed_kind(config)


def _experts(config: Config) -> str:
    """Name the setting that makes a mixture of experts; empty for a dense model."""
    for part in (config, *(value for value in config.values() if isinstance(value, Mapping))):
        for name in _EXPERT_KEYS:
            if (number := _optional(part, (name,)) or 1) > 1:
                return f"{name} {number}"
    return ""


def _layer_types(config: Config) -> list[str]:
    listed = config.get("layer_types")
    return [str(kind) for kind in listed] if isinstance(listed, list) else []


def _recurrent_kind(config: Config) -> str:
    for prefix, kind in _RECURRENT_KEYS.items():
        if any(key.startswith(prefix) and value is not None for key, value in config.items()):
            return kind
    model_type = str(config.get("model_type", ""))
    return next((f"{kind} (recurrent)" for kind in _RECURRENT_TYPES if kind in model_type), "")


def _windowed_kind(config: Config) -> str:
    if config.get("attention_chunk_size"):
        return "chunked attention"
    window = config.get("sliding_window")
    if not isinstance(window, int) or config.get("use_sliding_window") is False or _layer_types(config):
        return ""
    reach = _optional(config, ("max_position_embeddings",))
    return "" if reach is not None and window >= reach else "sliding attention"


def _kv_heads(config: Config, heads: int) -> int:
    model_type = config.get("model_type")
    if model_type == "falcon":
        # The newer Falcons repeat their key heads before they cache them.
        newer = config.get("new_decoder_architecture", False)
        return 1 if config.get("multi_query", True) and not newer else heads
    if model_type == "gpt_bigcode":
        return 1 if config.get("multi_query", True) else heads
    return _optional(config, ("num_key_value_heads", "num_kv_heads")) or heads


def _rope(config: Config) -> Mapping[str, Any]:
    for key in ("rope_scaling", "rope_parameters"):  # where both are there, transformers takes the older one
        if isinstance(config.get(key), dict):
            return config[key]  # type: ignore[no-any-return]
    return {}


def _rope_type(config: Config) -> str:
    rope = _rope(config)
    kind = str(rope.get("rope_type", rope.get("type", "default")))
    return "longrope" if kind == "su" else kind


def _number(config: Config, names: tuple[str, ...], subject: str) -> int:
    value = _optional(config, names)
    if value is None:
        raise ModelError(f"{subject}: config.json does not say {names[0]}, or says nothing sensible")
    return value


def _optional(config: Config, names: tuple[str, ...]) -> int | None:
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 24:
            return value
    return None
