"""Running text of HTML: pieces between two block boundaries become a block, with white space as a browser shows it."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.readers.number_formats import format_number
from kvprep.documents.readers.web.look import Style

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_WHITE_SPACE = re.compile(r"[ \t\r\n\f]+")
_BLANKS = re.compile(" {2,}")
_AROUND_BREAKS = re.compile(" *\n *")
_LIST_FORMATS = {
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
    "lower-alpha": "lowerLetter",
    "lower-latin": "lowerLetter",
    "upper-alpha": "upperLetter",
    "upper-latin": "upperLetter",
    "lower-roman": "lowerRoman",
    "upper-roman": "upperRoman",
    "decimal-leading-zero": "decimalZero",
}
_NUMBER = re.compile(r"-?\d{1,6}")
_MAX_INDENT = 80


@dataclass
class OpenList:
    """A list whose items are being read."""

    ordered: bool = False
    number: int = 1
    """Of the next item."""
    step: int = 1
    number_format: str = "1"
    """As the markup or CSS calls it: `a`, `lower-roman`."""
    marker: str = ""
    """Of the item at hand, until its first text is written."""
    width: int = 0
    """Characters by which the item's text is indented."""

    def start_item(self, tag: str, value: str) -> None:
        """Go to the next item; `value` is the number that its markup gives it, or empty.

        A description stands indented below its term, both without a marker.
        """
        if _NUMBER.fullmatch(value.strip()):
            self.number = int(value)
        self.marker = "" if tag in ("dt", "dd") else self._next_marker()
        self.width = 2 if tag == "dd" else len(self.marker)

    def _next_marker(self) -> str:
        if not self.ordered:
            return "- "
        number = format_number(self.number, _LIST_FORMATS.get(self.number_format, "decimal"))
        self.number += self.step
        return f"{number}. " if number else "- "


def open_list(element: "Element", style: Style) -> OpenList:
    """Start a list as its markup and style number it."""
    items = sum(1 for _ in element.iterchildren("li"))
    backwards = element.get("reversed") is not None
    start = element.get("start", "").strip()
    first = int(start) if _NUMBER.fullmatch(start) else items if backwards else 1
    styled = style.get("list-style-type") or style.get("list-style", "").partition(" ")[0]
    number_format = styled if styled in _LIST_FORMATS else element.get("type", "1")
    # Without numbers of the list's own, its items mostly bring theirs in their text.
    ordered = element.tag == "ol" and styled != "none"
    return OpenList(ordered, first, -1 if backwards else 1, number_format)


@dataclass
class TextFlow:
    """Collects text between block boundaries and makes blocks of it."""

    blocks: list[Block] = field(default_factory=list)
    lists: list[OpenList] = field(default_factory=list)
    heading_level: int = 0
    """Of the heading whose text is being collected; 0 for other text."""
    _pieces: list[str] = field(default_factory=list)

    def add(self, text: str, *, keeps_lines: bool = False, struck: bool = False) -> None:
        """Add text of the markup."""
        if not keeps_lines:
            text = _WHITE_SPACE.sub(" ", text)
        if struck and text.strip():
            start = len(text) - len(text.lstrip())
            text = f"{text[:start]}~~{text.strip()}~~{text[start + len(text.strip()) :]}"
        self._pieces.append(text)

    def break_line(self) -> None:
        """End the line."""
        self._pieces.append("\n")

    def end_block(self, *, keeps_lines: bool = False) -> None:
        """Make a block of what was collected, if it has text."""
        text = "".join(self._pieces).replace("~~~~", "")
        self._pieces.clear()
        text = text.strip("\r\n").expandtabs() if keeps_lines else _close_up(text)
        if text.strip():
            self.blocks.append(self._block(text))

    def _block(self, text: str) -> Block:
        if self.lists:
            return Block(self._indented(text), BlockKind.ITEM)
        if self.heading_level:
            return Block("#" * self.heading_level + " " + text.replace("\n", " "))
        return Block(text)

    def _indented(self, text: str) -> str:
        """Put the item's marker, or as many blanks, before the text, and blanks before its further lines."""
        outer = min(sum(opened.width for opened in self.lists[:-1]), _MAX_INDENT)
        item = self.lists[-1]
        lead = " " * outer + (item.marker or " " * item.width)
        for opened in self.lists:
            opened.marker = ""
        return lead + re.sub("\n(?=.)", "\n" + " " * (outer + item.width), text)


def _close_up(text: str) -> str:
    """Leave single blanks between words, and none around line breaks."""
    return _AROUND_BREAKS.sub("\n", _BLANKS.sub(" ", text)).strip(" \n")
