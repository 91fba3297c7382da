"""Notes on a sheet's cells and the threads of comments there: who says what about which cell.

Source: ECMA-376 Part 1, 18.7 (Comments); MS-XLSX 2.6.203 (threaded comments).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.readers.office.names import qn, whole_number
from kvprep.documents.readers.office.package import Package
from kvprep.documents.readers.sheets.layout import Place, parse_place
from kvprep.documents.readers.sheets.parts import WORKBOOK, related

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_REPEATED = 80
"""Characters of what a note's line repeats: a name or a value. A file may name one long one in a million notes."""
_THREAD = "tc="
"""Begins the author of the note that says a thread once more, for old programs."""


@dataclass(frozen=True, slots=True)
class CellNote:
    """One note, or one comment of a thread."""

    place: Place
    reference: str
    """The place as the sheet names it: `B7`."""
    text: str
    """What it says, in one line."""
    author: str = ""
    written_at: str = ""
    """Date and minute as the file has them: `2026-06-18 17:12`."""


def cell_notes(package: Package, sheet: str) -> list[CellNote]:
    """Read the notes and comments on a sheet, by rows, those of one cell in the file's order.

    Those that are empty, or name no cell, are left out.

    Raises:
        DocumentError: a part is broken, or the package unpacks to too much.
    """
    threaded = list(_threaded(package, sheet))
    in_threads = {note.place for note in threaded}
    notes = [note for note in _plain(package, sheet) if not (_is_copy(note) and note.place in in_threads)]
    return sorted([*notes, *threaded], key=lambda note: note.place)


def note_lines(notes: Sequence[CellNote], cells: Mapping[Place, str]) -> Iterator[Block]:
    """Write each note as a line that names its cell and what it shows: a table in the text has no `B7`."""
    for note in notes:
        value = _if_short(_in_one_line(cells.get(note.place, "")))
        shown = f" ({value})" if value else ""
        by = f" by {note.author}" if _names_author(note) else ""
        when = f", {note.written_at}" if note.written_at else ""
        yield Block(f"Note at {note.reference}{shown}{by}{when}: {note.text}", BlockKind.LINE)


def _names_author(note: CellNote) -> bool:
    """Excel begins a note with its author's name; then it stands there already."""
    return bool(note.author) and not _is_copy(note) and not note.text.startswith(f"{note.author}:")


def _is_copy(note: CellNote) -> bool:
    return note.author.startswith(_THREAD)


def _plain(package: Package, sheet: str) -> Iterator[CellNote]:
    for root in _roots(package, sheet, "comments"):
        authors = [author.text or "" for author in root.iterfind(qn("s:authors/s:author"))]
        for comment in root.iterfind(qn("s:commentList/s:comment")):
            number = whole_number(comment.get("authorId"), len(authors))
            author = authors[number] if number < len(authors) else ""
            yield from _note(comment, _written(comment.find(qn("s:text"))), author)


def _written(text: "Element | None") -> str:
    """Join the runs of a text, without the readings above its characters."""
    if text is None:
        return ""
    runs = [*text.iterfind(qn("s:t")), *text.iterfind(qn("s:r/s:t"))]
    return "".join(run.text or "" for run in runs)


def _threaded(package: Package, sheet: str) -> Iterator[CellNote]:
    names = {
        person.get("id", ""): person.get("displayName", "")
        for root in _roots(package, WORKBOOK, "person")
        for person in root.iter(qn("tc:person"))
    }
    for root in _roots(package, sheet, "threadedComment"):
        for comment in root.iterfind(qn("tc:threadedComment")):
            written_at = comment.get("dT", "")[:16].replace("T", " ")
            author = names.get(comment.get("personId", ""), "")
            yield from _note(comment, comment.findtext(qn("tc:text")) or "", author, written_at)


def _note(comment: "Element", text: str, author: str, written_at: str = "") -> Iterator[CellNote]:
    reference = comment.get("ref", "").partition(":")[0]
    place, text = parse_place(reference), _in_one_line(text)
    if place is not None and text:
        yield CellNote(place, reference, text, _if_short(_in_one_line(author)), _in_one_line(written_at))


def _roots(package: Package, part: str, kind: str) -> "Iterator[Element]":
    for name in related(package, part, kind):
        root = package.root(name)
        if root is not None:
            yield root


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _if_short(text: str) -> str:
    return text if len(text) <= _MAX_REPEATED else ""
