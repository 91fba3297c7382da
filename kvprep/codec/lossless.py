"""The lossless codec: exponents coded, the rest as it is. Source: docs/format.md, "Codec"."""

import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kvprep.codec.planes import itemsize, join, split
from kvprep.errors import HashMismatch
from kvprep.types import Buffer

if TYPE_CHECKING:
    import zstandard

_LENGTH = struct.Struct("<I")
_MIN_GAIN = 0.03


class Lossless:
    """Splits the high byte off every number and codes those bytes with zstd, tuned to code letters, not repeats.

    NaN payloads, signed zeros, infinities and denormal numbers come back bit for bit: nothing is computed with them.
    One thread at a time.
    """

    name = "planes-zstd"

    @cached_property
    def _compressor(self) -> "zstandard.ZstdCompressor":
        """Made at the first chunk: whoever only loads needs none."""
        import zstandard

        # A table of 64 entries and matches from 7 bytes on find next to nothing, which is right: what repeats among
        # exponents is chance, and coding it as repeats makes them larger (0.376 against 0.343) and twice as slow.
        letters: dict[str, Any] = {"window_log": 17, "hash_log": 6, "min_match": 7}
        parameters = zstandard.ZstdCompressionParameters.from_level(1, **letters, write_content_size=True)
        return zstandard.ZstdCompressor(compression_params=parameters)

    @cached_property
    def _decompressor(self) -> "zstandard.ZstdDecompressor":
        import zstandard

        return zstandard.ZstdDecompressor()

    def encode(self, data: Buffer, dtype: str) -> bytes | None:
        """Make one chunk smaller, or give None where less than 3 % would be gained."""
        high, rest = split(data, dtype)
        packed = self._compressor.compress(high.tobytes())
        if _LENGTH.size + len(packed) + rest.nbytes > (1 - _MIN_GAIN) * len(data):
            return None
        return _LENGTH.pack(len(packed)) + packed + rest.tobytes()

    def decode(self, data: Buffer, dtype: str, target: memoryview, *, subject: str) -> None:
        """Fill `target` with the numbers that `encode` was given.

        Raises:
            HashMismatch: these bytes are no chunk of this size; `target` then holds rubbish.
        """
        import zstandard

        view = memoryview(data)
        count = len(target) // itemsize(dtype)
        try:
            (length,) = _LENGTH.unpack_from(view)
            packed, rest = view[_LENGTH.size : _LENGTH.size + length], view[_LENGTH.size + length :]
            # Before memory is taken: the frame's own size must be what is due.
            if len(rest) != len(target) - count or zstandard.frame_content_size(packed) != count:
                raise ValueError
            high = self._decompressor.decompress(packed, max_output_size=count)
        except (struct.error, ValueError, zstandard.ZstdError) as error:
            raise HashMismatch(f"{subject}: does not decode", hint="Ingest the document again.") from error
        join(np.frombuffer(high, np.uint8), np.frombuffer(rest, np.uint8), dtype, target)
