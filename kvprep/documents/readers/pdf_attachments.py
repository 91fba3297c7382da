"""Files embedded in a PDF: listed, and an e-invoice among them held against the visible text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from kvprep.documents.base import Limits
from kvprep.documents.members import member_name
from kvprep.documents.readers.pypdf_edge import PypdfTrouble, contained, opened
from kvprep.errors import UnreadableDocument
from kvprep.types import Member, TextFinding

if TYPE_CHECKING:
    import pypdf

EINVOICE_DIFFERS = "e-invoice-differs"
"""Kind of a finding: a term of an embedded e-invoice that the visible text lacks."""
BROKEN_ATTACHMENT = "broken-attachment"
"""Kind of a finding: an embedded file that cannot be unpacked, or an e-invoice that cannot be parsed."""

# Names of e-invoices by ZUGFeRD 1 and 2, Factur-X, XRechnung and Order-X; any other XML counts by its root.
_EINVOICE_NAMES = frozenset({"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "order-x.xml"})
_Source = Callable[["pypdf.PdfReader"], Iterator[tuple[str, Any]]]

# Objects may be packed; what stands in them shows only after unpacking.
_PACKED = b"/ObjStm"
_EMBEDDED = (b"/EF", _PACKED)
_PINNED = (b"/FileAttachment", _PACKED)
"""One of these stands in every PDF with embedded files, and with files pinned to a page."""
_MAX_FILES = 200
_MAX_TREE_NODES = 1000
_MAX_EINVOICE_BYTES = 16 * 1024 * 1024
_MAX_FINDINGS = 20
_NOTHING_PACKED_BYTES = 16


@dataclass
class Attachments:
    """What is embedded in a PDF, and what is to be said about it."""

    members: list[Member] = field(default_factory=list)
    findings: list[TextFinding] = field(default_factory=list)


def attachments(data: bytes, text: str, limits: Limits) -> Attachments:
    """List the files embedded in a PDF, by its name tree, as associated files, or pinned to a page.

    Args:
        text: what is visible on the pages; an e-invoice's terms are looked up in it.
        limits: `expanded_bytes` holds for all files together.
    """
    result = Attachments()
    if not any(mark in data for mark in _EMBEDDED):
        return result
    try:
        streams = _streams(opened(data), may_pin=any(mark in data for mark in _PINNED))
    except PypdfTrouble:
        return result
    names: set[str] = set()
    left = limits.expanded_bytes
    for raw_name, stream in streams:
        name = member_name(raw_name, names)
        names.add(name)
        content = _unpacked(stream, left)
        if content is None:
            result.findings.append(TextFinding(BROKEN_ATTACHMENT, 1, name))
            continue
        left -= len(content)
        result.members.append(Member(name, len(content)))
        result.findings += _einvoice_findings(name, content, text)
    return result


def _unpacked(stream: Any, max_bytes: int) -> bytes | None:
    try:
        with contained():
            content: bytes = stream.get_data()
            # pypdf gives nothing for what it cannot unpack.
            is_broken = not content and len(stream._data) > _NOTHING_PACKED_BYTES
    except PypdfTrouble:
        return None
    return None if is_broken or len(content) > max_bytes else content


def _einvoice_findings(name: str, content: bytes, text: str) -> list[TextFinding]:
    is_named_so = name.lower() in _EINVOICE_NAMES
    if len(content) > _MAX_EINVOICE_BYTES or not (is_named_so or b"<" in content[:10]):
        return []
    from kvprep.documents.einvoices import check, tree

    try:
        invoice = tree.parse(content)
    except UnreadableDocument:
        return [TextFinding(BROKEN_ATTACHMENT, 1, name)] if is_named_so else []
    if not tree.is_einvoice(invoice):
        return []
    terms = islice(check.differences(invoice, text), _MAX_FINDINGS)
    return [TextFinding(EINVOICE_DIFFERS, 1, f"{name}: {term}") for term in terms]


def _streams(document: "pypdf.PdfReader", *, may_pin: bool) -> list[tuple[str, Any]]:
    """Find name and stream of each embedded file once, wherever it is mentioned; a broken place costs only itself."""
    sources: tuple[_Source, ...] = (_by_name, _associated, *([_pinned] if may_pin else []))
    found: dict[int, tuple[str, Any]] = {}
    for source in sources:
        try:
            with contained():
                for hint, spec in islice(source(document), _MAX_FILES):
                    stream = _stream(spec)
                    found.setdefault(id(stream), (str(spec.get("/UF") or spec.get("/F") or hint), stream))
        except PypdfTrouble:
            continue
    return list(found.values())[:_MAX_FILES]


def _stream(spec: Any) -> Any:
    files = spec["/EF"].get_object()
    return (files.get("/UF") or files["/F"]).get_object()


def _by_name(document: "pypdf.PdfReader") -> Iterator[tuple[str, Any]]:
    """Walk the name tree of embedded files, node by node; each is visited once, whatever points to it."""
    names = document.root_object.get("/Names")
    tree = names.get_object().get("/EmbeddedFiles") if names else None
    pending = [tree.get_object()] if tree else []
    seen: set[int] = set()
    while pending and len(seen) < _MAX_TREE_NODES:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        entries = list(node.get("/Names", ()))
        for name, spec in zip(entries[::2], entries[1::2], strict=False):
            yield str(name.get_object()), spec.get_object()
        pending += reversed([kid.get_object() for kid in node.get("/Kids", ())])


def _associated(document: "pypdf.PdfReader") -> Iterator[tuple[str, Any]]:
    specs = document.root_object.get("/AF")
    for spec in specs.get_object() if specs else ():
        yield "", spec.get_object()


def _pinned(document: "pypdf.PdfReader") -> Iterator[tuple[str, Any]]:
    for page in document.pages:
        notes = page.get("/Annots")
        for note in notes.get_object() if notes else ():
            annotation = note.get_object()
            if annotation.get("/Subtype") == "/FileAttachment":
                yield "", annotation["/FS"].get_object()
