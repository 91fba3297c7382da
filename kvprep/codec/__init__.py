"""Keys and values in fewer bytes, without loss. Knows bytes and number formats, never tensors.

A codec turns one chunk, as it lies in the engine's memory, into less, or declines where that gains too little.
"""

from kvprep.codec.choice import Speeds, disk_speed, measure_speeds, pays
from kvprep.codec.lossless import Lossless
from kvprep.errors import UnsupportedFormat

__all__ = ["Lossless", "Speeds", "disk_speed", "find_codec", "measure_speeds", "pays"]


def find_codec(name: str) -> Lossless:
    """Give the codec that a segment names.

    Raises:
        UnsupportedFormat: this release has none of that name.
    """
    if name != Lossless.name:
        raise UnsupportedFormat(f"codec {name!r} is unknown here", hint="Upgrade kvprep.")
    return Lossless()
