"""XLSX: sheets as tables of the values that they show; calamine reads the values, the styles say how they look."""

import io
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, Extracted, Kind, Limits
from kvprep.documents.hidden import num_visible, text_findings
from kvprep.documents.readers.office.names import qn
from kvprep.documents.readers.office.package import Package
from kvprep.documents.readers.sheets.layout import ClosedUp, Place, SheetLayout, sheet_layout
from kvprep.documents.readers.sheets.notes import cell_notes, note_lines
from kvprep.documents.readers.sheets.parts import WORKBOOK, drawing_blocks, related, sheet_parts
from kvprep.documents.readers.sheets.regions import region_blocks
from kvprep.documents.readers.sheets.shown import Value, shown
from kvprep.documents.readers.sheets.styles import CellStyle, cell_styles
from kvprep.errors import ProtectedDocument, UnreadableDocument
from kvprep.types import TextFinding

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_PLAIN = CellStyle()


class SheetReader:
    """Reads XLSX, with macros or without."""

    name = Kind.XLSX.value

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read all sheets that are shown, in their order.

        Raises:
            UnreadableDocument: the package or a part of it is broken.
            OversizedDocument: it unpacks to more than the limit, or a sheet spans too many cells.
            ProtectedDocument: it opens with a password only.
        """
        workbook = _Workbook(data, limits)
        blocks = tuple(workbook.blocks())
        reader = f"{self.name} (python-calamine {version('python-calamine')})"
        return Extracted(blocks, workbook.title(), tuple(workbook.findings()), reader)


class _Workbook:
    def __init__(self, data: bytes, limits: Limits) -> None:
        self._package = Package(data, limits.expanded_bytes)
        self._parts = sheet_parts(self._package)
        self._styles = cell_styles(self._package)
        self._hidden: Counter[str] = Counter()
        # Unpacked here first: calamine, which reads them again, knows no limit.
        for part in related(self._package, WORKBOOK, "sharedStrings"):
            self._package.part(part)
        self._layouts = {name: sheet_layout(self._package.part(part) or b"") for name, part in self._parts.items()}
        self._notes = {name: cell_notes(self._package, part) for name, part in self._parts.items()}
        self._values = _open(data)

    def blocks(self) -> Iterator[Block]:
        from python_calamine import SheetVisibleEnum

        for sheet in self._values.sheets_metadata:
            layout = self._layouts.get(sheet.name, SheetLayout())
            cells = self._cells(sheet.name, layout) if layout.places else {}
            drawn = list(drawing_blocks(self._package, self._parts.get(sheet.name, "")))
            if sheet.visible is SheetVisibleEnum.Visible:
                yield from self._sheet(sheet.name, cells, layout, drawn)
            else:
                notes = (note.text for note in self._notes.get(sheet.name, ()))
                self._hide("hidden sheet", [*cells.values(), *notes, *(block.text for block in drawn)])

    def title(self) -> str:
        root = self._package.root("docProps/core.xml")
        return (root.findtext(qn("dc:title")) or "") if root is not None else ""

    def findings(self) -> Iterator[TextFinding]:
        """Report what `blocks` has left out."""
        yield from text_findings(+self._hidden)
        for number, notes in enumerate(self._notes.values(), 1):
            if notes:
                yield TextFinding("comments", len(notes), f"sheet {number}")

    def _sheet(self, name: str, cells: dict[Place, str], layout: SheetLayout, drawn: list[Block]) -> Iterator[Block]:
        said = [(note.place, note.text) for note in self._notes.get(name, ())]
        unseen = [text for place, text in [*cells.items(), *said] if layout.is_hidden(place)]
        self._hide("hidden rows or columns", unseen)
        notes = [note for note in self._notes.get(name, ()) if not layout.is_hidden(note.place)]
        closed_up = ClosedUp(layout)
        visible = {closed_up.place(place): text for place, text in cells.items() if not layout.is_hidden(place)}
        if visible or notes or drawn:
            yield Block(f"## {name}")
        yield from region_blocks(visible, list(closed_up.spans(layout.merged)))
        yield from note_lines(notes, cells)
        yield from drawn

    def _cells(self, name: str, layout: SheetLayout) -> dict[Place, str]:
        """Give what the cells of a sheet show, hidden ones included."""
        sheet = _sheet(self._values, name)
        first_row, first_column = sheet.start or (0, 0)
        cells = dict(layout.errors)
        for row, values in enumerate(sheet.iter_rows(), first_row):
            for column, value in enumerate(values, first_column):
                text = self._shown(value, (row, column), layout) if value != "" else ""
                if text:
                    cells[row, column] = text
        return cells

    def _shown(self, value: Value, place: Place, layout: SheetLayout) -> str:
        style = self._style(place, layout)
        text = shown(value, style.number_format).strip()
        if style.on_its_colour and not layout.coloured_otherwise:
            self._hide("text in the colour of its cell", [text])
            return ""
        if not text:
            self._hide("number format that shows nothing", [str(value)])
        return text

    def _style(self, place: Place, layout: SheetLayout) -> CellStyle:
        number = layout.styles.get(place, 0)
        return self._styles[number] if number < len(self._styles) else _PLAIN

    def _hide(self, why: str, texts: list[str]) -> None:
        self._hidden[why] += sum(map(num_visible, texts))


def _open(data: bytes) -> "CalamineWorkbook":
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        raise ProtectedDocument("a workbook that opens with a password only") from None
    except CalamineError as error:
        raise UnreadableDocument(f"the workbook is broken ({type(error).__name__})") from None


def _sheet(workbook: "CalamineWorkbook", name: str) -> "CalamineSheet":
    from python_calamine import CalamineError

    try:
        return workbook.get_sheet_by_name(name)
    except CalamineError as error:
        raise UnreadableDocument(f"a sheet is broken ({type(error).__name__})") from None
