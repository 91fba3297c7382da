import base64

import einvoice_makers as make
import pytest

from kvprep.documents.base import Kind, Limits, reader_for, sniff
from kvprep.documents.canonical import canonical_text, canonicalise
from kvprep.documents.readers.einvoice import EInvoiceReader
from kvprep.errors import EmptyDocument, OversizedDocument, UnreadableDocument
from kvprep.types import CanonicalDocument, Member

UBL_TEXT = """{kind} number: RE-2024/17
{kind} type: 380
{kind} date: 2024-01-31

Currency: EUR
Note: first
Note: second

Seller name: Müller & Söhne GmbH
Seller VAT ID: DE123456789

## Line items

| Line | Name | Quantity | Amount |
| --- | --- | --- | --- |
| 1 | Consulting | 10 HUR | 1000.00 |

Total tax: 190.00
Amount due: 1190.00 (currencyID USD)
"""


def read(data: bytes) -> CanonicalDocument:
    document = canonicalise(EInvoiceReader().read(data, Limits()))
    assert canonical_text(document.text) == document.text
    return document


@pytest.mark.parametrize("data", [make.cii(), make.zugferd1(), make.ubl(), make.ubl("CreditNote")])
def test_every_syntax_is_told_by_its_root_and_has_a_reader(data: bytes) -> None:
    assert sniff(data, ".xml") is Kind.EINVOICE
    assert isinstance(reader_for(Kind.EINVOICE), EInvoiceReader)


def test_cii_becomes_labelled_lines_and_tables() -> None:
    assert read(make.cii()).text == make.CII_TEXT


def test_zugferd_1_gives_the_same_text_as_its_successor() -> None:
    assert read(make.zugferd1()).text == make.CII_TEXT


@pytest.mark.parametrize(("root", "kind"), [("Invoice", "Invoice"), ("CreditNote", "Credit note")])
def test_ubl_becomes_labelled_lines_and_tables(root: str, kind: str) -> None:
    assert read(make.ubl(root)).text == UBL_TEXT.format(kind=kind)


def test_an_account_of_a_ubl_invoice_is_an_iban_only_if_it_looks_like_one() -> None:
    account = b"<a:PaymentMeans><a:PayeeFinancialAccount><b:ID>%s</b:ID></a:PayeeFinancialAccount></a:PaymentMeans>"
    for written, label in ((b"NO9386011117947", "IBAN"), (b"1234567-8", "Account number")):
        text = read(make.ubl().replace(b"<a:TaxTotal>", account % written + b"<a:TaxTotal>")).text
        assert f"\n{label}: {written.decode()}\n" in text


def test_an_order_is_called_an_order() -> None:
    data = make.cii().replace(b"rsm:CrossIndustryInvoice", b"rsm:SCRDMCCBDACIOMessageStructure")
    assert read(data).text.startswith("Order number: RE-2024/17\n")


def test_the_title_is_the_kind_and_the_number() -> None:
    assert read(make.cii()).title == "Invoice RE-2024/17"


def test_prefixes_comments_white_space_and_order_of_attributes_leave_no_trace() -> None:
    text = make.cii().decode().replace("ram:", "x:").replace("xmlns:ram", "xmlns:x")
    text = text.replace("<x:ID>RE-2024/17", "<x:ID><!-- -->\n  RE-<!-- -->2024/17\n")
    text = text.replace('unitCode="HUR"', "unitCode = 'HUR'").replace("\n", "\n\n\t")
    assert read(text.encode()).text == make.CII_TEXT
    contract = "<ram:IssuerAssignedID {}>7</ram:IssuerAssignedID>"
    scheme = f"<ram:ContractReferencedDocument>{contract}</ram:ContractReferencedDocument>"
    one, other = (
        make.cii(more=scheme.format(names)) for names in ('listID="a" schemeID="b"', 'schemeID="b" listID="a"')
    )
    assert read(one).text == read(other).text
    assert "Contract: 7 (listID a, schemeID b)\n" in read(one).text


def test_an_encoding_other_than_utf_8_gives_the_same_text() -> None:
    text = make.cii().decode()
    assert read(text.replace("UTF-8", "ISO-8859-1").encode("latin-1")).text == make.CII_TEXT
    assert read(text.replace("UTF-8", "UTF-16").encode("utf-16")).text == make.CII_TEXT
    assert read(b"\xef\xbb\xbf" + make.cii()).text == make.CII_TEXT


def test_what_has_no_label_follows_by_its_path() -> None:
    extra = '<ram:Terms code="x"><ram:A>one</ram:A><ram:A unitCode="KGM">two<ram:B/></ram:A></ram:Terms>'
    path = "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/Terms"
    assert read(make.cii(more=extra)).text.endswith(f"\n\n{path}: (code x)\n{path}/A[1]: one\n{path}/A[2]: two KGM\n")


def test_a_value_stays_on_its_line_and_cannot_pass_for_another_label() -> None:
    says = make.Invoice(seller="Good GmbH\nGrand total: 1.00")
    assert "Seller name: Good GmbH Grand total: 1.00\n" in read(make.cii(says)).text


def test_files_inside_become_members_and_are_named_in_the_text() -> None:
    content = base64.b64encode(b"%PDF-1.4 plan").decode()
    attributes = 'filename="../plan.pdf" mimeCode="application/pdf"'
    element = f"<ram:AttachmentBinaryObject {attributes}>{content}</ram:AttachmentBinaryObject>"
    document = read(
        make.cii(more=f"<ram:AdditionalReferencedDocument>{element * 2}</ram:AdditionalReferencedDocument>")
    )
    assert document.members == (
        Member("plan.pdf", 13, b"%PDF-1.4 plan"),
        Member("plan (2).pdf", 13, b"%PDF-1.4 plan"),
    )
    told = "13 bytes (filename ../plan.pdf, mimeCode application/pdf)"
    assert f"## Supporting documents\n\n| File |\n| --- |\n| {told}; {told} |\n" in document.text
    with pytest.raises(OversizedDocument):
        EInvoiceReader().read(make.cii(more=element), Limits(expanded_bytes=10))


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "http://localhost:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_a_document_type_declaration_is_refused(head: str) -> None:
    with pytest.raises(UnreadableDocument, match="document type"):
        read(make.cii(make.Invoice(number="&amp;"), head=head))


def test_xml_that_is_not_well_formed_is_broken() -> None:
    with pytest.raises(UnreadableDocument) as refused:
        read(make.cii()[:-10])
    assert refused.value.reason == "broken"


def test_very_deep_xml_is_refused_and_wide_xml_is_not() -> None:
    with pytest.raises(UnreadableDocument):
        read(make.cii(more="<ram:A>" * 5000 + "</ram:A>" * 5000))
    assert read(make.cii(more="<ram:A>x</ram:A>" * 5000)).text.count("/A[") == 5000


def test_an_invoice_that_says_nothing_is_empty() -> None:
    with pytest.raises(EmptyDocument):
        read(b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>')
