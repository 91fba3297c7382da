"""The edge to pypdf: what it raises on damaged files ends here."""

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdf

_TROUBLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class PypdfTrouble(Exception):
    """pypdf cannot make sense of a file, or of a part of it."""


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Turn whatever pypdf raises, on damage and on purpose, into one exception.

    Raises:
        PypdfTrouble: it raised something.
    """
    from pypdf.errors import DependencyError, PyPdfError

    try:
        yield
    except (PyPdfError, DependencyError, *_TROUBLE) as error:
        raise PypdfTrouble from error


def opened(data: bytes) -> "pypdf.PdfReader":
    """Open a PDF; one under an empty user password opens by itself.

    Raises:
        PypdfTrouble: it is too damaged.
    """
    import pypdf

    with contained():
        return pypdf.PdfReader(io.BytesIO(data))
