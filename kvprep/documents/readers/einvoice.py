"""E-invoices that are XML and nothing else: CII, ZUGFeRD 1 and UBL, as labelled lines."""

from collections.abc import Iterable
from importlib.metadata import version

from kvprep.documents.base import Extracted, Limits
from kvprep.documents.members import member_name
from kvprep.errors import OversizedDocument
from kvprep.types import Member

_MAX_FILES = 200


class EInvoiceReader:
    """Reads an e-invoice with lxml."""

    name = "e-invoice"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Write down every term of the invoice under its label; files inside it become its members.

        Raises:
            UnreadableDocument: no well-formed XML, or with a document type declaration.
            OversizedDocument: too many files inside it, or larger ones than `limits.expanded_bytes`.
        """
        from kvprep.documents.einvoices import rendering, tree

        invoice = tree.parse(data)
        return Extracted(
            blocks=tuple(rendering.blocks(invoice)),
            title=rendering.title(invoice),
            findings=(),
            reader=f"e-invoice (lxml {version('lxml')})",
            members=_members(tree.files(invoice), limits),
        )


def _members(files: Iterable[tuple[str, bytes]], limits: Limits) -> tuple[Member, ...]:
    members: dict[str, Member] = {}
    for raw_name, data in files:
        if len(members) == _MAX_FILES:
            raise OversizedDocument(f"more than {_MAX_FILES} files inside")
        name = member_name(raw_name, members)
        members[name] = Member(name, len(data), data)
    if sum(member.num_bytes for member in members.values()) > limits.expanded_bytes:
        raise OversizedDocument(f"files inside are more than {limits.expanded_bytes} bytes")
    return tuple(members.values())
