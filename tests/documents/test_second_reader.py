import io

import document_makers as make
import pypdf
import pytest
from pypdf.generic import NameObject, RectangleObject, StreamObject
from reportlab.pdfgen.canvas import Canvas

from kvprep.documents.base import Block, BlockKind, Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.pdf import PdfReader
from kvprep.documents.readers.pdf_pages import PdfPages
from kvprep.documents.readers.second_reader import review
from kvprep.errors import EmptyDocument, NeedsOcr, ProtectedDocument, UnreadableDocument
from kvprep.types import CanonicalDocument, TextFinding

WORDS = "the tenant pays the rent on the first of every month to the account of the landlord"


def read(data: bytes) -> CanonicalDocument:
    return canonicalise(PdfReader().read(data, Limits()))


def pages(data: bytes, *texts: str) -> PdfPages:
    """Pages of a file as a first reader that reads badly gives them."""
    blocks = [Block(text, BlockKind.LINE, number) for number, text in enumerate(texts, start=1) if text]
    return PdfPages(data, len(texts), "", blocks)


def with_content(content: bytes) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make.pdf(make.lines("x"))))
    stream = StreamObject()
    stream.set_data(content)
    writer.pages[0][NameObject("/Contents")] = writer._add_object(stream)
    return make.written(writer)


def test_a_file_that_pdfium_cannot_open_is_read_after_a_repair() -> None:
    whole = make.pdf(make.lines("first page"), make.lines("second page"))
    document = read(whole.replace(b"/Root", b"/Rooo"))
    assert document.text == read(whole).text
    assert document.findings == (TextFinding("repaired", 2, "all pages"),)


def test_pages_that_a_file_only_claims_to_have_are_broken_and_the_others_stay() -> None:
    data = make.pdf(make.lines("one"), make.lines("two")).replace(b"/Count 2", b"/Count 4")
    document = read(data)
    assert document.text == "one\ntwo\n"
    assert document.findings == (TextFinding("broken-page", 2, "pages 3, 4"),)


def test_a_page_without_room_is_opened_up_where_the_document_has_no_other() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make.pdf(make.lines("first page"), title="Lease")))
    writer.pages[0].mediabox = RectangleObject((0, 0, 0.2, 842))
    document = read(make.written(writer))
    assert document.text == "first page\n"
    assert document.title == "Lease"
    assert document.findings == (TextFinding("repaired", 1, "all pages"),)


def test_a_page_without_room_beside_others_stays_hidden() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make.pdf(make.lines("seen"), make.lines("ignore all"))))
    writer.pages[1].mediabox = RectangleObject((0, 0, 0.2, 842))
    document = read(make.written(writer))
    assert document.text == "seen\n"
    assert document.findings == (TextFinding("hidden-text", 9, "page 2, off the page"),)


def test_a_file_that_neither_reader_opens_is_broken() -> None:
    with pytest.raises(UnreadableDocument):
        read(make.pdf(make.lines("text")).replace(b"trailer", b"trbiler").replace(b"startxref", b"startxxxx")[:900])


def test_a_file_that_only_its_password_opens_is_not_repaired() -> None:
    data = make.encrypted(make.pdf(make.lines("secret")), user="u", owner="o")
    with pytest.raises(ProtectedDocument):
        read(data)
    with pytest.raises(ProtectedDocument):
        read(data.replace(b"startxref", b"startxxxx"))


def test_glued_words_are_parted_where_the_second_reader_parts_them() -> None:
    data = make.pdf(make.lines(WORDS), make.lines("fine"))
    found = pages(data, WORDS.replace(" ", ""), "fine")
    assert review(found) == [TextFinding("second-reader", 1, "page 1")]
    assert found.blocks == [Block(WORDS, BlockKind.LINE, 1), Block("fine", BlockKind.LINE, 2)]


def test_characters_without_a_meaning_are_replaced_where_the_second_reader_knows_them() -> None:
    found = pages(make.pdf(make.lines("Total 12")), "\ue001\ue002 12")
    assert review(found) == [TextFinding("second-reader", 1, "page 1")]
    assert found.blocks == [Block("Total 12", BlockKind.LINE, 1)]


def test_a_bullet_of_a_symbol_font_is_no_reason_to_doubt() -> None:
    found = pages(make.pdf(make.lines("Total of the month")), "\uf0b7 Total of the month of May")
    assert review(found) == [TextFinding("unmapped-characters", 1, "page 1")]
    assert found.blocks[0].text.endswith("of May")


def test_the_second_reader_does_not_bring_text_back_that_the_first_left_out() -> None:
    found = pages(make.pdf(make.lines("hidden from the reader")), "")
    assert review(found) == []
    assert found.blocks == []


def test_the_second_reader_is_not_asked_where_there_is_hidden_text() -> None:
    found = pages(make.pdf(make.lines(WORDS)), WORDS.replace(" ", ""))
    found.hidden_pages.add(1)
    review(found)
    assert found.blocks[0].text == WORDS.replace(" ", "")


@pytest.mark.parametrize(
    "content",
    [
        b"BT 60 700 Td (hello world) Tj ET",
        b"BT /F1 0 Tf 60 700 Td (hello world) Tj ET",
        b"BT /F1 12 Tf 1 0 0 1 1e40 700 Tm (hello world) Tj ET",
        b"BT /F1 12 Tf 0 0 0 0 60 700 Tm (hello world) Tj ET",
        b"10 10 200 200 re f 0 0 0 0 0 0 cm BT /F1 12 Tf 60 700 Td (hello world) Tj ET",
    ],
)
def test_text_that_only_the_second_reader_sees_and_that_leaves_no_mark_stays_out(content: bytes) -> None:
    with pytest.raises(EmptyDocument):
        read(with_content(content))


@pytest.mark.parametrize("box", [(0, 0, 1e9, 1e9), (0, 0, 1e9, 4), (0, 0, -5, 700), (9, 9, 9, 9), (0, 0, 4, 1e30)])
def test_a_page_without_a_sane_size_is_not_drawn_larger_than_any_screen(box: tuple[float, ...]) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(with_content(b"BT /F1 0 Tf 60 700 Td (hello world) Tj ET")))
    writer.pages[0].mediabox = RectangleObject(box)
    with pytest.raises(EmptyDocument):
        read(make.written(writer))


def test_what_the_second_reader_sees_and_the_page_does_not_show_is_left_out_of_its_text() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, WORDS)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(60, 400, "so")

    found = pages(make.pdf(draw), WORDS.replace(" ", ""))
    review(found)
    assert [block.text for block in found.blocks] == [WORDS]


def test_a_document_of_characters_without_a_meaning_says_so() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, "Total 12")

    data = make.pdf(draw)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    unmapped = StreamObject()
    unmapped.set_data(
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        b"1 beginbfrange <20> <7E> <E020> endbfrange endcmap end"
    )
    for font in writer.pages[0]["/Resources"]["/Font"].values():  # type: ignore[index]
        font.get_object()[NameObject("/ToUnicode")] = writer._add_object(unmapped)
    with pytest.raises(NeedsOcr, match="fonts do not say"):
        read(make.written(writer))


def in_an_unknown_font(num_pages: int, title: str) -> bytes:
    """Pages that PDFium reads with a font of its own, and pypdf not at all."""
    text = f"BT /Unknown 12 Tf 60 700 Td ({WORDS}) Tj ET".encode()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(with_content(text)))
    for _ in range(num_pages - 1):
        writer.add_page(writer.pages[0])
    writer.add_metadata({"/Title": title})
    return make.written(writer)


def test_a_page_of_one_file_in_fifty_is_compared_and_disagreement_is_reported() -> None:
    data = in_an_unknown_font(3, "a")
    files = [data + b"\n%% %d" % number for number in range(300)]  # other digests, and the same pages
    findings = [PdfReader().read(file, Limits()).findings for file in files]
    disputed = [found for found in findings if found]
    assert 1 <= len(disputed) <= 18
    assert {(finding.kind, finding.count) for found in disputed for finding in found} == {("disputed", 1)}
    assert len(set(disputed)) > 1  # not always the same page
    assert findings == [PdfReader().read(file, Limits()).findings for file in files]


def test_pages_that_would_take_pypdf_long_are_not_compared() -> None:
    text = f"BT /Unknown 12 Tf 60 700 Td ({WORDS}) Tj ET\n".encode()
    data = with_content(text + b"0 0 m 100 100 l S\n" * 300_000)
    found = pages(data, WORDS.replace(" ", ""))
    assert review(found) == []


def test_readers_that_agree_are_not_reported() -> None:
    data = make.pdf(make.lines(WORDS, "Office \ufb01le 1.234,50", "page"))
    findings = [PdfReader().read(data + b"\n%% %d" % number, Limits()).findings for number in range(200)]
    assert set(findings) == {()}
