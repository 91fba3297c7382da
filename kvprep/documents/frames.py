"""How parent and child of the cage talk: frames of a JSON header and a body, each with its length first.

A frame is `header length (4 bytes) | body length (8 bytes) | header | body`, little-endian. Nothing is unpickled:
the child has parsed hostile bytes, and its parent believes nothing but lengths and strings.
"""

import json
import struct
from typing import IO

_LENGTHS = struct.Struct("<IQ")
_MAX_HEADER_BYTES = 1 << 20


class BadFrame(Exception):
    """The other side closed the pipe in the middle of a frame, or does not keep to the format."""


class OversizedFrame(Exception):
    """The body of a frame is larger than its receiver allows; it was not read."""


def write_frame(pipe: IO[bytes], header: dict[str, object], *body: bytes) -> None:
    """Write one frame, its body in pieces, and flush it."""
    encoded = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(encoded), sum(map(len, body))))
    pipe.write(encoded)
    for piece in body:
        pipe.write(piece)
    pipe.flush()


def read_frame(pipe: IO[bytes], max_body_bytes: int) -> tuple[dict[str, object], bytes] | None:
    """Read one frame, or None where the pipe ends between frames.

    Raises:
        BadFrame: the pipe ends within a frame, or the header is none.
        OversizedFrame: the body is larger than `max_body_bytes`.
    """
    lengths = pipe.read(_LENGTHS.size)
    if not lengths:
        return None
    if len(lengths) < _LENGTHS.size:
        raise BadFrame
    header_length, body_length = _LENGTHS.unpack(lengths)
    if header_length > _MAX_HEADER_BYTES:
        raise BadFrame
    if body_length > max_body_bytes:
        raise OversizedFrame
    header, body = pipe.read(header_length), pipe.read(body_length)
    if len(header) < header_length or len(body) < body_length:
        raise BadFrame
    return _parse(header), body


def _parse(header: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(header)
    except (ValueError, RecursionError):
        raise BadFrame from None
    if not isinstance(parsed, dict):
        raise BadFrame
    return parsed
