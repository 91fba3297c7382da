"""Which codec keys and values are stored with."""

from pathlib import Path

from kvprep.codec import Lossless, measure_speeds, pays
from kvprep.store.layout import disk_errors


def codec_of(name: str, folder: Path) -> Lossless | None:
    """Give the codec that a setting names; for `auto` this disk and this processor are measured."""
    if name == "auto":
        with disk_errors(folder):
            speeds = measure_speeds(folder)
        return Lossless() if pays(speeds) else None
    return Lossless() if name == "lossless" else None
