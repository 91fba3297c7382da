"""The parts of an XLSX package that say how values are shown: styles, hidden rows and columns, merged cells."""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.base import Limits
from kvprep.documents.readers.colours import WHITE, Colour, nearly_equal, parse_colour
from kvprep.documents.readers.shown import BUILT_IN, GENERAL
from kvprep.errors import OversizedDocument, UnreadableDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

Place = tuple[int, int]
"""Row and column, both from 0."""

_PACKAGE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError)
_MAX_CELLS = 5_000_000
"""Of one sheet, from the first to the last one with a value, the empty ones between them included."""
_MAX_COLUMNS = 16_384
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_RELATION_ID = re.compile(r"\{.*\}id")
# The palette's first entries, and where its black and white are repeated.
_INDEXED = {0: (0, 0, 0), 1: WHITE, 8: (0, 0, 0), 9: WHITE, 65: WHITE}
_THEME_WHITE = "0"


@dataclass(frozen=True, slots=True)
class CellStyle:
    """How a cell shows its value."""

    number_format: str = GENERAL
    on_its_colour: bool = False
    """Its text has the colour of the cell."""


@dataclass
class SheetLayout:
    """What a sheet's own part says beside the values."""

    styles: dict[Place, int] = field(default_factory=dict)
    """Number of the style, for cells with a value and a style of their own."""
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[tuple[Place, Place]] = field(default_factory=list)
    """First and last cell of each."""
    coloured_otherwise: bool = False
    """Rules of the sheet or of tables in it colour cells, too."""
    rows: range = range(0)
    columns: range = range(0)
    """What the cells with values span."""

    def is_hidden(self, place: Place) -> bool:
        """Tell whether a cell lies in a hidden row or column."""
        return place[0] in self.hidden_rows or place[1] in self.hidden_columns


class Package:
    """An XLSX package, opened."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        """Open it and look at the sizes that it declares; unpacking stops at them.

        Raises:
            UnreadableDocument: it is no zip file.
            OversizedDocument: it unpacks to more than the limit.
        """
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _PACKAGE_ERRORS as error:
            raise UnreadableDocument(f"the package is broken ({type(error).__name__})") from None
        size = sum(info.file_size for info in self._zip.infolist())
        if size > limits.expanded_bytes:
            raise OversizedDocument(f"unpacks to {size} bytes, more than {limits.expanded_bytes}")
        self._names = {name.lower(): name for name in self._zip.namelist()}

    def check(self) -> None:
        """Unpack everything once: whoever reads the package next does not meet more than it declares.

        Raises:
            UnreadableDocument: a part is broken.
        """
        for name in self._names.values():
            self._unpack(name)

    def root(self, name: str) -> "Element | None":
        """Give the root of an XML part, nothing where there is no such part.

        Raises:
            UnreadableDocument: the part is broken.
        """
        from lxml import etree

        data = self._part(name)
        if data is None:
            return None
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
        try:
            return etree.fromstring(data, parser)
        except etree.XMLSyntaxError:
            raise UnreadableDocument("an XML part is broken") from None

    def elements(self, name: str, tags: tuple[str, ...]) -> "Iterator[Element]":
        """Yield the elements of a part that have one of the tags, each when it is complete; it is emptied afterwards.

        Raises:
            UnreadableDocument: the part is broken.
        """
        from lxml import etree

        wanted = [f"{{*}}{tag}" for tag in tags]
        stream = io.BytesIO(self._part(name) or b"")
        try:
            walk = etree.iterparse(stream, tag=wanted, resolve_entities=False, no_network=True, load_dtd=False)
            for _, element in walk:
                yield element
                if local_name(element) not in ("v", "is", "f"):
                    element.clear()
        except etree.XMLSyntaxError:
            raise UnreadableDocument("a sheet is broken") from None

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """Map a part's relations to kind and name of the parts that they lead to; other files' are left out."""
        folder, base = posixpath.split(name)
        root = self.root(f"{folder}/_rels/{base}.rels")
        related = {}
        for relation in root if root is not None else ():
            if relation.get("TargetMode") != "External" and isinstance(relation.tag, str):
                target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))
                kind = relation.get("Type", "").rpartition("/")[2]
                related[relation.get("Id", "")] = (kind, target.lstrip("/"))
        return related

    def _part(self, name: str) -> bytes | None:
        found = self._names.get(name.lower())
        return self._unpack(found) if found is not None else None

    def _unpack(self, name: str) -> bytes:
        try:
            return self._zip.read(name)
        except _PACKAGE_ERRORS as error:
            raise UnreadableDocument(f"the package is broken ({type(error).__name__})") from None


def local_name(element: "Element") -> str:
    """Give an element's name without its namespace: both editions of the format have one each."""
    return str(element.tag).rpartition("}")[2]


def sheet_parts(package: Package, workbook: str) -> dict[str, str]:
    """Map the names of the sheets to their parts."""
    root = package.root(workbook)
    related = package.related(workbook)
    parts = {}
    for sheet in root.iter("{*}sheet") if root is not None else ():
        relation = next((value for key, value in sheet.attrib.items() if _RELATION_ID.fullmatch(str(key))), "")
        if relation in related:
            parts[sheet.get("name", "")] = related[str(relation)][1]
    return parts


def cell_styles(package: Package, workbook: str) -> list[CellStyle]:
    """Read the styles that cells refer to by their number."""
    part = next((name for kind, name in package.related(workbook).values() if kind == "styles"), "")
    root = package.root(part)
    if root is None:
        return []
    formats = {item.get("numFmtId"): item.get("formatCode", GENERAL) for item in root.iter("{*}numFmt")}
    fonts = [_font_colour(font) for font in root.iterfind("{*}fonts/{*}font")]
    fills = [_fill_colour(fill) for fill in root.iterfind("{*}fills/{*}fill")]
    return [_style(cell, formats, fonts, fills) for cell in root.iterfind("{*}cellXfs/{*}xf")]


def _style(
    cell: "Element", formats: dict[str | None, str], fonts: list[Colour | None], fills: list[Colour | None]
) -> CellStyle:
    number = cell.get("numFmtId", "0")
    code = formats.get(number) or BUILT_IN.get(int(number) if number.isdecimal() else 0, GENERAL)
    font, fill = _pick(fonts, cell.get("fontId", "")), _pick(fills, cell.get("fillId", ""))
    return CellStyle(code, font is not None and fill is not None and nearly_equal(font, fill))


def _pick(colours: list[Colour | None], index: str) -> Colour | None:
    return colours[int(index)] if index.isdecimal() and int(index) < len(colours) else None


def _font_colour(font: "Element") -> Colour | None:
    return _colour(font.find("{*}color"))


def _fill_colour(fill: "Element") -> Colour | None:
    pattern = fill.find("{*}patternFill")
    kind = pattern.get("patternType", "none") if pattern is not None else ""
    if pattern is None or kind not in ("none", "solid"):
        return None
    return WHITE if kind == "none" else _colour(pattern.find("{*}fgColor"))


def _colour(element: "Element | None") -> Colour | None:
    """Read a colour; of a theme's colours only its white is known here, and no tint."""
    if element is None or element.get("tint", "0").strip("-0.") != "":
        return None
    if element.get("theme") == _THEME_WHITE:
        return WHITE
    if (index := element.get("indexed", "")).isdecimal():
        return _INDEXED.get(int(index))
    return parse_colour(element.get("rgb", "").lower()[-6:])


def sheet_layout(package: Package, part: str) -> SheetLayout:
    """Read what a sheet says beside its values.

    Raises:
        UnreadableDocument: the part is broken.
        OversizedDocument: the cells with values span more than any sheet does.
    """
    layout = SheetLayout()
    places: list[Place] = []
    tags = ("c", "row", "col", "mergeCell", "conditionalFormatting", "tablePart")
    row = column = 0
    for element in package.elements(part, tags):
        name = local_name(element)
        if name == "c":
            row, column = _place(element.get("r", ""), (row, column))
            if len(element):
                places.append((row, column))
                if (style := element.get("s", "")).isdecimal():
                    layout.styles[row, column] = int(style)
            column += 1
        elif name == "row":
            row, column = _end_row(layout, element, row), 0
        else:
            _note(layout, name, element)
        if len(places) > _MAX_CELLS:
            break
    layout.rows, layout.columns = _extent([row for row, _ in places]), _extent([column for _, column in places])
    if len(layout.rows) * len(layout.columns) > _MAX_CELLS:
        raise OversizedDocument(f"a sheet of more than {_MAX_CELLS} cells")
    return layout


def _end_row(layout: SheetLayout, element: "Element", row: int) -> int:
    """Note a hidden row, and give the number that the next one has unless it says another."""
    number = element.get("r", "")
    row = int(number) - 1 if number.isdecimal() else row
    if is_true(element, "hidden") or element.get("ht", "1").strip("0.") == "":
        layout.hidden_rows.add(row)
    return row + 1


def _note(layout: SheetLayout, name: str, element: "Element") -> None:
    if name == "col" and (is_true(element, "hidden") or element.get("width", "1").strip("0.") == ""):
        first, last = element.get("min", ""), element.get("max", "")
        if first.isdecimal() and last.isdecimal():
            layout.hidden_columns.update(range(int(first) - 1, min(int(last), _MAX_COLUMNS)))
    elif name == "mergeCell":
        first, _, last = element.get("ref", "").partition(":")
        layout.merged.append((_place(first, (0, 0)), _place(last, (0, 0))))
    elif name in ("conditionalFormatting", "tablePart"):
        layout.coloured_otherwise = True


def is_true(element: "Element", name: str) -> bool:
    """Tell whether a yes-or-no attribute says yes."""
    return element.get(name, "0") in ("1", "true")


def _place(reference: str, default: Place) -> Place:
    match = _REFERENCE.fullmatch(reference)
    if not match:
        return default
    column = 0
    for letter in match.group(1):
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match.group(2)) - 1, column - 1


def _extent(numbers: list[int]) -> range:
    return range(min(numbers), max(numbers) + 1) if numbers else range(0)
