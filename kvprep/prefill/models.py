"""From what a person calls a model to its files, its identity and the shape of its cache, without loading it."""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from kvprep.errors import ConfigError, ModelError, ModelNotFound
from kvprep.hashing import fingerprint
from kvprep.prefill.convert import convert_gguf, convert_tokenizer
from kvprep.prefill.digests import FileDigests, digest_of_digests
from kvprep.prefill.locate import check_folder, locate, weight_files
from kvprep.prefill.shape import Config, cache_shape, check_cuttable, config_of, max_positions, rope_of
from kvprep.progress import Progress
from kvprep.types import CacheShape, ModelIdentity

BLOCK_SIZE = 64
"""Tokens of a block; part of a model's identity."""

_DTYPES = {
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp16": "float16",
    "float16": "float16",
    "fp32": "float32",
    "float32": "float32",
}
_DEVICES = ("cpu", "cuda", "mps")
_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as a person names it."""

    name: str = ""
    """Hub id, folder or GGUF file; empty or `bundled`: the bundled model."""
    device: str = "auto"
    dtype: str = "auto"
    adapter: str = ""
    """Folder of a LoRA adapter in PEFT's format; empty: none."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this disk, ready to be loaded."""

    folder: Path
    """Holds config.json, safetensors and tokenizer.json."""
    identity: ModelIdentity
    shape: CacheShape
    """As the config tells it; the engine checks it when it loads the model."""
    max_positions: int
    """Tokens of prompt, question and answer together."""
    dtype: str
    device: str
    """`cpu`, `cuda` or `mps`."""
    prompt_digest: str
    """Of every file but the weights: what a prompt template is made of. Hex."""
    adapter: Path | None = None


def resolve(spec: ModelSpec, progress: Progress, *, cache: Path | None = None, prepare: bool = True) -> ModelFiles:
    """Find a model, convert it if need be, and tell its identity.

    The first time, a GGUF file is converted and the weights are hashed; after that the digests are remembered by
    path, size, times and inode, and neither torch nor transformers is imported.

    Args:
        spec: the model, and how it is to be run.
        progress: hears of the stages `download`, `convert` and `digest`.
        cache: folder for what is converted and remembered; by default the user's cache folder.
        prepare: False downloads and converts nothing.

    Raises:
        ModelNotFound: nothing is where the name points.
        ModelError: not safetensors, asks for code of its own, or damaged.
        UnsupportedCache: a layer kind that cannot be cut into blocks.
        ConfigError: no such device or dtype.
        ModelNotReady: it is to be downloaded or converted first, and `prepare` is false.
    """
    cache = cache or platformdirs.user_cache_path("kvprep")
    digests = FileDigests(cache / "digests.json")
    device = _device(spec.device)
    found = locate(spec.name, progress, download=prepare)
    folder = _as_folder(found.path, cache / "models", digests, progress, prepare)
    config = check_folder(folder)
    check_cuttable(config, found.name)
    dtype = _dtype(spec.dtype, config, device)
    adapter = _adapter(spec.adapter)
    digested = {
        "weights": _digest(weight_files(folder), digests, progress),
        "adapter": _digest(_adapter_files(adapter), digests, progress) if adapter else "",
    }
    return ModelFiles(
        folder=folder,
        identity=identify(found.name, {**digested, **_described(config, dtype, device)}),
        shape=cache_shape(config, dtype, found.name),
        max_positions=max_positions(config, found.name),
        dtype=dtype,
        device=device,
        prompt_digest=_digest(_small_files(folder), digests, progress),
        adapter=adapter,
    )


def files_that_tell(spec: ModelSpec, progress: Progress) -> list[Path]:
    """List the files and folders of which none may change if `resolve` is to give the same model again."""
    found, files = locate(spec.name, progress).path, resolve(spec, progress)
    # A model from the hub lies in `snapshots` beside `refs`, which say which snapshot counts.
    refs = [found.parent.parent / "refs"] if found.parent.name == "snapshots" else []
    adapter = [files.adapter] if files.adapter else []
    return [found, files.folder, *refs, *adapter, *map(Path, _GPU_FILES)]


def identify(name: str, fields: Mapping[str, str]) -> ModelIdentity:
    """Make an identity of what shapes a model's numbers."""
    return ModelIdentity(name, tuple(sorted(fields.items())), fingerprint(fields))


def _described(config: Config, dtype: str, device: str) -> dict[str, str]:
    return {
        "config": config_of(config),
        "rope": rope_of(config),
        "dtype": dtype,
        "attention": "sdpa",
        "engine": "transformers",
        "engine_version": _minor_version("transformers"),
        "torch": _minor_version("torch"),
        "device": device,
        "block_size": str(BLOCK_SIZE),
    }


def _as_folder(path: Path, cache: Path, digests: FileDigests, progress: Progress, prepare: bool) -> Path:
    if path.is_file():
        return convert_gguf(path, cache, digests, progress, prepare=prepare)
    if (path / "tokenizer.json").is_file():
        return path
    check_folder(path)  # before transformers reads anything in it
    weight_files(path)
    return convert_tokenizer(path, cache, digests, progress, prepare=prepare)


def _small_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and path.suffix in (".json", ".jinja")]


def _digest(paths: list[Path], digests: FileDigests, progress: Progress) -> str:
    return digest_of_digests([(path.name, digests.digest(path, progress)) for path in paths])


def _adapter(name: str) -> Path | None:
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelNotFound(f"{name}: no such adapter folder")
    return folder


def _adapter_files(folder: Path) -> list[Path]:
    files = [folder / "adapter_config.json", folder / "adapter_model.safetensors"]
    for path in files:
        if not path.is_file():
            raise ModelError(f"{folder}: {path.name} is missing", hint="Save the adapter with PEFT, as safetensors.")
    return files


def _device(asked: str) -> str:
    """Choose the device kind as torch would, without importing torch."""
    if asked != "auto":
        if asked not in _DEVICES:
            raise ConfigError(f"{asked}: no such device", hint=f"One of auto, {', '.join(_DEVICES)}.")
        return asked
    if (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        return "mps"
    has_gpu = any(Path(path).exists() for path in _GPU_FILES)
    return "cuda" if has_gpu and not _version("torch").endswith("+cpu") else "cpu"


def _dtype(asked: str, config: Config, device: str) -> str:
    if asked != "auto":
        if asked not in _DTYPES:
            raise ConfigError(f"{asked}: no such dtype", hint="One of auto, bfloat16, float16, float32.")
        return _DTYPES[asked]
    stated = str(config.get("dtype") or config.get("torch_dtype") or "").removeprefix("torch.")
    if stated == "float16" and device == "cpu":
        # float32 holds every float16 number, and CPUs without float16 arithmetic multiply it about four times as fast.
        return "float32"
    return _DTYPES.get(stated, "bfloat16")


def _minor_version(package: str) -> str:
    return ".".join(_version(package).split("+")[0].split(".")[:2])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelError(f"{package} is not installed", hint=f"pip install {package}") from error
