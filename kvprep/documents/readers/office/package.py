"""The package that an Office file is: parts in a zip, and how they refer to one another.

Own code, because python-docx gives up the whole file where one relation leads nowhere, where its names are those of the
strict schema, or where a template declares an unusual type, and because it unpacks and parses every part.

Source: ECMA-376 part 2 (Open Packaging Conventions).
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kvprep.errors import OversizedDocument, ProtectedDocument, UnreadableDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
_ENCRYPTED = 0x1
_STRICT = "http://purl.oclc.org/ooxml/"
_STRICT_NAME = re.compile(rb'(xmlns(?::[\w.-]+)?=")http://purl\.oclc\.org/ooxml/(\w+)/')


@dataclass(frozen=True, slots=True)
class Relation:
    """Where one part refers to another."""

    kind: str
    """Last word of the relation's type: `styles`, `header`, `chart`."""
    target: str
    """Name of the part; empty for what lies outside of the package, which is never fetched."""


class Package:
    """The parts of an Office file; a part is unpacked when it is asked for, and not before."""

    def __init__(self, data: bytes, max_bytes: int) -> None:
        """Open a package; `max_bytes` limits what its parts may unpack to, all that are asked for together.

        Raises:
            UnreadableDocument: it is no zip.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _BROKEN_ZIP as error:
            raise _broken(error) from None
        self._infos = {_part_name(info.filename).lower(): info for info in self._zip.infolist()}
        self._max_bytes = max_bytes
        self._read_bytes = 0
        self._relations: dict[str, dict[str, Relation]] = {}

    def size(self, name: str) -> int:
        """Give the size of a part in bytes, as the package declares it; 0 where there is no such part."""
        info = self._infos.get(name.lower())
        return info.file_size if info else 0

    def root(self, name: str) -> "Element | None":
        """Parse a part; give nothing where there is no such part.

        The names of the strict schema come out as those of the transitional one.

        Raises:
            UnreadableDocument: the part is no XML, or declares a document type, which packages forbid.
            OversizedDocument: the parts unpack to more than the limit.
        """
        data = self.part(name)
        return _parse(data) if data is not None else None

    def part(self, name: str) -> bytes | None:
        """Unpack a part; give nothing where there is no such part.

        Raises:
            UnreadableDocument: it cannot be unpacked.
            OversizedDocument: the parts unpack to more than the limit.
        """
        info = self._infos.get(name.lower()) if name else None
        return self._unpack(info) if info else None

    def relations(self, name: str) -> dict[str, Relation]:
        """Give a part's relations by their ids; the package's own where the name is empty."""
        if name not in self._relations:
            self._relations[name] = dict(self._read_relations(dirname(name), basename(name)))
        return self._relations[name]

    def _read_relations(self, folder: str, base: str) -> Iterator[tuple[str, Relation]]:
        root = self.root(join(folder, "_rels", f"{base}.rels"))
        for element in root if root is not None else ():
            inside = element.get("TargetMode") != "External"
            target = self._resolved(folder, element.get("Target", "")) if inside else ""
            yield element.get("Id", ""), Relation(basename(element.get("Type", "")), target)

    def _resolved(self, folder: str, target: str) -> str:
        name = _part_name(normpath(join("/", folder, target.replace("\\", "/"))))
        return name if name.lower() in self._infos else unquote(name)

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        """Unpacking stops at the size that the package declares, so that it cannot declare too little."""
        self._read_bytes += info.file_size
        if self._read_bytes > self._max_bytes:
            raise OversizedDocument(f"unpacks to more than {self._max_bytes} bytes")
        if info.flag_bits & _ENCRYPTED:
            raise ProtectedDocument("a part of the package opens with a password only")
        try:
            return self._zip.read(info)
        except _BROKEN_ZIP as error:
            raise _broken(error) from None


def _part_name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/")


def _broken(error: Exception) -> UnreadableDocument:
    return UnreadableDocument(f"the package is broken ({type(error).__name__})")


def _parse(data: bytes) -> "Element":
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
        if root.getroottree().docinfo.internalDTD is not None:
            raise UnreadableDocument("a part of the package declares a document type")
        if any(name.startswith(_STRICT) for name in root.nsmap.values()):
            names = _STRICT_NAME.sub(rb"\1http://schemas.openxmlformats.org/\2/2006/", etree.tostring(root))
            root = etree.fromstring(names, parser)
    except etree.LxmlError as error:
        raise _broken(error) from None
    return root
