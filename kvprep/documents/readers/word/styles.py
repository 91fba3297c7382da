"""What the styles of a DOCX say about its paragraphs and runs."""

import re
from typing import TYPE_CHECKING

from kvprep.documents.readers.office.names import child_value, qn

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_CHAIN = 32
"""Styles that a style is based on, one upon the other; Word itself allows eleven."""
_HEADING = re.compile(r"heading ([1-6])")


class Styles:
    """The styles of a document. What a style does not say, the ones that it is based on may say."""

    def __init__(self, styles: "Element | None") -> None:
        """Read styles.xml, if there is one; `styles` is its root."""
        self._by_id: dict[str, Element] = {}
        self.default_paragraph = ""
        """The style of paragraphs that name none."""
        self._defaults = styles.find(qn("w:docDefaults/w:rPrDefault")) if styles is not None else None
        for style in styles.iterfind(qn("w:style")) if styles is not None else ():
            style_id = style.get(qn("w:styleId"), "")
            self._by_id[style_id] = style
            if style.get(qn("w:type")) == "paragraph" and style.get(qn("w:default")) in ("1", "true", "on"):
                self.default_paragraph = style_id
        self._chains: dict[str, list[Element]] = {}
        self._found: dict[tuple[str, str], Element | None] = {}
        self._headings: dict[str, int] = {}

    def of_paragraph(self, properties: "Element | None") -> str:
        """Name the style of a paragraph with these properties."""
        return child_value(properties, "w:pStyle") or self.default_paragraph

    def find(self, style_id: str | None, path: str) -> "Element | None":
        """Find a property such as `w:rPr/w:vanish`, where a style or one that it is based on sets it."""
        if not style_id:
            return None
        key = (style_id, path)
        if key not in self._found:
            hits = (style.find(qn(path)) for style in self.chain(style_id))
            self._found[key] = next((hit for hit in hits if hit is not None), None)
        return self._found[key]

    def default(self, path: str) -> "Element | None":
        """Find a run's property among the document's defaults."""
        return self._defaults.find(qn(path)) if self._defaults is not None else None

    def chain(self, style_id: str) -> "list[Element]":
        """Give a style and those that it is based on, nearest first."""
        if style_id not in self._chains:
            self._chains[style_id] = self._follow(style_id)
        return self._chains[style_id]

    def _follow(self, style_id: str | None) -> "list[Element]":
        chain: list[Element] = []
        while style_id in self._by_id and len(chain) < _MAX_CHAIN and self._by_id[style_id] not in chain:
            chain.append(self._by_id[style_id])
            style_id = child_value(chain[-1], "w:basedOn")
        return chain

    def heading_level(self, style_id: str) -> int:
        """Tell whether a style is a heading, and of which level; 0 where it is none."""
        if style_id not in self._headings:
            names = ((child_value(style, "w:name") or "").lower() for style in self.chain(style_id))
            self._headings[style_id] = next(filter(None, map(_level_named, names)), 0)
        return self._headings[style_id]


def _level_named(name: str) -> int:
    match = _HEADING.fullmatch(name)
    return int(match.group(1)) if match else int(name == "title")
