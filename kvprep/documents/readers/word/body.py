"""The text of a DOCX part, paragraph by paragraph and table by table, as a reader who accepts all changes sees it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.markdown import arranged
from kvprep.documents.readers.office.graphics import chart_blocks, diagram_blocks
from kvprep.documents.readers.office.names import WRAPPERS, chosen, qn
from kvprep.documents.readers.office.package import Package
from kvprep.documents.readers.word.notes import Notes
from kvprep.documents.readers.word.numbering import Label, Lists, Numbering
from kvprep.documents.readers.word.runs import Line, Runs
from kvprep.documents.readers.word.styles import Styles
from kvprep.documents.readers.word.tables import Covered, Row, grid_blocks, is_data, lay_out, table_rows
from kvprep.documents.readers.word.visibility import Backdrop, Sight, behind_page

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


@dataclass(frozen=True, slots=True)
class Document:
    """What all parts of one document share."""

    package: Package
    styles: Styles
    lists: Lists
    notes: Notes
    sight: Sight


@dataclass
class Section:
    """What stands before a section's text and behind it."""

    headers: list[Block] = field(default_factory=list)
    footers: list[Block] = field(default_factory=list)


class BodyReader:
    """Walks the XML of one part and counts its clauses on the way."""

    def __init__(
        self, document: Document, part: str, *, is_edge: bool = False, sections: Sequence[Section] = ()
    ) -> None:
        """Prepare to walk the part of this name.

        Args:
            document: what all parts share.
            part: name of the part.
            is_edge: it is a header or footer, whose page numbers are left out.
            sections: what stands before and behind each section of the part.
        """
        self._document = document
        self._part = part
        self._numbering = Numbering(document.lists, document.styles)
        self._runs = Runs(document.sight, document.notes, without_page_numbers=is_edge)
        self._carried: list[str] = []
        """What paragraphs without a mark of their own pass on to the next."""
        self._item_depth = -1
        self._in_cell = False
        self._sections = iter(sections)
        self._section = Section()

    def read(self, root: "Element") -> Iterator[Block]:
        """Yield the blocks of the whole part."""
        yield from self._next_section()
        for story in root.findall(qn("w:body")) or [root]:
            yield from self._story(story, behind_page(root))
        # The last section has no paragraph that ends it, nor has one whose end is left out of the text.
        yield from self._section.footers
        for section in self._sections:
            yield from section.headers
            yield from section.footers

    def _story(self, container: "Element", backdrop: Backdrop) -> Iterator[Block]:
        """Yield the blocks of a body, a cell, a text box, a note, a header: no paragraph goes on past its end."""
        around, self._carried = self._carried, []
        yield from self._blocks(container, backdrop)
        yield from self._end_line()
        self._carried = around

    def _blocks(self, container: "Element", backdrop: Backdrop) -> Iterator[Block]:
        for child in container:
            if child.tag == qn("w:p"):
                yield from self._paragraph(child, backdrop)
            elif child.tag == qn("w:tbl"):
                yield from self._end_line()
                yield from self._table(child, backdrop)
            elif child.tag in WRAPPERS:
                yield from self._blocks(child, backdrop)
            elif child.tag == qn("mc:AlternateContent"):
                yield from self._blocks(chosen(child), backdrop)

    def _end_line(self) -> Iterator[Block]:
        """Yield what waits for a paragraph to go on in, where there is none."""
        text = Line(self._carried).text()
        self._carried = []
        yield from [Block(text)] if text else []

    def _next_section(self) -> Iterator[Block]:
        yield from self._section.footers
        self._section = next(self._sections, Section())
        yield from self._section.headers

    def note_blocks(self) -> Iterator[Block]:
        """Yield the notes that the text referred to; a note may refer to further ones."""
        for mark, note in self._document.notes.referred:
            text = " ".join(block.text for block in self._story(note, Backdrop()))
            if text:
                yield Block(f"{mark}: {text}")

    def _paragraph(self, paragraph: "Element", backdrop: Backdrop) -> Iterator[Block]:
        properties = paragraph.find(qn("w:pPr"))
        styles = self._document.styles
        style = styles.of_paragraph(properties)
        line = Line()
        self._runs.add(paragraph, style, self._document.sight.behind_paragraph(properties, style, backdrop), line)
        mark = properties.find(qn("w:rPr")) if properties is not None else None
        if _is_deleted(mark) or _is_drop_cap(properties):
            self._carried += line.pieces
        elif self._document.sight.hides_mark(mark, style):
            self._carried += self._labelled(properties, line)
        else:
            text = Line(self._carried + line.pieces).text()
            self._carried = []
            yield from self._block(self._numbering.label(properties), text, styles.heading_level(style))
        for anchored in line.anchored:
            yield from self._anchored(anchored)
        if properties is not None and properties.find(qn("w:sectPr")) is not None:
            yield from self._next_section()

    def _labelled(self, properties: "Element | None", line: Line) -> list[str]:
        """Write a paragraph whose mark is hidden: the next one goes on in its line. With no text, it is not there."""
        if not line.text():
            return []
        label = self._numbering.label(properties)
        return [f"{label.text} " if label else "", *line.pieces, " "]

    def _block(self, label: Label | None, text: str, heading_level: int) -> Iterator[Block]:
        if not text:
            return
        depth, self._item_depth = self._item_depth, -1
        is_heading = heading_level > 0 and not self._in_cell
        if label and label.text and not (is_heading and label.bullet):
            text = f"{label.text} {text}"
        if is_heading:
            yield Block("#" * heading_level + " " + text.replace("\n", " "))
        elif label and label.bullet:
            # A list starts at the margin, whatever its level, and goes in by one step at a time.
            self._item_depth = min(label.level, depth + 1)
            yield Block("  " * self._item_depth + text, BlockKind.ITEM)
        else:
            yield Block(text)

    def _anchored(self, element: "Element") -> Iterator[Block]:
        """Yield what hangs on a paragraph, and does not stand in its line."""
        if element.tag == qn("w:txbxContent"):
            # A box may have a colour of its own, or none over a picture.
            yield from self._story(element, Backdrop(sure=False))
        elif element.tag == qn("v:textpath"):
            text = " ".join(element.get("string", "").split())
            yield from [Block(text)] if text else []
        else:
            yield from self._graphic(element)

    def _graphic(self, element: "Element") -> Iterator[Block]:
        is_chart = element.tag == qn("c:chart")
        relation = self._document.package.relations(self._part).get(element.get(qn("r:id" if is_chart else "r:dm"), ""))
        root = self._document.package.root(relation.target) if relation else None
        if root is not None:
            yield from chart_blocks(root) if is_chart else diagram_blocks(root)

    def _table(self, table: "Element", backdrop: Backdrop) -> Iterator[Block]:
        """Give a table as Markdown; one that only arranges text on the page as the text it arranges."""
        rows = table_rows(table)
        behind = self._document.sight.behind_table(table, backdrop)
        if not is_data(rows):
            for row in rows:
                yield from arranged(self._cells(row, behind))
            return
        around, self._in_cell = self._in_cell, True
        texts = ([" ".join(block.text for block in cell) for cell in self._cells(row, behind)] for row in rows)
        grid = list(lay_out(rows, texts))
        self._in_cell = around
        yield from grid_blocks(rows, grid)

    def _cells(self, row: Row, backdrop: Backdrop) -> Iterator[list[Block]]:
        """Yield the blocks of each cell; of one that a merged cell covers, none."""
        for cell in row:
            blocks = list(self._story(cell.element, backdrop.under(cell.shading)))
            if cell.covered is not Covered.NOT:
                self._document.sight.count_hidden("under a merged cell", sum(len(block.text) for block in blocks))
                blocks = []
            yield blocks


def _is_deleted(mark: "Element | None") -> bool:
    return mark is not None and (mark.find(qn("w:del")) is not None or mark.find(qn("w:moveFrom")) is not None)


def _is_drop_cap(properties: "Element | None") -> bool:
    """Tell whether a paragraph is the large letter that the next one begins with."""
    frame = properties.find(qn("w:framePr")) if properties is not None else None
    return frame is not None and frame.get(qn("w:dropCap"), "none") != "none"
