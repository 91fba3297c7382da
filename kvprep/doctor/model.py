"""The model: found, as the namespace used it, and on a device that is there."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvprep.doctor.check import Check, fine, note, problem
from kvprep.errors import ModelNotReady
from kvprep.prefill.loading import name_device
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.progress import Progress
from kvprep.store.entry import EntryRecord

_WORTH_SAYING_S = 1.0


@dataclass(frozen=True, slots=True)
class Use:
    """What is asked of a model: by whom, and what he has stored."""

    spec: ModelSpec
    namespace: str = ""
    """Empty: nobody's; what the settings say."""
    entries: Sequence[EntryRecord] = ()
    """His newest ones."""


def check_model(use: Use, progress: Progress) -> Iterator[Check]:
    """Find a model and compare it with what the entries were made by. Downloads and converts nothing.

    Raises:
        ModelError: it is not there, or cannot be used.
        ConfigError: no such device or dtype.
    """
    who = f"{use.namespace}: " if use.namespace else ""
    began = time.monotonic()
    try:
        files = resolve(use.spec, progress, prepare=False)
    except ModelNotReady as error:
        yield note("model", f"{who}{error}", error.hint)
        return
    identity = files.identity
    said = f"{who}{identity.name}, fingerprint {identity.fingerprint.hex()[:12]}…{_took(began)}"
    yield _compared(said, files, use)
    yield _device(files, who)


def _compared(said: str, files: ModelFiles, use: Use) -> Check:
    others = [entry for entry in use.entries if entry.model.fingerprint != files.identity.fingerprint]
    if not others:
        suffix = f", as its {len(use.entries)} newest entries" if use.entries else ""
        return fine("model", f"{said}{suffix}")
    differing = ", ".join(others[0].model.differs_from(files.identity))
    message = (
        f"{said}; {len(others)} of the {len(use.entries)} newest entries were made otherwise ({differing}): misses"
    )
    mend = "kvprep ingest FOLDER   # with this model; or name the former one with --model, --device, --dtype"
    return note("model", message, mend) if len(others) < len(use.entries) else problem("model", message, mend)


def _device(files: ModelFiles, who: str) -> Check:
    """Name the device; only one that is no CPU must be asked for, by loading torch."""
    if files.device == "cpu":
        return fine("device", f"{who}cpu, {files.dtype}")
    began = time.monotonic()
    name = name_device(files.device)
    return fine("device", f"{who}{name} ({files.device}), {files.dtype}{_took(began)}")


def _took(began: float) -> str:
    seconds = time.monotonic() - began
    return f" (told in {seconds:.0f} s)" if seconds >= _WORTH_SAYING_S else ""
