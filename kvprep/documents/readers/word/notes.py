"""Footnotes and endnotes of a DOCX."""

from typing import TYPE_CHECKING

from kvprep.documents.readers.office.names import qn

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


class Notes:
    """The notes of a document, numbered in the order in which the text refers to them."""

    def __init__(self, footnotes: "Element | None", endnotes: "Element | None") -> None:
        """Keep the notes at hand; either root may be missing."""
        self._notes: dict[tuple[str, str], Element] = {}
        self._marks: dict[tuple[str, str], str] = {}
        for kind, root in (("foot", footnotes), ("end", endnotes)):
            for note in root if root is not None else ():
                self._notes[kind, note.get(qn("w:id"), "")] = note
        self.referred: list[tuple[str, Element]] = []
        """(Mark, note) so far, each note once."""

    def mark(self, reference: "Element") -> str:
        """Follow a reference to a note, and give the mark that stands for it in the text."""
        kind = "foot" if reference.tag == qn("w:footnoteReference") else "end"
        key = (kind, reference.get(qn("w:id"), ""))
        note = self._notes.get(key)
        if note is not None and key not in self._marks:
            self._marks[key] = f"[^{len(self._marks) + 1}]"
            self.referred.append((self._marks[key], note))
        return self._marks.get(key, "")
