"""What a sheet's own part says beside its values: styles, hidden rows and columns, merged cells, errors."""

import io
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.office.names import whole_number
from kvprep.errors import OversizedDocument, UnreadableDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

Place = tuple[int, int]
"""Row and column, both from 0."""
Span = tuple[Place, Place]
"""First and last cell of a merged one."""

_MAX_CELLS = 5_000_000
"""Of one sheet, from the first to the last one with a value, the empty ones between them included."""
_MAX_ROWS, _MAX_COLUMNS = 1_048_576, 16_384
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_TAGS = ("c", "row", "col", "mergeCell", "conditionalFormatting", "tablePart")
_YES = ("1", "true")


@dataclass
class SheetLayout:
    """What a sheet's part says beside the values."""

    places: list[Place] = field(default_factory=list)
    """Cells with a value."""
    styles: dict[Place, int] = field(default_factory=dict)
    """Number of the style, for cells with a value."""
    errors: dict[Place, str] = field(default_factory=dict)
    """Errors that cells show in place of a value, such as `#N/A`."""
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[Span] = field(default_factory=list)
    coloured_otherwise: bool = False
    """Rules of the sheet, or of tables in it, colour cells, too."""

    def is_hidden(self, place: Place) -> bool:
        """Tell whether a cell lies in a hidden row or column."""
        return place[0] in self.hidden_rows or place[1] in self.hidden_columns


class ClosedUp:
    """Places on a sheet without its hidden rows and columns: nobody sees a gap where they lie."""

    def __init__(self, layout: SheetLayout) -> None:
        """Close up the hidden rows and columns of a sheet."""
        self._hidden = sorted(layout.hidden_rows), sorted(layout.hidden_columns)

    def place(self, place: Place) -> Place:
        """Give the place of a cell; a hidden one gets that of the next one that is not."""
        return place[0] - bisect_left(self._hidden[0], place[0]), place[1] - bisect_left(self._hidden[1], place[1])

    def spans(self, spans: Sequence[Span]) -> Iterator[Span]:
        """Give the places of merged cells."""
        for first, last in spans:
            row, column = self.place((last[0] + 1, last[1] + 1))
            yield self.place(first), (row - 1, column - 1)


def sheet_layout(data: bytes) -> SheetLayout:
    """Read a sheet's part.

    Raises:
        UnreadableDocument: it is broken.
        OversizedDocument: the cells with values span more than any sheet does.
    """
    layout = SheetLayout()
    row = column = 0
    for name, element in _elements(data):
        if name == "c":
            row, column = _place_of_cell(element.get("r", ""), (row, column))
            _note_cell(layout, element, (row, column))
            column += 1
        elif name == "row":
            row, column = _end_row(layout, element, row), 0
        else:
            _note(layout, name, element)
        if len(layout.places) > _MAX_CELLS:
            break
    if _num_spanned(layout.places) > _MAX_CELLS:
        raise OversizedDocument(f"a sheet of more than {_MAX_CELLS} cells")
    return layout


def _elements(data: bytes) -> "Iterator[tuple[str, Element]]":
    """Yield elements by their names, each when it is complete; it is emptied afterwards."""
    from lxml import etree

    tags = [f"{{*}}{tag}" for tag in _TAGS]
    try:
        for _, element in etree.iterparse(
            io.BytesIO(data), tag=tags, resolve_entities=False, no_network=True, load_dtd=False
        ):
            yield str(element.tag).rpartition("}")[2], element
            element.clear()
    except etree.LxmlError as error:
        raise UnreadableDocument(f"a sheet is broken ({type(error).__name__})") from None


def _note_cell(layout: SheetLayout, cell: "Element", place: Place) -> None:
    if not len(cell):
        return
    layout.places.append(place)
    layout.styles[place] = whole_number(cell.get("s"), 0)
    if cell.get("t") == "e":
        layout.errors[place] = cell.findtext("{*}v") or ""


def _end_row(layout: SheetLayout, element: "Element", row: int) -> int:
    """Note a hidden row, and give the number that the next one has unless it says another."""
    row = whole_number(element.get("r"), row + 1, _MAX_ROWS) - 1
    if element.get("hidden") in _YES or element.get("ht", "1").strip("0.") == "":
        layout.hidden_rows.add(row)
    return row + 1


def _note(layout: SheetLayout, name: str, element: "Element") -> None:
    if name == "col" and (element.get("hidden") in _YES or element.get("width", "1").strip("0.") == ""):
        least, most = (whole_number(element.get(name), 0, _MAX_COLUMNS) for name in ("min", "max"))
        layout.hidden_columns.update(range(least - 1, most))
    elif name == "mergeCell":
        first, _, last = element.get("ref", "").partition(":")
        layout.merged.append((_place(first, (0, 0)), _place(last, (0, 0))))
    elif name in ("conditionalFormatting", "tablePart"):
        layout.coloured_otherwise = True


def parse_place(reference: str) -> Place | None:
    """Read the name of a cell, such as `B7`; nothing where it is none."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        return None
    column = 0
    for letter in match.group(1):
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(match.group(2)) - 1, column - 1


def _place_of_cell(reference: str, default: Place) -> Place:
    """Read where a cell says that it is. Calamine takes memory for whatever stands there, be it a column of 7 letters.

    Raises:
        UnreadableDocument: no sheet has such a place.
    """
    if not reference:
        return default
    if (place := parse_place(reference)) is None:
        raise UnreadableDocument("a cell is at no place of a sheet")
    return place


def _place(reference: str, default: Place) -> Place:
    return parse_place(reference) or default


def _num_spanned(places: Sequence[Place]) -> int:
    if not places:
        return 0
    rows, columns = [row for row, _ in places], [column for _, column in places]
    return (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)
