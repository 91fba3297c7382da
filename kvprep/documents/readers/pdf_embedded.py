"""The files embedded in a PDF, wherever it mentions them.

PDFium finds those of the name tree, and fast. Where a PDF may hold others, or PDFium stumbles, pypdf walks it.
"""

import ctypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from kvprep.documents.readers.pypdf_edge import PypdfTrouble, contained, opened

if TYPE_CHECKING:
    import pypdf
    import pypdfium2  # type: ignore[import-untyped]

_Source = Callable[["pypdf.PdfReader"], Iterator[tuple[str, Any]]]

# A file is mentioned by a specification and stored in a stream that says so. Objects may be packed, so that mentions
# show only after unpacking, but streams never are.
_MENTIONS = b"/EF", b"/EmbeddedFile"
_REST_OF_NAME = re.compile(rb"\w")
_PACKED = b"/ObjStm"
_MAX_FILES = 200
_MAX_TREE_NODES = 1000
_NOTHING_PACKED_BYTES = 16


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file inside a PDF."""

    raw_name: str
    """As the PDF calls it."""
    content: bytes | None
    """None where it does not unpack, or is too large."""


def embedded_files(data: bytes, listed: list[EmbeddedFile] | None, max_bytes: int) -> list[EmbeddedFile]:
    """Give the files that a PDF embeds: in its name tree, as associated files, or pinned to a page.

    Args:
        listed: what `listed_by_pdfium` gives.
        max_bytes: of all files together, unpacked.
    """
    num_expected = max(_count(data, name) for name in _MENTIONS)
    if listed is not None and len(listed) >= num_expected:
        return listed
    if not num_expected and _PACKED not in data:
        return []
    try:
        streams = _streams(opened(data))
    except PypdfTrouble:
        return []
    return list(_unpacked(streams, max_bytes))


def _count(data: bytes, name: bytes) -> int:
    """Count a name where it is no part of a longer one; far faster than a pattern with the name in it."""
    count, at = 0, data.find(name)
    while at >= 0:
        at += len(name)
        count += not _REST_OF_NAME.match(data, at)
        at = data.find(name, at)
    return count


def listed_by_pdfium(document: "pypdfium2.PdfDocument", max_bytes: int) -> list[EmbeddedFile] | None:
    """Ask PDFium for the files of the name tree; None where one of them is odd in any way, or all are too large."""
    import pypdfium2

    files = []
    try:
        for index in range(min(document.count_attachments(), _MAX_FILES)):
            attachment = document.get_attachment(index)
            content = _of_attachment(attachment, max_bytes)
            if content is None:
                return None
            max_bytes -= len(content)
            files.append(EmbeddedFile(attachment.get_name(), content))
    except pypdfium2.PdfiumError:
        return None
    return files


def _of_attachment(attachment: Any, max_bytes: int) -> bytes | None:
    """Unpack a file; PDFium does so each time that it is called, also to tell the size, so it is called only twice."""
    import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

    size, unpacked = ctypes.c_ulong(), ctypes.c_ulong()
    pdfium.FPDFAttachment_GetFile(attachment, None, 0, size)
    if not 0 < size.value <= max_bytes:
        return None
    buffer = ctypes.create_string_buffer(size.value)
    is_whole = pdfium.FPDFAttachment_GetFile(attachment, buffer, size, unpacked) and unpacked.value == size.value
    return buffer.raw if is_whole else None


def _unpacked(streams: list[tuple[str, Any]], max_bytes: int) -> Iterator[EmbeddedFile]:
    for raw_name, stream in streams:
        content = _content(stream)
        if content is None or len(content) > max_bytes:
            yield EmbeddedFile(raw_name, None)
        else:
            max_bytes -= len(content)
            yield EmbeddedFile(raw_name, content)


def _content(stream: Any) -> bytes | None:
    try:
        with contained():
            content: bytes = stream.get_data()
            # pypdf gives nothing for what it cannot unpack.
            is_broken = not content and len(stream._data) > _NOTHING_PACKED_BYTES
    except PypdfTrouble:
        return None
    return None if is_broken else content


def _streams(document: "pypdf.PdfReader") -> list[tuple[str, Any]]:
    """Find name and stream of each embedded file once, wherever it is mentioned; a broken mention costs only itself."""
    found: dict[int, tuple[str, Any]] = {}
    for hint, spec in _specs(document):
        try:
            with contained():
                stream = _stream(spec)
                found.setdefault(id(stream), (str(spec.get("/UF") or spec.get("/F") or hint), stream))
        except PypdfTrouble:
            continue
    return list(found.values())[:_MAX_FILES]


def _specs(document: "pypdf.PdfReader") -> list[tuple[str, Any]]:
    specs: list[tuple[str, Any]] = []
    sources: tuple[_Source, ...] = (_by_name, _associated, _pinned)
    for source in sources:
        try:
            with contained():
                specs += islice(source(document), _MAX_FILES)
        except PypdfTrouble:
            continue
    return specs


def _stream(spec: Any) -> Any:
    files = spec["/EF"].get_object()
    return (files.get("/UF") or files["/F"]).get_object()


def _by_name(document: "pypdf.PdfReader") -> Iterator[tuple[str, Any]]:
    """Walk the name tree of embedded files, node by node; each is visited once, whatever points to it."""
    names = document.root_object.get("/Names")
    tree = names.get_object().get("/EmbeddedFiles") if names else None
    pending = [tree.get_object()] if tree else []
    seen: set[int] = set()
    while pending and len(seen) < _MAX_TREE_NODES:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        entries = _items(node, "/Names")
        for name, spec in zip(entries[::2], entries[1::2], strict=False):
            yield str(name), spec
        pending += reversed(_items(node, "/Kids"))


def _associated(document: "pypdf.PdfReader") -> Iterator[tuple[str, Any]]:
    for spec in _items(document.root_object, "/AF"):
        yield "", spec


def _pinned(document: "pypdf.PdfReader") -> Iterator[tuple[str, Any]]:
    for page in document.pages:
        for note in _items(page, "/Annots"):
            if note.get("/Subtype") == "/FileAttachment":
                yield "", note["/FS"].get_object()


def _items(owner: Any, key: str) -> list[Any]:
    """Resolve an array and what is in it; nothing where there is none."""
    array = owner.get(key)
    return [item.get_object() for item in array.get_object()] if array is not None else []
