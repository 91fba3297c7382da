"""An e-invoice as text: its terms as labelled lines and tables, and what has no label by its path. Nothing is lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

from lxml import etree

from kvprep.documents import markdown
from kvprep.documents.base import Block, BlockKind
from kvprep.documents.einvoices import cii, tree, ubl
from kvprep.documents.einvoices.terms import Printed, Section, Term
from kvprep.documents.einvoices.tree import InvoiceTree

_KINDS = {"CreditNote": "Credit note", "SCRDMCCBDACIOMessageStructure": "Order"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A term with what an invoice says about it."""

    term: Term
    label: str
    elements: tuple[etree._Element, ...]
    texts: tuple[str, ...]
    """What each element says."""

    @property
    def text(self) -> str:
        """All of it on one line."""
        return "; ".join(self.texts)


@dataclass(frozen=True, slots=True)
class Record:
    """The facts of one element of a section, in the order of its terms; never empty."""

    section: Section
    facts: tuple[Fact, ...]


def records(invoice: InvoiceTree, *, only_printed: bool = False) -> Iterator[Record]:
    """Yield what the invoice says in terms that have a label, or only in those that a page surely prints."""
    for section in ubl.SECTIONS if invoice.is_ubl else cii.SECTIONS:
        terms = [term for term in section.terms if not only_printed or term.printed is not Printed.UNSURE]
        for element in found(invoice.root, section.path) if terms else ():
            facts = tuple(fact for term in terms if (fact := _fact(term, element, invoice)))
            if facts:
                yield Record(section, facts)


def found(element: etree._Element, path: str) -> list[etree._Element]:
    """Find elements by an XPath of this package's own."""
    return cast("list[etree._Element]", _compiled(path)(element))


@cache
def _compiled(path: str) -> etree.XPath:
    return etree.XPath(path)


def _fact(term: Term, element: etree._Element, invoice: InvoiceTree) -> Fact | None:
    said = frozenset(path[1:] for path in term.said if path.startswith("@"))
    values = [(each, tree.value(each, invoice.currency, said=said)) for each in found(element, term.path)]
    filled = [(each, text) for each, text in values if text]
    if not filled:
        return None
    elements, texts = zip(*filled, strict=True)
    return Fact(term, term.label.format(kind=_kind_of(invoice)), elements, texts)


def title(invoice: InvoiceTree) -> str:
    """Give the document a name: what it is, and its number."""
    facts = (fact for record in records(invoice) for fact in record.facts)
    number = next((fact.text for fact in facts if fact.term.printed is Printed.NUMBER), "")
    return f"{_kind_of(invoice)} {number}".strip()


def _kind_of(invoice: InvoiceTree) -> str:
    """Say what the document is, by its root element."""
    return _KINDS.get(str(invoice.root.tag), "Invoice")


def blocks(invoice: InvoiceTree) -> Iterator[Block]:
    """Write an invoice down, section after section."""
    rest = _Rest(invoice)
    by_section: dict[int, list[Record]] = {}
    for record in records(invoice):
        by_section.setdefault(id(record.section), []).append(record)
        rest.take(record)
    for same in by_section.values():
        section = same[0].section
        if section.heading:
            yield Block(f"## {section.heading}")
            yield Block(_table(same), BlockKind.TABLE)
        else:
            facts = [fact for record in same for fact in record.facts]
            yield Block("\n".join(f"{fact.label}: {text}" for fact in facts for text in fact.texts))
    left = "\n".join(rest.lines())
    if left:
        yield Block(left)


def _table(rows: list[Record]) -> str:
    """Write a section's records as rows; a column is left out where none of them has a value for it."""
    texts = [{fact.term: fact.text for fact in row.facts} for row in rows]
    columns = [term for term in rows[0].section.terms if any(term in row for row in texts)]
    return markdown.table(
        [[term.label for term in columns], *([row.get(term, "") for term in columns] for row in texts)]
    )


class _Rest:
    """What no term has taken."""

    def __init__(self, invoice: InvoiceTree) -> None:
        self._invoice = invoice
        self._taken: set[etree._Element] = set()

    def take(self, record: Record) -> None:
        """Count a record's elements, all that is in them, and what their labels say, as written down."""
        for fact in record.facts:
            for element in fact.elements:
                self._taken.update(element.iter(etree.Element))
                for path in fact.term.said:
                    if not path.startswith("@"):
                        self._taken.update(found(element, path))

    def lines(self) -> Iterator[str]:
        """Yield `path/name: value` for each element that is left and says something."""
        yield from self._below(self._invoice.root, "")

    def _below(self, element: etree._Element, path: str) -> Iterator[str]:
        num_of = Counter(child.tag for child in element)
        seen: Counter[str] = Counter()
        for child in element:
            seen[child.tag] += 1
            place = f"[{seen[child.tag]}]" if num_of[child.tag] > 1 else ""
            yield from self._lines_of(child, f"{path}{child.tag}{place}")

    def _lines_of(self, element: etree._Element, path: str) -> Iterator[str]:
        if element in self._taken:
            return
        text = tree.own_value(element, self._invoice.currency)
        if text:
            yield f"{path}: {text}"
        yield from self._below(element, f"{path}/")
