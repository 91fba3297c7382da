"""What a reading is called: rules, Unicode, reader and libraries. Known without opening a document or importing them.

A document whose reading bears another name than it would bear now was made by an older kvprep or an older library.
"""

import platform
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from kvprep.documents.base import Kind
from kvprep.documents.canonical import CANON_VERSION
from kvprep.hashing import content_hash


class _Made(NamedTuple):
    """What a reader's text depends on."""

    version: int
    """Changes whenever the reader would give other blocks for some file."""
    libraries: tuple[str, ...] = ()
    uses: tuple[Kind, ...] = ()
    """Kinds whose readers take a part of the file."""


_READERS: Mapping[Kind, _Made] = {
    Kind.PDF: _Made(1, ("pypdfium2", "pypdf")),
    Kind.DOCX: _Made(1, ("python-docx", "lxml")),
    Kind.XLSX: _Made(1, ("python-calamine", "lxml")),
    Kind.HTML: _Made(1, ("lxml", "charset-normalizer")),
    Kind.MAIL: _Made(1, ("Python",), (Kind.HTML,)),
    Kind.EINVOICE: _Made(1, ("lxml",)),
    Kind.CSV: _Made(1, ("charset-normalizer",)),
    Kind.MARKDOWN: _Made(1, ("charset-normalizer", "markdown-it-py", "lxml")),
    Kind.TEXT: _Made(1, ("charset-normalizer",)),
}


@cache
def canonicaliser(kind: Kind) -> str:
    """Name the reading of one kind of content: `canon 1, Unicode 15.1.0, pdf 1 (pypdfium2 5.15.2, pypdf 7.1.1)`."""
    return f"canon {CANON_VERSION}, Unicode {unicodedata.unidata_version}, {_reader(kind)}"


@cache
def current_canonicalisers() -> frozenset[str]:
    """Name the readings of all kinds, as they are made now."""
    return frozenset(map(canonicaliser, Kind))


def beside_unread(name: str) -> str:
    """Name the reading of a file inside of which something was left that no reader takes: a later one may take it."""
    return f"{name}, beside {_all_readers()}"


@cache
def _all_readers() -> str:
    """Tell this set of readers from any other."""
    return content_hash("\n".join(sorted(current_canonicalisers()))).hex()[:16]


def _reader(kind: Kind) -> str:
    made = _READERS[kind]
    parts = ", ".join([*(f"{name} {_release(name)}" for name in made.libraries), *map(_reader, made.uses)])
    return f"{kind} {made.version} ({parts})"


def _release(library: str) -> str:
    return platform.python_version() if library == "Python" else version(library)
