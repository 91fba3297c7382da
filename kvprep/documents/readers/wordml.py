"""Names and small questions of WordprocessingML, the XML inside a DOCX."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
}


@cache
def qn(name: str) -> str:
    """Turn `w:p` into lxml's `{namespace}p`."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def child_value(element: "Element | None", name: str) -> str | None:
    """Give the `w:val` of a child, or None where the child or the value is missing."""
    child = element.find(qn(name)) if element is not None else None
    return child.get(qn("w:val")) if child is not None else None


def is_on(properties: "Element | None", name: str) -> bool:
    """Read a switch: present means on, unless its value says otherwise."""
    switch = properties.find(qn(name)) if properties is not None else None
    return switch is not None and switch.get(qn("w:val"), "true") not in ("0", "false", "off")


# What merely wraps other content: accepted insertions, links, controls, smart tags.
WRAPPERS = frozenset(
    qn(f"w:{name}") for name in "ins moveTo hyperlink smartTag customXml sdt sdtContent fldSimple dir bdo".split()
)


def descend(element: "Element", tag: str) -> "Iterator[Element]":
    """Yield the children with this tag, also those inside wrappers."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag in WRAPPERS:
            yield from descend(child, tag)
