"""Styles of a workbook's cells: their number formats, and whether their text can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvprep.documents.readers.colours import WHITE, Colour, nearly_equal, parse_colour
from kvprep.documents.readers.office.names import qn, whole_number
from kvprep.documents.readers.office.package import Package
from kvprep.documents.readers.sheets.parts import WORKBOOK, related
from kvprep.documents.readers.sheets.shown import BUILT_IN, GENERAL

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# The palette's first entries, where its black and white are repeated, and the window's own background.
_INDEXED = {0: (0, 0, 0), 1: WHITE, 8: (0, 0, 0), 9: WHITE, 65: WHITE}
_THEME_WHITE = "0"


@dataclass(frozen=True, slots=True)
class CellStyle:
    """How a cell shows its value."""

    number_format: str = GENERAL
    on_its_colour: bool = False
    """Its text has the colour of the cell."""


def cell_styles(package: Package) -> list[CellStyle]:
    """Read the styles that cells refer to by their number.

    Raises:
        DocumentError: the package is broken, or unpacks to too much.
    """
    root = package.root(next(related(package, WORKBOOK, "styles"), ""))
    if root is None:
        return []
    formats = {item.get("numFmtId", ""): item.get("formatCode", GENERAL) for item in root.iter(qn("s:numFmt"))}
    fonts = [_colour(font.find(qn("s:color"))) for font in root.iterfind(qn("s:fonts/s:font"))]
    fills = [_fill_colour(fill) for fill in root.iterfind(qn("s:fills/s:fill"))]
    return [
        CellStyle(_code(cell.get("numFmtId", "0"), formats), _is_on_its_colour(cell, fonts, fills))
        for cell in root.iterfind(qn("s:cellXfs/s:xf"))
    ]


def _code(number: str, formats: dict[str, str]) -> str:
    return formats.get(number) or BUILT_IN.get(whole_number(number, 0), GENERAL)


def _is_on_its_colour(cell: "Element", fonts: Sequence[Colour | None], fills: Sequence[Colour | None]) -> bool:
    font, fill = _pick(fonts, cell.get("fontId", "")), _pick(fills, cell.get("fillId", ""))
    return font is not None and fill is not None and nearly_equal(font, fill)


def _pick(colours: Sequence[Colour | None], number: str) -> Colour | None:
    index = whole_number(number, len(colours))
    return colours[index] if index < len(colours) else None


def _fill_colour(fill: "Element") -> Colour | None:
    pattern = fill.find(qn("s:patternFill"))
    if pattern is None or pattern.get("patternType", "none") == "none":
        return WHITE if fill.find(qn("s:gradientFill")) is None else None
    return _colour(pattern.find(qn("s:fgColor"))) if pattern.get("patternType") == "solid" else None


def _colour(element: "Element | None") -> Colour | None:
    """Read a colour; of a theme's colours only its white is known here, and no tint."""
    if element is None or element.get("tint", "0").strip("-0.") != "":
        return None
    if element.get("theme") == _THEME_WHITE:
        return WHITE
    if (index := element.get("indexed")) is not None:
        return _INDEXED.get(whole_number(index, -1))
    return parse_colour(element.get("rgb", "").lower()[-6:])
