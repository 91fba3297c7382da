"""Names and small questions of WordprocessingML, the XML inside a DOCX."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_OFFICE = "http://schemas.openxmlformats.org/"
_NAMESPACES = {
    "w": f"{_OFFICE}wordprocessingml/2006/main",
    "m": f"{_OFFICE}officeDocument/2006/math",
    "mc": f"{_OFFICE}markup-compatibility/2006",
    "r": f"{_OFFICE}officeDocument/2006/relationships",
    "wp": f"{_OFFICE}drawingml/2006/wordprocessingDrawing",
    "a": f"{_OFFICE}drawingml/2006/main",
    "c": f"{_OFFICE}drawingml/2006/chart",
    "dgm": f"{_OFFICE}drawingml/2006/diagram",
    "s": f"{_OFFICE}spreadsheetml/2006/main",
    "tc": "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments",
    "xdr": f"{_OFFICE}drawingml/2006/spreadsheetDrawing",
    "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
    "w16se": "http://schemas.microsoft.com/office/word/2015/wordml/symex",
    "v": "urn:schemas-microsoft-com:vml",
    "dc": "http://purl.org/dc/elements/1.1/",
}


@cache
def qn(name: str) -> str:
    """Turn `w:p` into lxml's `{namespace}p`, and `w:rPr/w:color` into the path of it."""
    if "/" in name:
        return "/".join(qn(step) for step in name.split("/"))
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def child_value(element: "Element | None", name: str) -> str | None:
    """Give the `w:val` of a child, or None where the child or the value is missing."""
    child = element.find(qn(name)) if element is not None else None
    return child.get(qn("w:val")) if child is not None else None


def is_on(properties: "Element | None", name: str) -> bool:
    """Read a switch: present means on, unless its value says otherwise."""
    return is_set(properties.find(qn(name)) if properties is not None else None)


def is_set(switch: "Element | None") -> bool:
    """Read a switch that has been found, or not."""
    return switch is not None and switch.get(qn("w:val"), "true") not in ("0", "false", "off")


def whole_number(value: str | None, default: int, most: int = 1_000_000) -> int:
    """Read a number that a file gives; nonsense gives the default, and nothing is above `most`."""
    digits = (value or "").strip()
    return min(int(digits), most) if digits.isascii() and digits.isdigit() and len(digits) < 19 else default


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


def chosen(alternatives: "Element") -> "Element":
    """Pick the first choice of `mc:AlternateContent`: the fallback says the same once more, for old programs."""
    for kind in ("mc:Choice", "mc:Fallback"):
        found = alternatives.find(qn(kind))
        if found is not None:
            return found
    return alternatives
