"""Headers and footers of a DOCX: which ones are printed, and where their text stands."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from kvprep.documents.base import Block
from kvprep.documents.readers.office.names import is_on, qn
from kvprep.documents.readers.office.package import Relation
from kvprep.documents.readers.word.body import BodyReader, Document, Section

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# What is left of a header or footer that only counts pages.
_FOLIO = re.compile(r"(?:page|seite|sheet|of|von|de|sur|\W|_)*", re.I)


class Edges:
    """Reads each header and footer that is printed, without the page numbers in it."""

    def __init__(self, document: Document, relations: Mapping[str, Relation], *, even_pages: bool) -> None:
        """Prepare to read; `even_pages` tells whether even pages have headers and footers of their own."""
        self._document = document
        self._relations = relations
        self._even_pages = even_pages
        self._blocks: dict[str, list[Block]] = {}
        self.roots: list[Element] = []
        """The parts that were read."""

    def sections(self, body: "Element") -> list[Section]:
        """Put each different header before the first section that prints it, each footer behind the last one."""
        former = set(body.iterfind(f".//{qn('w:sectPrChange/w:sectPr')}"))
        properties = [element for element in body.iterdescendants(qn("w:sectPr")) if element not in former]
        sections = [Section() for _ in properties]
        headers = list(enumerate(self._printed(properties, "header")))
        footers = list(enumerate(self._printed(properties, "footer")))
        for index, blocks in self._different(headers):
            sections[index].headers += blocks
        for index, blocks in self._different(footers[::-1]):
            sections[index].footers += blocks
        return sections

    def _printed(self, properties: "list[Element]", edge: str) -> Iterator[list[str]]:
        """Name the parts that each section prints; a section without one of a kind has that of the section before."""
        current: dict[str, str] = {}
        for section in properties:
            for reference in section.iterfind(qn(f"w:{edge}Reference")):
                relation = self._relations.get(reference.get(qn("r:id"), ""))
                current[reference.get(qn("w:type"), "default")] = relation.target if relation else ""
            kinds = {"first": is_on(section, "w:titlePg"), "default": True, "even": self._even_pages}
            yield [current[kind] for kind, is_printed in kinds.items() if is_printed and current.get(kind)]

    def _different(self, printed: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[Block]]]:
        """Read the parts in this order, and leave out those that say what another one has said."""
        parts, texts = set(), set()
        for index, names in printed:
            for name in [name for name in names if name not in parts]:
                blocks = self._read(name)
                text = "\n".join(block.text for block in blocks)
                if text not in texts:
                    yield index, blocks
                parts.add(name)
                texts.add(text)

    def _read(self, name: str) -> list[Block]:
        if name not in self._blocks:
            root = self._document.package.root(name)
            self.roots += [] if root is None else [root]
            reader = BodyReader(self._document, name, is_edge=True)
            blocks = reader.read(root) if root is not None else ()
            self._blocks[name] = [block for block in blocks if not _FOLIO.fullmatch(block.text)]
        return self._blocks[name]
