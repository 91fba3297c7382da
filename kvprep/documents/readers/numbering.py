"""Clause numbers that Word computes: numbering.xml and styles.xml, counted along the document.

Source: ECMA-376 part 1, 17.9 (Numbering).
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.number_formats import format_number
from kvprep.documents.readers.styles import Styles
from kvprep.documents.readers.wordml import child_value, is_on, qn

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_PLACEHOLDER = re.compile(r"%(\d)")


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


@dataclass
class _Counter:
    values: dict[int, int] = field(default_factory=dict)
    seen_nums: set[tuple[str, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Num:
    abstract: str
    levels: dict[int, Level]
    start_overrides: dict[int, int]


class Numbering:
    """Counts the numbered paragraphs of one document; ask once for each paragraph, in order."""

    def __init__(self, numbering: "Element | None", styles: Styles) -> None:
        """Read the lists of a document; `numbering` is the root of numbering.xml, if there is one."""
        self._styles = styles
        self._nums: dict[str, _Num] = {}
        self._counters: dict[str, _Counter] = defaultdict(_Counter)
        self._style_levels: dict[tuple[str, str], int] = {}
        if numbering is not None:
            self._load(numbering)

    def label(self, paragraph: "Element") -> Label | None:
        """Count this paragraph, and give its label if it has one."""
        num_id, level_index = self._position(paragraph)
        num = self._nums.get(num_id or "")
        if num is None or num_id is None or level_index not in num.levels:
            return None
        counter = self._counters[num.abstract]
        self._advance(counter, num_id, num, level_index)
        level = num.levels[level_index]
        if level.hidden or level.number_format == "none" and not level.text:
            return None
        if level.number_format == "bullet":
            return Label("-", bullet=True)
        return Label(_render(level, num, counter), bullet=False)

    def _position(self, paragraph: "Element") -> tuple[str | None, int]:
        properties = paragraph.find(qn("w:pPr"))
        own = properties.find(qn("w:numPr")) if properties is not None else None
        style = child_value(properties, "w:pStyle") or self._styles.default_paragraph
        num_id = child_value(own, "w:numId")
        level = child_value(own, "w:ilvl")
        if num_id is None:
            num_id, style_level = self._styles.numbering(style)
            level = level or style_level
        if level is None and num_id in self._nums:
            level = str(self._styles.linked_level(style, self._style_levels, self._nums[num_id].abstract))
        return num_id, int(level) if level and level.isdigit() else 0

    def _advance(self, counter: _Counter, num_id: str, num: _Num, index: int) -> None:
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

    def _load(self, numbering: "Element") -> None:
        abstracts = {}
        for abstract in numbering.iterfind(qn("w:abstractNum")):
            abstracts[abstract.get(qn("w:abstractNumId"), "")] = abstract
        linked = {child_value(abstract, "w:styleLink"): key for key, abstract in abstracts.items()}
        for num in numbering.iterfind(qn("w:num")):
            key = child_value(num, "w:abstractNumId") or ""
            # A list that only names a list style takes its levels from the list that defines the style.
            style_link = child_value(abstracts.get(key), "w:numStyleLink")
            key = linked.get(style_link, key) if style_link else key
            if key in abstracts:
                self._nums[num.get(qn("w:numId"), "")] = self._num(num, key, abstracts[key])

    def _num(self, num: "Element", key: str, abstract: "Element") -> _Num:
        levels = {}
        for element in abstract.iterfind(qn("w:lvl")):
            index = int(element.get(qn("w:ilvl"), "0"))
            levels[index] = _level(element)
            linked_style = child_value(element, "w:pStyle")
            if linked_style:
                self._style_levels[(key, linked_style)] = index
        starts = {}
        for override in num.iterfind(qn("w:lvlOverride")):
            index = int(override.get(qn("w:ilvl"), "0"))
            own_level = override.find(qn("w:lvl"))
            if own_level is not None:
                levels[index] = _level(own_level)
            start = child_value(override, "w:startOverride")
            if start is not None:
                starts[index] = int(start)
        return _Num(key, levels, starts)


def _restarts(level: Level | None, after: int) -> bool:
    if level is None or level.restart is None:
        return True
    return after < level.restart


def _level(element: "Element") -> Level:
    restart = child_value(element, "w:lvlRestart")
    properties = element.find(qn("w:rPr"))
    return Level(
        number_format=child_value(element, "w:numFmt") or "decimal",
        text=child_value(element, "w:lvlText") or "",
        start=int(child_value(element, "w:start") or 0),
        restart=None if restart is None else int(restart),
        legal=is_on(element, "w:isLgl"),
        hidden=is_on(properties, "w:vanish"),
    )


def _render(level: Level, num: _Num, counter: _Counter) -> str:
    def number(match: re.Match[str]) -> str:
        index = int(match.group(1)) - 1
        source = num.levels.get(index)
        if source is None:
            return ""
        style = "decimal" if level.legal and source.number_format != "none" else source.number_format
        return format_number(counter.values.get(index, source.start), style)

    return _PLACEHOLDER.sub(number, level.text)
