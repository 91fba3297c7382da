"""What the styles of a DOCX say about numbers, headings and hidden text."""

import re
from typing import TYPE_CHECKING

from kvprep.documents.readers.wordml import child_value, is_on, qn

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


class Styles:
    """What the paragraph and character styles of a document say about numbers, headings and hidden text."""

    def __init__(self, styles: "Element | None") -> None:
        """Read styles.xml, if there is one; `styles` is its root."""
        self._by_id: dict[str, Element] = {}
        self.default_paragraph = ""
        for style in styles.iterfind(qn("w:style")) if styles is not None else ():
            style_id = style.get(qn("w:styleId"), "")
            self._by_id[style_id] = style
            if style.get(qn("w:type")) == "paragraph" and style.get(qn("w:default")) in ("1", "true", "on"):
                self.default_paragraph = style_id
        self._hidden: dict[str, bool] = {}

    def _chain(self, style_id: str | None) -> "list[Element]":
        """Give a style and those it is based on, nearest first."""
        chain: list[Element] = []
        while style_id in self._by_id and self._by_id[style_id] not in chain:
            chain.append(self._by_id[style_id])
            style_id = child_value(chain[-1], "w:basedOn")
        return chain

    def numbering(self, style_id: str) -> tuple[str | None, str | None]:
        """Give the list and the level that a paragraph style puts its paragraphs in."""
        level = None
        for style in self._chain(style_id):
            properties = style.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
            level = level or child_value(properties, "w:ilvl")
            num_id = child_value(properties, "w:numId")
            if num_id is not None:
                return num_id, level
        return None, None

    def linked_level(self, style_id: str, linked: dict[tuple[str, str], int], abstract: str) -> int:
        """Find the level of a list that is linked to a style, or to one it is based on; else the outermost."""
        for style in self._chain(style_id):
            level = linked.get((abstract, style.get(qn("w:styleId"), "")))
            if level is not None:
                return level
        return 0

    def heading_level(self, style_id: str) -> int:
        """Tell whether a style is a heading, and of which level; 0 where it is none."""
        for style in self._chain(style_id):
            name = (child_value(style, "w:name") or "").lower()
            match = re.fullmatch(r"heading ([1-6])", name)
            if match or name == "title":
                return int(match.group(1)) if match else 1
        return 0

    def is_hidden(self, style_id: str | None) -> bool:
        """Tell whether a style hides its text."""
        if not style_id:
            return False
        if style_id not in self._hidden:
            self._hidden[style_id] = self._hides(style_id)
        return self._hidden[style_id]

    def _hides(self, style_id: str) -> bool:
        for style in self._chain(style_id):
            properties = style.find(qn("w:rPr"))
            if properties is not None and properties.find(qn("w:vanish")) is not None:
                return is_on(properties, "w:vanish")
        return False
