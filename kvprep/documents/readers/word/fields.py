"""Fields of a DOCX: their code is not shown, their result is; old form fields show a box or a choice instead."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvprep.documents.readers.office.names import child_value, is_on, qn, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_OPEN = 100
"""Fields in fields; Word itself allows twenty."""
_MAX_CODE = 256
"""Characters of a code; the first word is all that matters."""
_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.I)


@dataclass
class _Field:
    code: str = ""
    in_result: bool = False


class Fields:
    """The fields that are open at a place in a text, innermost last."""

    def __init__(self, *, without_page_numbers: bool) -> None:
        """Start outside of any field; page numbers are left out of headers and footers."""
        self._without_page_numbers = without_page_numbers
        self._open: list[_Field] = []

    def is_shown(self) -> bool:
        """Tell whether what stands here is seen: in no code, and in no result that is left out."""
        return all(entry.in_result and not self.is_left_out(entry.code) for entry in self._open)

    def is_left_out(self, code: str) -> bool:
        """Tell whether a field with this code is a page number that is to be left out."""
        return self._without_page_numbers and bool(_PAGE_FIELD.match(code))

    def add_code(self, code: str) -> None:
        """Take in a piece of the code of the innermost field."""
        if self._open and len(self._open[-1].code) < _MAX_CODE:
            self._open[-1].code += code[:_MAX_CODE]

    def mark(self, mark: "Element") -> str:
        """Follow a `w:fldChar`, and give what is seen in its place."""
        kind = mark.get(qn("w:fldCharType"))
        if kind == "begin":
            shown = _form_field(mark.find(qn("w:ffData"))) if self.is_shown() else ""
            self._open += [_Field()] if len(self._open) < _MAX_OPEN else []
            return shown
        if self._open and kind == "separate":
            self._open[-1].in_result = True
        elif self._open and kind == "end":
            self._open.pop()
        return ""

    def end_paragraph(self) -> None:
        """Give up codes that seem to go on past their paragraph: they lost their end, and must not swallow the rest."""
        self._open = [entry for entry in self._open if entry.in_result]


def _form_field(data: "Element | None") -> str:
    """Give what an old form field shows: a box with or without a cross, or the entry that was chosen."""
    if data is None:
        return ""
    box = data.find(qn("w:checkBox"))
    if box is not None:
        state = "w:checked" if box.find(qn("w:checked")) is not None else "w:default"
        return "☒" if is_on(box, state) else "☐"
    choices = data.find(qn("w:ddList"))
    entries = choices.findall(qn("w:listEntry")) if choices is not None else []
    chosen = whole_number(child_value(choices, "w:result") or child_value(choices, "w:default"), 0)
    return entries[chosen].get(qn("w:val"), "") if chosen < len(entries) else ""
