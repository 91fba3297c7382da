"""DOCX: the body in order, as an accepting reader sees it; tables, boxes, notes, headers and clause numbers with it."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from posixpath import basename
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, Extracted, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.word.body import BodyReader, Document
from kvprep.documents.readers.word.notes import Notes
from kvprep.documents.readers.word.numbering import Lists
from kvprep.documents.readers.word.package import Package
from kvprep.documents.readers.word.styles import Styles
from kvprep.documents.readers.word.visibility import Sight
from kvprep.documents.readers.word.wordml import is_on, qn
from kvprep.errors import EmptyDocument, UnreadableDocument
from kvprep.types import Member, TextFinding

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAIN = "word/document.xml"
_EMBEDDED = ("package", "oleObject", "aFChunk")
# What is left of a header or footer that only counts pages.
_FOLIO = re.compile(r"(?:page|seite|sheet|of|von|de|sur|\W|_)*", re.I)


class DocxReader:
    """Reads DOCX, and its relatives with macros or as templates."""

    name = "docx"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read headers, body, notes and footers.

        Raises:
            UnreadableDocument: the package or an XML part of it is broken.
            ProtectedDocument: a part opens with a password only.
            OversizedDocument: it unpacks to more than the limit.
            EmptyDocument: nothing but white space.
        """
        package = Package(data, limits.expanded_bytes)
        try:
            word = _Word(package)
            blocks = tuple(word.blocks())
        except RecursionError:
            raise UnreadableDocument("parts of the text are nested too deeply") from None
        if not blocks:
            raise EmptyDocument("no text is left")
        reader = f"docx (lxml {version('lxml')})"
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
        self._edges = {edge: list(self._edge_parts(edge)) for edge in ("header", "footer")}

    def blocks(self) -> Iterator[Block]:
        """Yield headers, body, notes and footers."""
        body = BodyReader(self._document, self._name)
        yield from self._edge_blocks("header")
        yield from body.read(self._root)
        yield from body.note_blocks()
        yield from self._edge_blocks("footer")

    def findings(self) -> Iterator[TextFinding]:
        """Report what was left out and what was decided; to be asked after the blocks."""
        sight = self._document.sight
        yield from text_findings(sight.hidden)
        if sight.faint:
            yield TextFinding("low-contrast", sight.faint, "text in the colour of the page, kept")
        yield from self._changes()
        comments = self._related("comments")
        count = len(comments) if comments is not None else 0
        if count:
            yield TextFinding("comments", count, "left out")

    def members(self) -> Iterator[Member]:
        """List the files that are embedded in the document."""
        names = sorted({entry.target for entry in self._relations.values() if entry.kind in _EMBEDDED and entry.target})
        return (Member(basename(name), self._package.size(name)) for name in names)

    def _changes(self) -> Iterator[TextFinding]:
        roots = [self._root, *(root for parts in self._edges.values() for _, root in parts)]
        for names, where in (
            (("w:ins", "w:moveTo", "w:cellIns"), "insertions, kept"),
            (("w:del", "w:moveFrom", "w:cellDel"), "deletions, left out"),
        ):
            count = sum(1 for root in roots for _ in root.iter(*map(qn, names)))
            if count:
                yield TextFinding("tracked-changes", count, where)

    def _edge_blocks(self, edge: str) -> Iterator[Block]:
        """Read each different header or footer once, without the page numbers in it."""
        seen = set()
        for name, root in self._edges[edge]:
            blocks = list(BodyReader(self._document, name, is_edge=True).read(root))
            blocks = [block for block in blocks if not _FOLIO.fullmatch(block.text)]
            text = "\n".join(block.text for block in blocks)
            if text not in seen:
                yield from blocks
            seen.add(text)

    def _edge_parts(self, edge: str) -> "Iterator[tuple[str, Element]]":
        """Find the headers or footers that are really printed, in order of their sections; each part once."""
        settings = self._related("settings")
        even_pages = is_on(settings, "w:evenAndOddHeaders")
        names = dict.fromkeys(self._edge_names(edge, even_pages))
        for name in names:
            root = self._package.root(name)
            if root is not None:
                yield name, root

    def _edge_names(self, edge: str, even_pages: bool) -> Iterator[str]:
        for section in self._root.iter(qn("w:sectPr")):
            printed = {"default": True, "first": is_on(section, "w:titlePg"), "even": even_pages}
            for reference in section.iterfind(qn(f"w:{edge}Reference")):
                relation = self._relations.get(reference.get(qn("r:id"), ""))
                if relation and printed.get(reference.get(qn("w:type"), "default"), True):
                    yield relation.target

    def _related(self, kind: str) -> "Element | None":
        targets = (entry.target for entry in self._relations.values() if entry.kind == kind)
        return self._package.root(next(targets, ""))


def _title(package: Package) -> str:
    """Give the title in the file's own metadata; metadata that cannot be read cost only the title."""
    targets = (entry.target for entry in package.relations("").values() if entry.kind == "core-properties")
    try:
        root = package.root(next(targets, ""))
    except UnreadableDocument:
        return ""
    return (root.findtext(qn("dc:title")) or "") if root is not None else ""
