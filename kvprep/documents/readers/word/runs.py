"""The text of one paragraph of a DOCX, put together from its runs."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.office.names import WRAPPERS, chosen, qn
from kvprep.documents.readers.word.fields import Fields
from kvprep.documents.readers.word.notes import Notes
from kvprep.documents.readers.word.officemath import latex
from kvprep.documents.readers.word.symbols import is_symbol_font, shown_characters
from kvprep.documents.readers.word.visibility import SWITCH, Backdrop, Sight

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_FIXED = {
    qn("w:tab"): " ",
    qn("w:ptab"): " ",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_DRAWN = frozenset(map(qn, ("w:drawing", "w:pict", "w:object")))
_ANCHORED = frozenset(map(qn, ("w:txbxContent", "v:textpath", "c:chart", "dgm:relIds")))


@dataclass
class Line:
    """What one paragraph's runs add up to."""

    pieces: list[str] = field(default_factory=list)
    anchored: "list[Element]" = field(default_factory=list)
    """Text boxes, lettering, charts and diagrams that hang on the paragraph, in order."""

    def text(self) -> str:
        """Join the pieces; runs of blanks become one, forced line breaks stay."""
        lines = "".join(self.pieces).split("\n")
        return "\n".join(" ".join(line.split()) for line in lines).strip("\n")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a run has from the paragraph around it."""

    style: str
    backdrop: Backdrop


class Runs:
    """Reads the runs of the paragraphs of one part; fields may go on from one paragraph to the next."""

    def __init__(self, sight: Sight, notes: Notes, *, without_page_numbers: bool) -> None:
        """Prepare to read.

        Args:
            sight: judges and counts what cannot be seen.
            notes: collects what the text refers to.
            without_page_numbers: leave the results of page fields out, for headers and footers.
        """
        self._sight = sight
        self._notes = notes
        self._fields = Fields(without_page_numbers=without_page_numbers)

    def add(self, paragraph: "Element", style: str, backdrop: Backdrop, line: Line) -> None:
        """Add a paragraph's runs to a line."""
        self._inline(paragraph, _Place(style, backdrop), line)
        self._fields.end_paragraph()

    def _inline(self, element: "Element", place: _Place, line: Line) -> None:
        for child in element:
            if child.tag == qn("w:r"):
                reason = self._sight.hides(child, place.style, place.backdrop)
                if reason:
                    self._unseen(child, line, with_drawings=reason != SWITCH)
                else:
                    self._content(child, place, line)
            elif child.tag in WRAPPERS:
                if not self._fields.is_left_out(child.get(qn("w:instr"), "")):
                    self._inline(child, place, line)
            elif child.tag == qn("m:oMath"):
                line.pieces.append(_formula(child, "$"))
            elif child.tag == qn("m:oMathPara"):
                line.pieces += [f"\n{_formula(equation, '$$')}\n" for equation in child.iterfind(qn("m:oMath"))]
            elif child.tag == qn("mc:AlternateContent"):
                self._inline(chosen(child), place, line)

    def _content(self, run: "Element", place: _Place, line: Line) -> None:
        font = _symbol_font(run)
        for child in run:
            if child.tag == qn("w:t"):
                if self._fields.is_shown():
                    text = (child.text or "").replace("\n", " ")
                    line.pieces.append(shown_characters(text, font) if font else text)
            elif child.tag == qn("w:fldChar"):
                line.pieces.append(self._fields.mark(child))
            elif child.tag == qn("w:instrText"):
                self._fields.add_code(child.text or "")
            elif child.tag in _DRAWN:
                self._drawing(child, line)
            elif child.tag == qn("mc:AlternateContent"):
                self._content(chosen(child), place, line)
            elif child.tag == qn("w:ruby"):
                self._ruby(child, place, line)
            elif self._fields.is_shown():
                line.pieces.append(self._sign(child))

    def _unseen(self, run: "Element", line: Line, *, with_drawings: bool) -> None:
        """Follow the fields in a run whose characters are hidden; a drawing has a colour and a size of its own."""
        for child in run:
            if child.tag == qn("w:fldChar"):
                self._fields.mark(child)
            elif child.tag == qn("w:instrText"):
                self._fields.add_code(child.text or "")
            elif child.tag in _DRAWN and with_drawings:
                self._drawing(child, line)

    def _drawing(self, drawn: "Element", line: Line) -> None:
        if not self._sight.hides_drawing(drawn):
            line.anchored += _anchored(drawn)

    def _ruby(self, ruby: "Element", place: _Place, line: Line) -> None:
        """Write how characters are to be read behind them, in brackets."""
        above = Line()
        for name, target in (("w:rubyBase", line), ("w:rt", above)):
            for part in ruby.iterfind(qn(name)):
                self._inline(part, place, target)
        if above.text():
            line.pieces.append(f"({above.text()})")

    def _sign(self, element: "Element") -> str:
        if element.tag == qn("w:sym"):
            return _symbol(element, "w")
        if element.tag == qn("w16se:symEx"):
            return _symbol(element, "w16se")
        if element.tag in (qn("w:footnoteReference"), qn("w:endnoteReference")):
            return self._notes.mark(element)
        return _FIXED.get(element.tag, "")


def _formula(equation: "Element", marks: str) -> str:
    text = latex(equation).strip()
    return f"{marks}{text}{marks}" if text else ""


def _anchored(drawn: "Element") -> "Iterator[Element]":
    """Find what has text in a drawing; what is inside a text box is met again when the box is read."""
    for child in drawn:
        if child.tag in _ANCHORED:
            yield child
        else:
            yield from _anchored(chosen(child) if child.tag == qn("mc:AlternateContent") else child)


def _symbol_font(run: "Element") -> str:
    fonts = run.find(qn("w:rPr/w:rFonts"))
    font = fonts.get(qn("w:ascii"), "") if fonts is not None else ""
    return font if is_symbol_font(font) else ""


def _symbol(element: "Element", prefix: str) -> str:
    try:
        code = int(element.get(qn(f"{prefix}:char"), ""), 16)
    except ValueError:
        return ""
    return shown_characters(chr(code), element.get(qn(f"{prefix}:font"), "")) if 0 < code <= sys.maxunicode else ""
