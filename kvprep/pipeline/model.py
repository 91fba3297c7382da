"""Which model a namespace is used with, and the engine that runs it in this process."""

from collections.abc import Mapping
from dataclasses import asdict

from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelFiles, ModelSpec


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


def load_engine(files: ModelFiles) -> Engine:
    """Load the embedded engine. Imports torch, which takes seconds.

    Raises:
        ModelError: the device is not there, or the weights cannot be loaded completely.
        UnsupportedCache: the loaded model caches something else than `files.shape` says.
    """
    from kvprep.prefill.transformers import load_engine as load_transformers

    return load_transformers(files)
