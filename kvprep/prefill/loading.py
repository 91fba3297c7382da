"""From a model's files to a model in memory that does what its config said, quietly and without foreign code."""

import json
from pathlib import Path
from typing import Any

from kvprep.errors import ModelError, UnsupportedCache
from kvprep.prefill.models import ModelFiles
from kvprep.prefill.quiet import quiet_transformers
from kvprep.types import CacheShape, LayerShape


def load_model(files: ModelFiles) -> Any:
    """Load a model onto its device, ready for inference.

    Raises:
        ModelError: the device is not there, or the weights cannot be loaded completely.
        UnsupportedCache: the loaded model caches something else than `files.shape` says.
    """
    _check_device(files.device)
    with quiet_transformers():
        model = _with_adapter(_read_model(files), files).to(files.device).eval()
    _check_cache(model, files)
    return model


def name_device(device: str) -> str:
    """Give the name of a device as its driver calls it. Imports torch, which takes seconds.

    Args:
        device: `cpu`, `cuda` or `mps`.

    Raises:
        ModelError: it is not there.
    """
    _check_device(device)
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else device


def _check_device(device: str) -> None:
    import torch

    is_there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not is_there.get(device, False):
        raise ModelError(
            f"{device}: torch finds no such device here", hint="Use --device cpu, or install a torch for it."
        )


def _read_model(files: ModelFiles) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            files.folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation="sdpa",
            dtype=getattr(torch, files.dtype),
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{files.folder}: cannot be loaded: {error}") from error
    model, report = loaded
    # transformers fills what is missing with random numbers.
    if lacking := sorted({*report["missing_keys"], *(str(item[0]) for item in report["mismatched_keys"])}):
        raise ModelError(f"{files.folder}: weights are missing or of another shape, {lacking[0]} first")
    return model


def _with_adapter(model: Any, files: ModelFiles) -> Any:
    """Merge a LoRA adapter into the weights, so that a step costs what it costs without one."""
    if files.adapter is None:
        return model
    _check_is_lora(files.adapter)
    try:
        from peft import PeftModel  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ModelError(f"{files.adapter}: adapters need peft", hint="pip install 'kvprep[lora]'") from error
    try:
        return PeftModel.from_pretrained(model, str(files.adapter), use_safetensors=True).merge_and_unload()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{files.adapter}: cannot be loaded: {error}") from error


def _check_is_lora(adapter: Path) -> None:
    """Refuse other kinds before peft looks at them: prefixes and prompts of their own would stand in the cache."""
    try:
        kind = json.loads((adapter / "adapter_config.json").read_bytes())["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{adapter}: adapter_config.json cannot be read") from error
    if kind != "LORA":
        raise ModelError(f"{adapter}: no LoRA adapter")


def _check_cache(model: Any, files: ModelFiles) -> None:
    """Run one token, and compare what the model caches with what its config promised."""
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    cache: Any = DynamicCache(config=model.config)
    if odd := next((layer for layer in cache.layers if type(layer) is not DynamicLayer), None):
        raise UnsupportedCache(f"{files.identity.name}: {type(odd).__name__} cannot be cut into blocks")
    with torch.inference_mode():
        model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device), cache=cache, use_cache=True)
    found = CacheShape(
        tuple(LayerShape(layer.keys.shape[1], layer.keys.shape[3], layer.values.shape[3]) for layer in cache.layers),
        str(cache.layers[0].keys.dtype).removeprefix("torch."),
    )
    if found != files.shape:
        raise UnsupportedCache(f"{files.identity.name}: the cache is not as its config says: {found} for {files.shape}")
