"""Files embedded in a PDF: listed, and an e-invoice among them held against the visible text."""

from dataclasses import dataclass, field
from itertools import islice

from kvprep.documents.base import Limits
from kvprep.documents.members import member_name
from kvprep.documents.readers.pdf_embedded import embedded_files
from kvprep.documents.readers.pdf_pages import PdfPages
from kvprep.errors import UnreadableDocument
from kvprep.types import Member, TextFinding

EINVOICE_DIFFERS = "e-invoice-differs"
"""Kind of a finding: a term of an embedded e-invoice that the visible text lacks."""
BROKEN_ATTACHMENT = "broken-attachment"
"""Kind of a finding: an embedded file that cannot be unpacked, or an e-invoice that cannot be parsed."""

# Names of e-invoices by ZUGFeRD 1 and 2, Factur-X, XRechnung and Order-X; any other XML counts by its root.
_EINVOICE_NAMES = frozenset({"factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml", "order-x.xml"})
_MAX_EINVOICE_BYTES = 16 * 1024 * 1024
_MAX_FINDINGS = 20


@dataclass
class Attachments:
    """What is embedded in a PDF, and what is to be said about it."""

    members: list[Member] = field(default_factory=list)
    findings: list[TextFinding] = field(default_factory=list)


def attachments(data: bytes, pages: PdfPages, limits: Limits) -> Attachments:
    """List the files embedded in a PDF, by its name tree, as associated files, or pinned to a page.

    Args:
        pages: an e-invoice's terms are looked up in their text.
        limits: `expanded_bytes` holds for all files together.
    """
    result = Attachments()
    names: set[str] = set()
    text = " ".join(block.text for block in pages.blocks)
    for file in embedded_files(data, pages.embedded, limits.expanded_bytes):
        name = member_name(file.raw_name, names)
        names.add(name)
        if file.content is None:
            result.findings.append(TextFinding(BROKEN_ATTACHMENT, 1, name))
        else:
            result.members.append(Member(name, len(file.content)))
            result.findings += _einvoice_findings(name, file.content, text)
    return result


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
