"""Models for the tests: tiny ones with random weights, and the bundled one, converted once for all runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.progress import Silent

SMALL = {
    "vocab_size": 256,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def save_tiny_model(folder: Path, model_type: str, *, with_tokenizer: bool = True, **settings: Any) -> Path:
    """Save a model with random weights from a small config, as safetensors."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **settings)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    if with_tokenizer:
        vocabulary = {chr(number): number for number in range(256)}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=chr(0)))
        tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
        tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a tiny model of a family, made at first use; not to be written to."""
    made: dict[str, Path] = {}

    def folder(model_type: str) -> Path:
        if model_type not in made:
            made[model_type] = save_tiny_model(tmp_path_factory.mktemp(model_type), model_type, **SMALL)
        return made[model_type]

    return folder


@pytest.fixture(scope="session")
def bundled_model(session_cache: Path) -> ModelFiles:
    """The bundled SmolLM2, converted once for all runs."""
    return resolve(ModelSpec(), Silent(), cache=session_cache / "kvprep")
