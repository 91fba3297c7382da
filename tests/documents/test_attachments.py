import io
from collections.abc import Callable

import document_makers as make
import einvoice_makers
import pypdf
import pytest
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, StreamObject, TextStringObject

from kvprep.documents.base import Extracted, Limits
from kvprep.documents.readers.pdf import PdfReader
from kvprep.types import Member, TextFinding

PAGE = make.lines(
    "Müller & Söhne GmbH",
    "Rechnung RE-2024/17 vom 31.01.2024 an Käufer AG",
    "Consulting 10 Stunden 1.000,00",
    "19 % USt 190,00, Summe 1.190,00",
    "DE123456789 IBAN DE02 1203 0000 0000 2020 51",
)
Change = Callable[[pypdf.PdfWriter], object]


def with_files(*changes: Change) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make.pdf(PAGE)))
    for change in changes:
        change(writer)
    return make.written(writer)


def attached(name: str, data: bytes) -> Change:
    return lambda writer: writer.add_attachment(name, data)


def spec(writer: pypdf.PdfWriter, name: str, data: bytes, *, is_broken: bool = False) -> DictionaryObject:
    stream = StreamObject()
    stream.set_data(data)
    if is_broken:
        stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    files = DictionaryObject({NameObject("/F"): writer._add_object(stream)})
    return DictionaryObject({NameObject("/F"): TextStringObject(name), NameObject("/EF"): files})


def read(data: bytes, limits: Limits | None = None) -> Extracted:
    return PdfReader().read(data, limits or Limits())


def test_embedded_files_are_listed_and_not_read_as_documents() -> None:
    data = with_files(attached("plan.txt", b"first"), attached("z/../evil/pl\x07an.txt", b"second"))
    assert read(data).members == (Member("plan.txt", 5), Member("plan (2).txt", 6))


def test_embedded_files_are_no_part_of_the_text() -> None:
    assert read(with_files(attached("plan.txt", b"first"))).blocks == read(make.pdf(PAGE)).blocks


def test_a_nested_name_tree_is_walked_and_a_cycle_in_it_ends() -> None:
    def nest(writer: pypdf.PdfWriter) -> None:
        leaf = DictionaryObject(
            {NameObject("/Names"): ArrayObject([TextStringObject("a"), spec(writer, "deep.txt", b"deep")])}
        )
        root = DictionaryObject()
        reference = writer._add_object(root)
        root[NameObject("/Kids")] = ArrayObject([writer._add_object(leaf), reference])
        writer.root_object[NameObject("/Names")] = DictionaryObject({NameObject("/EmbeddedFiles"): reference})

    assert read(with_files(nest)).members == (Member("deep.txt", 4),)


def associate(writer: pypdf.PdfWriter) -> None:
    writer.root_object[NameObject("/AF")] = ArrayObject([writer._add_object(spec(writer, "data.xml", b"<a/>"))])


def pin(writer: pypdf.PdfWriter) -> None:
    note = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/FileAttachment"),
            NameObject("/Rect"): ArrayObject([NumberObject(number) for number in (9, 9, 20, 20)]),
            NameObject("/FS"): writer._add_object(spec(writer, "data.xml", b"<a/>")),
        }
    )
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(note)])


@pytest.mark.parametrize("change", [associate, pin])
def test_associated_files_and_files_pinned_to_a_page_are_listed(change: Change) -> None:
    assert read(with_files(change)).members == (Member("data.xml", 4),)


def test_an_associated_file_beside_those_of_the_name_tree_is_not_missed() -> None:
    data = with_files(attached("plan.txt", b"first"), associate)
    assert read(data).members == (Member("plan.txt", 5), Member("data.xml", 4))


def test_files_in_a_pdf_under_an_owners_password_are_listed() -> None:
    data = make.encrypted(with_files(attached("plan.txt", b"first")), user="", owner="o")
    assert read(data).members == (Member("plan.txt", 5),)


def test_a_broken_mention_of_a_file_costs_only_itself() -> None:
    def mention_nothing(writer: pypdf.PdfWriter) -> None:
        broken = DictionaryObject({NameObject("/EF"): NumberObject(7)})
        fine = spec(writer, "fine.txt", b"fine")
        writer.root_object[NameObject("/AF")] = ArrayObject([broken, writer._add_object(fine)])

    assert read(with_files(mention_nothing)).members == (Member("fine.txt", 4),)


def test_a_file_that_is_mentioned_twice_is_listed_once() -> None:
    def mention_twice(writer: pypdf.PdfWriter) -> None:
        writer.add_attachment("data.xml", b"<a/>")
        names = writer.root_object["/Names"]["/EmbeddedFiles"]["/Names"]  # type: ignore[index]
        writer.root_object[NameObject("/AF")] = ArrayObject([names[1]])

    assert read(with_files(mention_twice)).members == (Member("data.xml", 4),)


def test_a_file_that_cannot_be_unpacked_is_a_finding() -> None:
    def break_it(writer: pypdf.PdfWriter) -> None:
        broken = spec(writer, "broken.bin", b"this is no deflate at all", is_broken=True)
        writer.root_object[NameObject("/AF")] = ArrayObject([writer._add_object(broken)])

    extracted = read(with_files(attached("fine.txt", b"fine"), break_it))
    assert extracted.members == (Member("fine.txt", 4),)
    assert extracted.findings == (TextFinding("broken-attachment", 1, "broken.bin"),)


def test_files_over_the_limit_are_a_finding_and_the_text_stays() -> None:
    data = with_files(attached("big.bin", bytes(2_000_000)), attached("small.txt", b"small"))
    extracted = read(data, Limits(expanded_bytes=1_000_000))
    assert extracted.members == (Member("small.txt", 5),)
    assert extracted.findings == (TextFinding("broken-attachment", 1, "big.bin"),)
    assert extracted.blocks


def test_more_files_than_anyone_attaches_are_not_all_unpacked() -> None:
    data = with_files(*(attached(f"{number}.txt", b"x") for number in range(250)))
    assert len(read(data).members) == 200


@pytest.mark.parametrize("name", ["factur-x.xml", "zugferd-invoice.xml", "anything.xml"])
@pytest.mark.parametrize("data", [einvoice_makers.cii(), einvoice_makers.zugferd1(), einvoice_makers.ubl()])
def test_an_e_invoice_that_agrees_with_the_page_is_no_finding(name: str, data: bytes) -> None:
    assert read(with_files(attached(name, data))).findings == ()


def test_what_an_e_invoice_says_and_the_page_does_not_is_a_finding_without_the_value() -> None:
    says = einvoice_makers.Invoice(total="1290.00", iban="DE00000000000000000000")
    extracted = read(with_files(attached("factur-x.xml", einvoice_makers.cii(says))))
    assert extracted.findings == (
        TextFinding("e-invoice-differs", 1, "factur-x.xml: Grand total"),
        TextFinding("e-invoice-differs", 1, "factur-x.xml: IBAN"),
    )


def test_an_e_invoice_that_cannot_be_parsed_is_a_finding() -> None:
    bomb = einvoice_makers.cii(head='<!DOCTYPE x [<!ENTITY a "aaaa">]>')
    data = with_files(attached("factur-x.xml", b"<broken"), attached("xrechnung.xml", bomb))
    assert read(data).findings == (
        TextFinding("broken-attachment", 1, "factur-x.xml"),
        TextFinding("broken-attachment", 1, "xrechnung.xml"),
    )


def test_other_xml_and_other_files_are_only_listed() -> None:
    data = with_files(attached("log.xml", b"<log>x</log>"), attached("bad.xml", b"<log"), attached("a.pdf", b"%PDF"))
    assert read(data).findings == ()
    assert len(read(data).members) == 3
