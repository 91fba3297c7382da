"""Models in other clothes, converted once into the user's cache: GGUF files, and folders with an older tokenizer."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blake3 import blake3

from kvprep.errors import ModelError, ModelNotReady
from kvprep.prefill.digests import FileDigests, digest_of_digests
from kvprep.prefill.quiet import quiet_transformers
from kvprep.prefill.shape import check_cuttable
from kvprep.progress import Progress

_RECIPE = b"1"
"""Part of a converted folder's name, so that another way to convert makes another folder."""

STAGE = "convert"

# What transformers and gguf are seen to raise on a file that they do not understand.
_FOREIGN_ERRORS = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OSError,
    RuntimeError,
    AssertionError,
)


def convert_gguf(path: Path, cache: Path, digests: FileDigests, progress: Progress, *, prepare: bool = True) -> Path:
    """Turn a GGUF file into a folder of safetensors in bfloat16, once.

    Args:
        path: the file, trusted no more than any other file.
        cache: the folder that keeps what was converted; written atomically, shared with other processes.
        digests, progress: know the file's digest, and hear of the stages.
        prepare: False converts nothing.

    Returns:
        A folder with config.json, model.safetensors and the tokenizer's files.

    Raises:
        ModelError: no GGUF file, or an architecture that transformers cannot convert.
        UnsupportedCache: a layer kind that cannot be cut into blocks, seen before the weights are read.
        ModelNotReady: it has not been converted, and is not to be.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(f"{path}: not a GGUF file")
    name = digest_of_digests([("gguf", digests.digest(path, progress))])
    return _once(cache, name, lambda folder: _write_gguf(path, folder, progress), path if not prepare else None)


def convert_tokenizer(
    folder: Path, cache: Path, digests: FileDigests, progress: Progress, *, prepare: bool = True
) -> Path:
    """Give a folder without tokenizer.json one, in a folder of links that stands for it.

    Raises:
        ModelError: transformers finds no tokenizer that it could write as tokenizer.json.
        ModelNotReady: it has none yet, and `prepare` is false.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    small = [path for path in files if not path.name.endswith(".safetensors")]
    named = [(path.name, digests.digest(path, progress)) for path in small]
    named += [(str(path.absolute()), "") for path in files]
    name = digest_of_digests(named)
    return _once(cache, name, lambda target: _write_tokenizer(folder, files, target), folder if not prepare else None)


def _once(cache: Path, name: str, write: Callable[[Path], None], refused: Path | None) -> Path:
    """Let `write` fill a folder of this name, unless it is there; a kill leaves nothing that looks finished.

    `refused`: what is not to be converted now.
    """
    final = cache / blake3(name.encode() + _RECIPE).hexdigest(length=16)
    if final.is_dir():
        return final
    if refused is not None:
        raise ModelNotReady(f"{refused}: not converted yet", hint="The first ingest converts it, once.")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{final.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():  # another process was first
            return final
        partial = cache / f"{final.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            write(partial)
            _sync(partial)
            os.replace(partial, final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return final


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _write_gguf(path: Path, target: Path, progress: Progress) -> None:
    with _foreign(path, "cannot be converted"):
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

        place: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True, "trust_remote_code": False}
        with quiet_transformers(), _counted_tensors(progress):
            config = AutoConfig.from_pretrained(path.parent, **place)
            check_cuttable(config.to_dict(), str(path))
            AutoTokenizer.from_pretrained(path.parent, **place).save_pretrained(target)
            model = AutoModelForCausalLM.from_pretrained(
                path.parent, **place, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
            )
            model.save_pretrained(target)


def _write_tokenizer(folder: Path, files: list[Path], target: Path) -> None:
    with _foreign(folder, "no tokenizer.json, and no other tokenizer that could become one"):
        from transformers import AutoTokenizer

        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            tokenizer.save_pretrained(target)
    if not (target / "tokenizer.json").is_file():
        raise ModelError(f"{folder}: its tokenizer has no form as tokenizer.json")
    for path in files:
        if not (target / path.name).exists():
            (target / path.name).symlink_to(path.absolute())


@contextmanager
def _foreign(subject: Path, problem: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ModelError(f"{subject}: {problem} ({error})", hint="pip install 'kvprep[gguf]'") from error
    except _FOREIGN_ERRORS as error:
        raise ModelError(f"{subject}: {problem} ({type(error).__name__}: {error})") from error


@contextmanager
def _counted_tensors(progress: Progress) -> Iterator[None]:
    """Count the tensors that transformers converts, through the bar it would draw for them."""
    from transformers import modeling_gguf_pytorch_utils as gguf_utils

    def counted(tensors: list[Any], **_: object) -> Iterator[Any]:
        progress.start(STAGE, len(tensors), "tensors")
        for tensor in tensors:
            yield tensor
            progress.advance(STAGE, 1)
        progress.finish(STAGE)

    drawn = gguf_utils.tqdm  # type: ignore[attr-defined,unused-ignore]
    gguf_utils.tqdm = counted  # type: ignore[attr-defined,assignment,unused-ignore]
    try:
        yield
    finally:
        gguf_utils.tqdm = drawn  # type: ignore[attr-defined,unused-ignore]
