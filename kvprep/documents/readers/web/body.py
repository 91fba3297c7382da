"""The text of an HTML page as a browser shows it: one walk over its elements, without recursion."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvprep.documents.base import Block
from kvprep.documents.hidden import num_visible
from kvprep.documents.readers.web.css import Sheet
from kvprep.documents.readers.web.elements import (
    HEADINGS,
    all_text,
    follows_its_like,
    has_text,
    is_a_dot,
    is_block,
    replacement,
    stands_apart,
)
from kvprep.documents.readers.web.flow import OpenList, TextFlow, open_list
from kvprep.documents.readers.web.look import Look, Style, look_of
from kvprep.documents.readers.web.tables import OpenTable

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_LISTS = frozenset(("ul", "ol", "menu", "dir", "dl"))
_ITEMS = frozenset(("li", "dt", "dd"))
_Close = Callable[[], None] | None
"""What is to be done at an element's end."""


@dataclass(slots=True)
class _Open:
    """An element that the walk is in."""

    look: Look
    is_block: bool = False
    skipped: bool = False
    close: _Close = None


class BodyWalk:
    """Reads the text of a page; what is not seen is counted instead."""

    def __init__(self, sheet: Sheet, look: Look, hidden: Counter[str]) -> None:
        """Read under a page's rules and initial look; why text is hidden, and how much, is added to `hidden`."""
        self._sheet = sheet
        self._hidden = hidden
        self._open = [_Open(look)]
        self._flows = [TextFlow()]
        self._tables: list[OpenTable] = []

    def blocks(self, root: "Element") -> list[Block]:
        """Read an element and all that is in it.

        Raises:
            OversizedDocument: a table has too many cells.
        """
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                self._leave(element)
            elif not self._enter(element):
                walk.skip_subtree()
        self._flow.end_block()
        return self._flow.blocks

    @property
    def _flow(self) -> TextFlow:
        return self._flows[-1]

    def _enter(self, element: "Element") -> bool:
        """Start an element; tells whether the walk goes into it."""
        parent = self._open[-1].look
        style = self._sheet.style_of(element)
        look = look_of(element, style, parent)
        opened = _Open(look, is_block(element, look, parent), skipped=not self._goes_into(element, look))
        self._open.append(opened)
        if opened.is_block:
            self._flow.end_block(keeps_lines=parent.keeps_lines)
        if opened.skipped:
            return False
        if stands_apart(element, look, parent) or follows_its_like(element):
            self._flow.add(" ")
        shown = replacement(element)
        if shown is not None:
            self._add_replacement(element, shown, look)
            return False
        opened.close = self._start(element, style)
        self._add(element.text, look)
        return True

    def _leave(self, element: "Element") -> None:
        opened = self._open.pop()
        if opened.is_block and not opened.skipped:
            self._flow.end_block(keeps_lines=opened.look.keeps_lines)
        if opened.close:
            opened.close()
        look = self._open[-1].look
        if stands_apart(element, opened.look, look):
            self._flow.add(" ")
        if len(self._open) > 1:
            self._add(element.tail, look)

    def _goes_into(self, element: "Element", look: Look) -> bool:
        if not has_text(element):
            return False
        if look.gone:
            self._count_hidden(look.gone, all_text(element))
            return False
        if element.tag == "br":
            self._flow.break_line()
            return False
        return True

    def _add(self, text: str | None, look: Look) -> None:
        if not text:
            return
        if look.unseen:
            self._count_hidden(look.unseen, text)
            return
        self._flow.add(text, keeps_lines=look.keeps_lines, struck=look.struck)

    def _add_replacement(self, element: "Element", shown: str, look: Look) -> None:
        if element.tag == "img" and is_a_dot(element):
            self._count_hidden("a picture too small to be seen", shown)
        else:
            self._add(shown, look)

    def _count_hidden(self, why: str, text: str) -> None:
        self._hidden[why] += num_visible(text)

    def _start(self, element: "Element", style: Style) -> _Close:
        """Do what the element's kind asks for."""
        tag = str(element.tag)
        if tag in HEADINGS:
            return self._start_heading(HEADINGS[tag])
        if tag in _LISTS:
            return self._start_list(open_list(element, style))
        if tag in _ITEMS:
            return self._start_item(element)
        if tag == "table":
            return self._start_table(element)
        if self._tables and tag in ("caption", "tr", "td", "th"):
            return self._start_table_part(element)
        return self._start_quote() if tag == "q" else None

    def _start_heading(self, level: int) -> _Close:
        flow, outer = self._flow, self._flow.heading_level
        flow.heading_level = level

        def close() -> None:
            flow.heading_level = outer

        return close

    def _start_list(self, opened: OpenList) -> _Close:
        lists = self._flow.lists
        lists.append(opened)

        def close() -> None:
            lists.pop()

        return close

    def _start_item(self, element: "Element") -> _Close:
        lists = self._flow.lists
        close = None if lists else self._start_list(OpenList())
        lists[-1].start_item(str(element.tag), element.get("value", ""))
        return close

    def _start_table(self, element: "Element") -> _Close:
        flow, table = self._flow, OpenTable(for_layout=element.get("role", "") in ("presentation", "none"))
        self._tables.append(table)

        def close() -> None:
            self._tables.pop()
            flow.blocks.extend(table.blocks())

        return close

    def _start_table_part(self, element: "Element") -> _Close:
        table = self._tables[-1]
        if element.tag == "caption":
            table.has_head = True
        elif element.tag == "tr":
            parent = element.getparent()
            table.add_row(str(parent.tag) if parent is not None else "")
        else:
            self._flows.append(table.add_cell(element).flow)
            return self._close_cell
        return None

    def _close_cell(self) -> None:
        self._flows.pop()

    def _start_quote(self) -> _Close:
        self._flow.add("“")
        return lambda: self._flow.add("”")
