"""The text of a DOCX part, paragraph by paragraph and table by table, as a reader who accepts all changes sees it."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.markdown import table as markdown_table
from kvprep.documents.readers.numbering import Numbering
from kvprep.documents.readers.styles import Styles
from kvprep.documents.readers.wordml import WRAPPERS, child_value, descend, is_on, qn
from kvprep.documents.readers.wordtables import holds_table, is_covered, span, table_rows

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_PARAGRAPH, _TABLE, _RUN = qn("w:p"), qn("w:tbl"), qn("w:r")
_CHOICE, _FALLBACK = qn("mc:Choice"), qn("mc:Fallback")
_ALTERNATIVES = qn("mc:AlternateContent")
_MATH = frozenset(map(qn, ("m:oMath", "m:oMathPara")))
_FIXED = {
    qn("w:tab"): " ",
    qn("w:ptab"): " ",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_DRAWN = frozenset(map(qn, ("w:drawing", "w:pict", "w:object")))
_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.I)
# The check marks and bullets that forms take from symbol fonts, by their place in the font.
_SYMBOLS = {
    0xFE: "☒",
    0xFD: "☒",
    0x78: "☒",
    0xA8: "☐",
    0x6F: "☐",
    0x71: "☐",
    0x72: "☐",
    0xFC: "✓",
    0xFB: "✗",
    0xB7: "•",
}


@dataclass
class _Field:
    instruction: str = ""
    in_result: bool = False


class Notes:
    """Footnotes and endnotes, numbered in the order in which the text refers to them."""

    def __init__(self, footnotes: "Element | None", endnotes: "Element | None") -> None:
        """Keep the notes of a document at hand; either root may be missing."""
        self._notes: dict[tuple[str, str], Element] = {}
        for kind, root in (("foot", footnotes), ("end", endnotes)):
            for note in root if root is not None else ():
                if isinstance(note.tag, str):
                    self._notes[kind, note.get(qn("w:id"), "")] = note
        self.referred: list[tuple[str, Element]] = []
        """(Mark, note) so far."""

    def mark(self, kind: str, note_id: str) -> str:
        """Refer to a note, and give the mark that stands for it in the text."""
        note = self._notes.get((kind, note_id))
        if note is None:
            return ""
        mark = f"[^{len(self.referred) + 1}]"
        self.referred.append((mark, note))
        return mark


@dataclass
class _Inline:
    """What one paragraph's runs add up to."""

    pieces: list[str] = field(default_factory=list)
    boxes: "list[Element]" = field(default_factory=list)
    """Text boxes anchored in the paragraph."""

    def text(self) -> str:
        """Join the pieces; runs of blanks become one, forced line breaks stay."""
        lines = "".join(self.pieces).split("\n")
        return "\n".join(" ".join(line.split()) for line in lines).strip("\n")


class BodyReader:
    """Walks the XML of one part and counts its clauses on the way."""

    def __init__(
        self,
        styles: Styles,
        numbering: Numbering,
        notes: Notes,
        hidden: Counter[str],
        *,
        without_page_numbers: bool = False,
    ) -> None:
        """Prepare to walk.

        Args:
            styles: the document's styles.
            numbering: counts the clauses; shared by all walks over one text.
            notes: collects what the text refers to.
            hidden: receives the number of characters that `w:vanish` hides.
            without_page_numbers: leave the results of page fields out, for headers and footers.
        """
        self._styles = styles
        self._numbering = numbering
        self._notes = notes
        self._hidden = hidden
        self._without_page_numbers = without_page_numbers
        self._fields: list[_Field] = []
        self._carried = ""

    def blocks(self, container: "Element") -> Iterator[Block]:
        """Yield the blocks of a body, a cell, a text box, a note, a header."""
        for child in container:
            if child.tag == _PARAGRAPH:
                yield from self._paragraph(child)
            elif child.tag == _TABLE:
                yield from self._table(child)
            elif child.tag in WRAPPERS:
                yield from self.blocks(child)
            elif child.tag == _ALTERNATIVES:
                yield from self.blocks(_chosen(child))

    def note_blocks(self) -> Iterator[Block]:
        """Yield the notes that the text referred to; a note may refer to further ones."""
        for mark, note in self._notes.referred:
            text = " ".join(block.text for block in self.blocks(note))
            if text:
                yield Block(f"{mark}: {text}")

    def _paragraph(self, paragraph: "Element") -> Iterator[Block]:
        inline = _Inline([self._carried])
        properties = paragraph.find(qn("w:pPr"))
        style = child_value(properties, "w:pStyle") or self._styles.default_paragraph
        self._inline(paragraph, inline, hidden=self._styles.is_hidden(style))
        # An instruction that seems to go on past its paragraph has lost its end, and must not swallow the rest.
        self._fields = [open_field for open_field in self._fields if open_field.in_result]
        joins_next = _mark_is_deleted(properties)
        self._carried = "".join(inline.pieces) if joins_next else ""
        if not joins_next:
            yield from self._labelled(paragraph, inline.text(), self._styles.heading_level(style))
        for box in inline.boxes:
            yield from self.blocks(box)

    def _labelled(self, paragraph: "Element", text: str, heading_level: int) -> Iterator[Block]:
        label = self._numbering.label(paragraph)
        if not text:
            return
        prefix = f"{label.text} " if label and label.text else ""
        if heading_level:
            yield Block("#" * heading_level + " " + prefix + text.replace("\n", " "))
        elif label and label.bullet:
            yield Block(prefix + text, BlockKind.ITEM)
        else:
            yield Block(prefix + text)

    def _inline(self, element: "Element", inline: _Inline, *, hidden: bool) -> None:
        for child in element:
            if child.tag == _RUN:
                self._run(child, inline, hidden=hidden)
            elif child.tag in WRAPPERS:
                if not (child.tag == qn("w:fldSimple") and self._is_page_number(child.get(qn("w:instr"), ""))):
                    self._inline(child, inline, hidden=hidden)
            elif child.tag in _MATH:
                inline.pieces += [math.text or "" for math in child.iter(qn("m:t"))]
            elif child.tag == _ALTERNATIVES:
                self._inline(_chosen(child), inline, hidden=hidden)

    def _run(self, run: "Element", inline: _Inline, *, hidden: bool) -> None:
        if self._is_hidden(run, hidden):
            self._hidden["w:vanish"] += sum(len(text.text or "") for text in run.iter(qn("w:t")))
            return
        self._run_content(run, inline)

    def _run_content(self, content: "Element", inline: _Inline) -> None:
        for child in content:
            if child.tag == qn("w:fldChar"):
                self._field_mark(child)
            elif child.tag == qn("w:instrText"):
                if self._fields:
                    self._fields[-1].instruction += child.text or ""
            elif child.tag in _DRAWN:
                inline.boxes += _text_boxes(child)
            elif child.tag == _ALTERNATIVES:
                self._run_content(_chosen(child), inline)
            elif child.tag == qn("w:ruby"):
                for base in child.iterfind(qn("w:rubyBase")):
                    self._inline(base, inline, hidden=False)
            elif self._is_shown():
                inline.pieces.append(self._characters(child))

    def _characters(self, element: "Element") -> str:
        if element.tag == qn("w:t"):
            return (element.text or "").replace("\n", " ")
        if element.tag == qn("w:sym"):
            return _symbol(element)
        if element.tag in (qn("w:footnoteReference"), qn("w:endnoteReference")):
            kind = "foot" if element.tag == qn("w:footnoteReference") else "end"
            return self._notes.mark(kind, element.get(qn("w:id"), ""))
        return _FIXED.get(element.tag, "")

    def _field_mark(self, element: "Element") -> None:
        kind = element.get(qn("w:fldCharType"))
        if kind == "begin":
            self._fields.append(_Field())
        elif self._fields and kind == "separate":
            self._fields[-1].in_result = True
        elif self._fields and kind == "end":
            self._fields.pop()

    def _is_shown(self) -> bool:
        return all(
            open_field.in_result and not self._is_page_number(open_field.instruction) for open_field in self._fields
        )

    def _is_page_number(self, instruction: str) -> bool:
        return self._without_page_numbers and bool(_PAGE_FIELD.match(instruction))

    def _is_hidden(self, run: "Element", inherited: bool) -> bool:
        properties = run.find(qn("w:rPr"))
        if properties is not None and properties.find(qn("w:vanish")) is not None:
            return is_on(properties, "w:vanish")
        return inherited or self._styles.is_hidden(child_value(properties, "w:rStyle"))

    def _table(self, table: "Element") -> Iterator[Block]:
        """Give a table as Markdown; one that only arranges text on the page as the text it arranges."""
        rows = [list(self._cells(row)) for row in table_rows(table)]
        width = max((len(row) for row in rows), default=0)
        if len(rows) < 2 or width < 2 or any(holds_table(cell) for row in rows for cell in row):
            yield from (block for row in rows for cell in row for block in cell)
            return
        text = markdown_table([[" ".join(block.text for block in cell) for cell in row] for row in rows])
        if text:
            yield Block(text, BlockKind.TABLE)

    def _cells(self, row: "Element") -> Iterator[list[Block]]:
        """Yield the blocks of each cell; what a merged cell covers is an empty cell."""
        before = child_value(row.find(qn("w:trPr")), "w:gridBefore")
        yield from [[] for _ in range(span(before, least=0))]
        for cell in descend(row, qn("w:tc")):
            properties = cell.find(qn("w:tcPr"))
            if properties is not None and properties.find(qn("w:cellDel")) is not None:
                continue
            blocks = list(self.blocks(cell))
            yield [] if is_covered(properties) else blocks
            yield from [[] for _ in range(span(child_value(properties, "w:gridSpan"), least=1) - 1)]


def _chosen(alternatives: "Element") -> "Element":
    """Pick the first choice: the fallback says the same once more, for old programs."""
    for kind in (_CHOICE, _FALLBACK):
        found = alternatives.find(kind)
        if found is not None:
            return found
    return alternatives


def _text_boxes(drawn: "Element") -> "list[Element]":
    """Find the outermost text boxes; an inner one is met again in the text of the outer."""
    found: list[Element] = []
    for child in drawn:
        if child.tag == qn("w:txbxContent"):
            found.append(child)
        else:
            found += _text_boxes(_chosen(child) if child.tag == _ALTERNATIVES else child)
    return found


def _symbol(element: "Element") -> str:
    try:
        code = int(element.get(qn("w:char"), ""), 16)
    except ValueError:
        return ""
    if element.get(qn("w:font"), "").lower().startswith(("wingdings", "symbol", "webdings")):
        return _SYMBOLS.get(code & 0xFF, "")
    return chr(code) if code <= 0x10FFFF else ""


def _mark_is_deleted(properties: "Element | None") -> bool:
    mark = properties.find(qn("w:rPr")) if properties is not None else None
    return mark is not None and (mark.find(qn("w:del")) is not None or mark.find(qn("w:moveFrom")) is not None)
