"""XLSX: sheets as tables of the values that they show; calamine reads the values, the styles say how they look."""

import io
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, Extracted, Kind, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.charts import drawing_blocks
from kvprep.documents.readers.regions import region_blocks
from kvprep.documents.readers.shown import Value, shown
from kvprep.documents.readers.workbook import (
    CellStyle,
    Package,
    Place,
    SheetLayout,
    cell_styles,
    sheet_layout,
    sheet_parts,
)
from kvprep.errors import ProtectedDocument, UnreadableDocument
from kvprep.types import TextFinding

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

COMMENTS = "comments"
"""Kind of a finding: remarks on the content, which are no part of it."""
_WORKBOOK = "xl/workbook.xml"
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
        package = Package(data, limits)
        package.check()
        hidden: Counter[str] = Counter()
        blocks = tuple(_Workbook(data, package, hidden).blocks())
        findings = (*text_findings(hidden), *_comment_findings(package))
        return Extracted(
            blocks, _title(package), findings, f"{self.name} (python-calamine {version('python-calamine')})"
        )


class _Workbook:
    def __init__(self, data: bytes, package: Package, hidden: Counter[str]) -> None:
        self._package = package
        self._hidden = hidden
        self._values = _open(data)
        self._parts = sheet_parts(package, _WORKBOOK)
        self._styles = cell_styles(package, _WORKBOOK)

    def blocks(self) -> Iterator[Block]:
        from python_calamine import SheetVisibleEnum

        for sheet in self._values.sheets_metadata:
            part = self._parts.get(sheet.name, "")
            layout = sheet_layout(self._package, part)
            cells = self._cells(sheet.name, layout) if layout.rows else {}
            drawn = list(drawing_blocks(self._package, part))
            if sheet.visible is not SheetVisibleEnum.Visible:
                self._hide("hidden sheet", [*cells.values(), *(block.text for block in drawn)])
                continue
            shown_cells = self._without_hidden(cells, layout)
            if shown_cells or drawn:
                yield Block(f"## {sheet.name}")
            yield from region_blocks(shown_cells, layout.merged)
            yield from drawn

    def _cells(self, name: str, layout: SheetLayout) -> dict[Place, str]:
        """Give what the cells of a sheet show, hidden ones included."""
        sheet = _sheet(self._values, name)
        first_row, first_column = sheet.start or (0, 0)
        cells = {}
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

    def _without_hidden(self, cells: dict[Place, str], layout: SheetLayout) -> dict[Place, str]:
        self._hide("hidden rows or columns", [text for place, text in cells.items() if layout.is_hidden(place)])
        return {place: text for place, text in cells.items() if not layout.is_hidden(place)}

    def _hide(self, why: str, texts: list[str]) -> None:
        num_visible = sum(len("".join(text.split())) for text in texts)
        if num_visible:
            self._hidden[why] += num_visible


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


def _title(package: Package) -> str:
    root = package.root("docProps/core.xml")
    return (root.findtext("{http://purl.org/dc/elements/1.1/}title") or "") if root is not None else ""


def _comment_findings(package: Package) -> Iterator[TextFinding]:
    for number, part in enumerate(sheet_parts(package, _WORKBOOK).values(), 1):
        roots = [package.root(name) for kind, name in package.related(part).values() if kind == "comments"]
        count = sum(1 for root in roots if root is not None for _ in root.iter("{*}comment"))
        if count:
            yield TextFinding(COMMENTS, count, f"sheet {number}")
