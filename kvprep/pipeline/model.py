"""Which model a namespace is used with, and the engine that runs it in this process."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelFiles, ModelSpec
from kvprep.types import PromptTags


def remembered_spec(settings: Mapping[str, str]) -> ModelSpec:
    """Read from a namespace's settings the model that it was used with last; the bundled one if there was none."""
    return ModelSpec(
        settings.get("model", ""),
        settings.get("device", "auto"),
        settings.get("dtype", "auto"),
        settings.get("adapter", ""),
    )


def as_settings(spec: ModelSpec) -> dict[str, str]:
    """Write a model as settings of a namespace; `remembered_spec` reads them."""
    facts = asdict(spec)
    return {"model": facts.pop("name"), **facts}


def remembered_tags(settings: Mapping[str, str], files: ModelFiles, preamble: str) -> PromptTags | None:
    """Read from a namespace's settings the tags of a model's prompts, where nothing that shapes them has changed since.

    Probing a template for them takes longer than everything else about an ingest in which nothing is new.
    """
    if settings.get("prompt_files") != _prompt_files(files) or settings.get("preamble") != preamble:
        return None
    return PromptTags(*(settings[f"{name}_tag"] for name in ("tokenizer", "template", "preamble")))


def tags_as_settings(tags: PromptTags, files: ModelFiles) -> dict[str, str]:
    """Write tags as settings of a namespace; `remembered_tags` reads them."""
    facts = {f"{name}_tag": value for name, value in asdict(tags).items()}
    return {"prompt_files": _prompt_files(files), **facts}


def _prompt_files(files: ModelFiles) -> str:
    """Name what shapes the tags: the model's files, and the programs that read them."""
    return " ".join([files.prompt_digest, *(version(name) for name in ("kvprep", "tokenizers", "jinja2"))])


def load_engine(files: ModelFiles, *, alone: bool = False) -> Engine:
    """Load the embedded engine. Imports torch, which takes seconds.

    Args:
        files: of the model.
        alone: whether nothing else in this process computes with torch; answers are faster then on a CPU in bfloat16.

    Raises:
        ModelError: the device is not there, or the weights cannot be loaded completely.
        UnsupportedCache: the loaded model caches something else than `files.shape` says.
    """
    from kvprep.prefill.transformers import load_engine as load_transformers

    return load_transformers(files, alone=alone)
