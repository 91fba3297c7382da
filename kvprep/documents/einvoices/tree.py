"""An e-invoice's XML as a tree of plain names, and what its elements say.

XML comes from strangers: no entity is resolved, nothing is loaded, and a document type declaration is refused.
Namespace prefixes, comments, the order of attributes and white space leave no trace.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from kvprep.errors import UnreadableDocument

_UBL = "urn:oasis:names:specification:ubl:"
_ROOTS = frozenset(
    {"CrossIndustryInvoice", "CrossIndustryDocument", "SCRDMCCBDACIOMessageStructure", "Invoice", "CreditNote"}
)
_BINARY = "BinaryObject"
_DATA_TYPES = frozenset({"DateTimeString", "DateString", "DateTime", "Indicator"})
# ZUGFeRD 1 has other names for what ZUGFeRD 2, Factur-X and Order-X agree on.
_NEWER_NAMES = {
    "SpecifiedExchangedDocumentContext": "ExchangedDocumentContext",
    "HeaderExchangedDocument": "ExchangedDocument",
    "SpecifiedSupplyChainTradeTransaction": "SupplyChainTradeTransaction",
    "ApplicableSupplyChainTradeAgreement": "ApplicableHeaderTradeAgreement",
    "ApplicableSupplyChainTradeDelivery": "ApplicableHeaderTradeDelivery",
    "ApplicableSupplyChainTradeSettlement": "ApplicableHeaderTradeSettlement",
    "SpecifiedSupplyChainTradeAgreement": "SpecifiedLineTradeAgreement",
    "SpecifiedSupplyChainTradeDelivery": "SpecifiedLineTradeDelivery",
    "SpecifiedSupplyChainTradeSettlement": "SpecifiedLineTradeSettlement",
    "ApplicablePercent": "RateApplicablePercent",
}
_CURRENCY = etree.XPath("string((//InvoiceCurrencyCode | //OrderCurrencyCode | /*/DocumentCurrencyCode)[1])")


@dataclass(frozen=True, slots=True)
class InvoiceTree:
    """A parsed e-invoice. Its elements have names without namespaces."""

    root: etree._Element
    is_ubl: bool
    """UBL; else CII, or ZUGFeRD 1 under the names of CII."""
    currency: str
    """Of all amounts that name no other."""


def parse(data: bytes) -> InvoiceTree:
    """Parse an e-invoice.

    Raises:
        UnreadableDocument: no well-formed XML, over one of libxml2's limits, or with a document type declaration.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data.lstrip(), parser)
    except etree.XMLSyntaxError:
        raise UnreadableDocument("not well-formed XML") from None
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise UnreadableDocument("XML with a document type declaration")
    is_ubl = root.tag.startswith(f"{{{_UBL}")
    _plain_names(root, {} if is_ubl else _NEWER_NAMES)
    return InvoiceTree(root, is_ubl, folded(str(_CURRENCY(root))))


def is_einvoice(tree: InvoiceTree) -> bool:
    """Tell whether the root element is one of an e-invoice."""
    return tree.root.tag in _ROOTS


def _plain_names(root: etree._Element, renamed: dict[str, str]) -> None:
    for element in root.iter(etree.Element):
        name = element.tag.rpartition("}")[2]
        element.tag = renamed.get(name, name)


def value(element: etree._Element, currency: str, *, said: frozenset[str] = frozenset()) -> str:
    """Write down what an element says; where several elements in it say something, each with its name.

    Args:
        currency: left out where an amount names it.
        said: names of attributes that need not be repeated.
    """
    named = [(_name(each), text) for each in element.iter(etree.Element) if (text := own_value(each, currency, said))]
    return named[0][1] if len(named) == 1 else ", ".join(f"{name} {text}" for name, text in named)


def _name(element: etree._Element) -> str:
    """Name an element; one that only gives its parent's data type, such as a date's, goes by the parent's name."""
    parent = element.getparent()
    return str(element.tag if parent is None or element.tag not in _DATA_TYPES else parent.tag)


def own_value(element: etree._Element, currency: str, said: frozenset[str] = frozenset()) -> str:
    """Write down an element's own text and attributes, without what its children say."""
    text = folded(" ".join([element.text or "", *(child.tail or "" for child in element)]))
    if text and element.tag.endswith(_BINARY):
        text = f"{len(_binary(element))} bytes"
    unit = folded(element.get("unitCode", ""))
    shown = [f"{name} {content}" for name, content in _attributes(element, currency) if name not in said]
    return " ".join(filter(None, [text, unit, f"({', '.join(shown)})" if shown else ""]))


def _attributes(element: etree._Element, currency: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of the attributes that say something beside the text, sorted by name.

    Those that only repeat a default say nothing: the invoice's own currency, and 102, the usual form of a date.
    """
    for name, content in sorted(element.attrib.items()):
        text = folded(str(content))
        is_default = (str(name), text) in (("currencyID", currency), ("format", "102"))
        # Attributes with a namespace speak about the schema.
        if text and not is_default and not str(name).startswith("{") and name != "unitCode":
            yield str(name), text


def files(invoice: InvoiceTree) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of the files that stand in the XML in base64."""
    for element in invoice.root.iter(etree.Element):
        if element.tag.endswith(_BINARY) and (data := _binary(element)):
            yield element.get("filename", "unnamed"), data


def _binary(element: etree._Element) -> bytes:
    """Decode the file that an element holds; nothing where it is broken."""
    try:
        return base64.b64decode(re.sub(r"\s", "", element.text or ""), validate=True)
    except (binascii.Error, ValueError):
        return b""


def folded(text: str) -> str:
    """Put a text onto one line, so that none can pass for a line with another label."""
    return " ".join(text.split())
