"""DOCX: the body in order, as an accepting reader sees it; tables, boxes, notes, headers and clause numbers with it."""

from collections.abc import Iterator
from importlib.metadata import version
from posixpath import basename
from typing import TYPE_CHECKING, Any

from kvprep.documents.base import Block, Extracted, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.office.names import is_on, qn
from kvprep.documents.readers.office.package import Package
from kvprep.documents.readers.word.body import BodyReader, Document
from kvprep.documents.readers.word.edges import Edges
from kvprep.documents.readers.word.notes import Notes
from kvprep.documents.readers.word.numbering import Lists
from kvprep.documents.readers.word.styles import Styles
from kvprep.documents.readers.word.visibility import Sight
from kvprep.errors import EmptyDocument, NeedsOcr, UnreadableDocument
from kvprep.types import Member, TextFinding

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAIN = "word/document.xml"
_EMBEDDED = ("package", "oleObject", "aFChunk")


class DocxReader:
    """Reads DOCX, and its relatives with macros or as templates."""

    name = "docx"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read the body, section by section between its headers and footers, and the notes.

        Raises:
            UnreadableDocument: the package or an XML part of it is broken.
            ProtectedDocument: a part opens with a password only.
            OversizedDocument: it unpacks to more than the limit.
            NeedsOcr: pictures and nothing but white space.
            EmptyDocument: nothing but white space.
        """
        package = Package(data, limits.expanded_bytes)
        try:
            word = _Word(package)
            blocks = tuple(word.blocks())
        except RecursionError:
            raise UnreadableDocument("parts of the text are nested too deeply") from None
        if not blocks:
            raise NeedsOcr("pictures and no text") if word.has_pictures() else EmptyDocument("no text is left")
        reader = f"docx (python-docx {version('python-docx')}, lxml {version('lxml')})"
        return Extracted(blocks, _title(package), tuple(word.findings()), reader, tuple(word.members()))


class _Word:
    """A document whose parts have been found."""

    def __init__(self, package: Package) -> None:
        self._package = package
        targets = (entry.target for entry in package.relations("").values() if entry.kind == "officeDocument")
        self._name = next(targets, _MAIN)
        root = package.root(self._name)
        if root is None:
            raise UnreadableDocument("the package has no main part")
        self._root = root
        self._relations = package.relations(self._name)
        notes = Notes(self._related("footnotes"), self._related("endnotes"))
        styles = Styles(self._related("styles"))
        self._document = Document(package, styles, Lists(self._related("numbering")), notes, Sight(styles))
        even_pages = is_on(self._related("settings"), "w:evenAndOddHeaders")
        self._edges = Edges(self._document, self._relations, even_pages=even_pages)

    def blocks(self) -> Iterator[Block]:
        """Yield the body with the headers and footers of its sections, and the notes."""
        body = BodyReader(self._document, self._name, sections=self._edges.sections(self._root))
        yield from body.read(self._root)
        yield from body.note_blocks()

    def findings(self) -> Iterator[TextFinding]:
        """Report what was left out and what was decided; to be asked after the blocks."""
        sight = self._document.sight
        yield from text_findings(sight.hidden)
        if sight.faint:
            yield TextFinding("low-contrast", sight.faint, "text in the colour of the page, kept")
        yield from self._changes()
        comments = self._related("comments")
        if comments is not None and len(comments):
            yield TextFinding("comments", len(comments), "left out")
        imported = sum(1 for _ in self._root.iter(qn("w:altChunk")))
        if imported:
            yield TextFinding("unread-part", imported, "files that Word imports into the text")

    def members(self) -> Iterator[Member]:
        """List the files that are embedded in the document."""
        names = sorted({entry.target for entry in self._relations.values() if entry.kind in _EMBEDDED and entry.target})
        return (Member(basename(name), self._package.size(name)) for name in names)

    def has_pictures(self) -> bool:
        """Tell whether the document shows pictures."""
        return any(entry.kind == "image" for entry in self._relations.values())

    def _changes(self) -> Iterator[TextFinding]:
        roots = [self._root, *self._edges.roots]
        for names, where in (
            (("w:ins", "w:moveTo", "w:cellIns"), "insertions, kept"),
            (("w:del", "w:moveFrom", "w:cellDel"), "deletions, left out"),
        ):
            count = sum(1 for root in roots for _ in root.iter(*map(qn, names)))
            if count:
                yield TextFinding("tracked-changes", count, where)

    def _related(self, kind: str) -> "Element | None":
        targets = (entry.target for entry in self._relations.values() if entry.kind == kind)
        return self._package.root(next(targets, ""))


def _title(package: Package) -> str:
    """Give the title in the file's own metadata; metadata that cannot be read cost only the title."""
    targets = (entry.target for entry in package.relations("").values() if entry.kind == "core-properties")
    from docx.oxml import parse_xml
    from lxml.etree import LxmlError, tostring

    try:
        root = package.root(next(targets, ""))
        # Once more, by python-docx, whose elements know what a property may be.
        properties: Any = parse_xml(tostring(root)) if root is not None else None
        return str(properties.title_text) if root is not None else ""
    except (UnreadableDocument, LxmlError, AttributeError):
        return ""
