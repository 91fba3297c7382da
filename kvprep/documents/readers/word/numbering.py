"""Clause numbers that Word computes: numbering.xml and styles.xml, counted along the document.

Source: ECMA-376 part 1, 17.9 (Numbering).
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.number_formats import format_number
from kvprep.documents.readers.office.names import child_value, is_on, qn, whole_number
from kvprep.documents.readers.word.styles import Styles
from kvprep.documents.readers.word.symbols import shown_characters

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_PLACEHOLDER = re.compile(r"%([1-9])")
_BOXES = frozenset("☐☑☒✓✔✗✘")
"""Bullets that say something; any other is only a bullet."""
_MAX_TEXT = 128
"""Characters of a label's pattern; it would stand before every paragraph of its list."""


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered."""

    number_format: str
    text: str
    """With `%1` to `%9` for the numbers of the levels."""
    start: int
    restart: int | None
    """Restarts after this level (1 is the outermost); 0: never; None: after any level above."""
    legal: bool
    """Show all numbers as decimals."""
    hidden: bool


@dataclass(frozen=True, slots=True)
class Label:
    """What stands before a numbered paragraph."""

    text: str
    bullet: bool
    level: int
    """How deep in its list, from 0."""


@dataclass
class _Counter:
    values: dict[int, int] = field(default_factory=dict)
    seen_nums: set[tuple[str, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Num:
    abstract: str
    levels: dict[int, Level]
    start_overrides: dict[int, int]
    linked: dict[str, int]
    """Levels by the paragraph styles that are linked to them."""


class Lists:
    """The lists that a document defines; each is read when a paragraph first uses it."""

    def __init__(self, numbering: "Element | None") -> None:
        """Look through numbering.xml; `numbering` is its root, if there is one."""
        root = numbering if numbering is not None else ()
        self._abstracts = {
            element.get(qn("w:abstractNumId"), ""): element for element in _children(root, "abstractNum")
        }
        self._elements = {element.get(qn("w:numId"), ""): element for element in _children(root, "num")}
        self._linked = {child_value(element, "w:styleLink"): key for key, element in self._abstracts.items()}
        self._nums: dict[str, _Num | None] = {}

    def get(self, num_id: str | None) -> _Num | None:
        """Give a list by its `w:numId`; nothing where it is not defined, and for 0, which means no list."""
        if not num_id:
            return None
        if num_id not in self._nums:
            self._nums[num_id] = self._read(self._elements.get(num_id))
        return self._nums[num_id]

    def _read(self, element: "Element | None") -> _Num | None:
        key = child_value(element, "w:abstractNumId") or ""
        # A list that only names a list style takes its levels from the list that defines the style.
        style_link = child_value(self._abstracts.get(key), "w:numStyleLink")
        key = self._linked.get(style_link, key) if style_link else key
        if element is None or key not in self._abstracts:
            return None
        levels, linked, starts = {}, {}, {}
        for definition in _children(self._abstracts[key], "lvl"):
            levels[_index(definition)] = _level(definition)
            linked[child_value(definition, "w:pStyle") or ""] = _index(definition)
        for override in _children(element, "lvlOverride"):
            for own_level in _children(override, "lvl"):
                levels[_index(override)] = _level(own_level)
            start = child_value(override, "w:startOverride")
            if start is not None:
                starts[_index(override)] = whole_number(start, 0)
        return _Num(key, levels, starts, linked)


class Numbering:
    """Counts the numbered paragraphs of one text; ask once for each paragraph, in order."""

    def __init__(self, lists: Lists, styles: Styles) -> None:
        """Start to count; every list starts at its beginning."""
        self._lists = lists
        self._styles = styles
        self._counters: dict[str, _Counter] = defaultdict(_Counter)

    def label(self, properties: "Element | None") -> Label | None:
        """Count a paragraph with these properties, and give its label if it has one."""
        num_id, level_index = self._position(properties)
        num = self._lists.get(num_id)
        if num is None or num_id is None or level_index not in num.levels:
            return None
        counter = self._counters[num.abstract]
        _advance(counter, num_id, num, level_index)
        level = num.levels[level_index]
        if level.hidden or level.number_format == "none" and not level.text:
            return None
        if level.number_format == "bullet":
            return Label(f"- {level.text}" if level.text in _BOXES else "-", True, level_index)
        return Label(_render(level, num, counter), False, level_index)

    def _position(self, properties: "Element | None") -> tuple[str | None, int]:
        own = properties.find(qn("w:numPr")) if properties is not None else None
        style = self._styles.of_paragraph(properties)
        num_id = child_value(own, "w:numId")
        level = child_value(own, "w:ilvl")
        if num_id is None:
            num_id = _value(self._styles.find(style, "w:pPr/w:numPr/w:numId"))
            level = level or _value(self._styles.find(style, "w:pPr/w:numPr/w:ilvl"))
        num = self._lists.get(num_id)
        if level is None and num is not None:
            return num_id, self._linked_level(style, num)
        return num_id, whole_number(level, 0)

    def _linked_level(self, style_id: str, num: _Num) -> int:
        """Find the level of a list that is linked to a style, or to one it is based on; else the outermost."""
        styles = (style.get(qn("w:styleId"), "") for style in self._styles.chain(style_id))
        return next((num.linked[style] for style in styles if style in num.linked), 0)


def _advance(counter: _Counter, num_id: str, num: _Num, index: int) -> None:
    for upper in range(index):
        if upper in num.levels:
            counter.values.setdefault(upper, num.levels[upper].start)
    first_use = (num_id, index) not in counter.seen_nums
    counter.seen_nums.add((num_id, index))
    if first_use and index in num.start_overrides:
        counter.values[index] = num.start_overrides[index]
    elif index in counter.values:
        counter.values[index] += 1
    else:
        counter.values[index] = num.levels[index].start
    for lower in [deeper for deeper in counter.values if deeper > index]:
        if _restarts(num.levels.get(lower), index):
            del counter.values[lower]


def _restarts(level: Level | None, after: int) -> bool:
    if level is None or level.restart is None:
        return True
    return after < level.restart


def _children(element: "Element | tuple[()]", name: str) -> "list[Element]":
    tag = qn(f"w:{name}")
    return [child for child in element if child.tag == tag]


def _value(element: "Element | None") -> str | None:
    return element.get(qn("w:val")) if element is not None else None


def _index(element: "Element") -> int:
    return whole_number(element.get(qn("w:ilvl")), 0, most=8)


def _level(element: "Element") -> Level:
    restart = child_value(element, "w:lvlRestart")
    fonts = element.find(qn("w:rPr/w:rFonts"))
    text = (child_value(element, "w:lvlText") or "")[:_MAX_TEXT]
    return Level(
        number_format=_number_format(element),
        text=shown_characters(text, fonts.get(qn("w:ascii"), "")) if fonts is not None else text,
        start=whole_number(child_value(element, "w:start"), 0),
        restart=None if restart is None else whole_number(restart, 0),
        legal=is_on(element, "w:isLgl"),
        hidden=is_on(element.find(qn("w:rPr")), "w:vanish"),
    )


def _number_format(element: "Element") -> str:
    """Read the format of a level; one that was new in Word 2010, such as `001`, stands in a choice of its own."""
    plain = child_value(element, "w:numFmt")
    new = element.find(qn("mc:AlternateContent/mc:Choice/w:numFmt"))
    if plain is None and new is not None:
        return new.get(qn("w:format"), "decimal")
    return plain or "decimal"


def _render(level: Level, num: _Num, counter: _Counter) -> str:
    def number(match: re.Match[str]) -> str:
        index = int(match.group(1)) - 1
        source = num.levels.get(index)
        if source is None:
            return ""
        style = "decimal" if level.legal and source.number_format != "none" else source.number_format
        return format_number(counter.values.get(index, source.start), style)

    return _PLACEHOLDER.sub(number, level.text)
