"""The business terms of an invoice: what each is called, where it stands, and whether a page surely prints it."""

from dataclasses import dataclass
from enum import Enum


class Printed(Enum):
    """How a page prints a term."""

    UNSURE = 0
    """Perhaps not at all, or in other words."""
    NUMBER = 1
    """An identifier: the same letters and digits, perhaps grouped."""
    NAME = 2
    DATE = 3
    AMOUNT = 4


@dataclass(frozen=True, slots=True)
class Term:
    """One business term."""

    label: str
    """`{kind}` stands for what the document is: an invoice, a credit note, an order."""
    path: str
    """XPath from the section's element, over names without namespaces."""
    printed: Printed = Printed.UNSURE
    said: tuple[str, ...] = ()
    """XPaths from the term's element to what its label says already: `@schemeID`, or an element."""


@dataclass(frozen=True, slots=True)
class Section:
    """Terms that belong together, found at every element of a path."""

    path: str
    terms: tuple[Term, ...]
    heading: str = ""
    """Set for a section that is a table: one row an element, one column a term that has a value."""
