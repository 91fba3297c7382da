import random

import document_makers as make
import pytest
from reportlab.pdfgen.canvas import Canvas

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonical_text, canonicalise
from kvprep.documents.readers.pdf import PdfReader
from kvprep.errors import (
    DocumentError,
    EmptyDocument,
    NeedsOcr,
    OversizedDocument,
    ProtectedDocument,
    UnreadableDocument,
)
from kvprep.types import CanonicalDocument, TextFinding

PIECES = [
    (60, 800, "ACME Ltd"),
    (300, 800, "Invoice 2024-17"),
    (60, 780, "Item"),
    (300, 780, "Hours"),
    (420, 780, "Amount"),
    (60, 766, "Consulting, first half of May"),
    (300, 766, "12"),
    (420, 766, "1.234,50 €"),
    (60, 752, "Travel"),
    (300, 752, "1"),
    (420, 752, "89,00 €"),
    (60, 40, "IBAN DE89 3704 0044 0532 0130 00"),
]
INVOICE = """ACME Ltd Invoice 2024-17

| Item | Hours | Amount |
| --- | --- | --- |
| Consulting, first half of May | 12 | 1.234,50 € |
| Travel | 1 | 89,00 € |

IBAN DE89 3704 0044 0532 0130 00
"""


def read(data: bytes) -> CanonicalDocument:
    document = canonicalise(PdfReader().read(data, Limits()))
    assert canonical_text(document.text) == document.text
    return document


def text_of(*pages: make.Drawing) -> str:
    return read(make.pdf(*pages)).text


def invoice(canvas: Canvas) -> None:
    for x, y, text in PIECES:
        canvas.drawString(x, y, text)


def in_another_order(canvas: Canvas) -> None:
    for x, y, text in random.Random(5).sample(PIECES, len(PIECES)):
        canvas.drawString(x, y, text)


def word_by_word(canvas: Canvas) -> None:
    words = []
    for x, y, text in PIECES:
        for word in text.split():
            words.append((x, y, word))
            x += canvas.stringWidth(word + " ")
    for x, y, word in random.Random(7).sample(words, len(words)):
        canvas.drawString(x, y, word)


def letter_by_letter(canvas: Canvas) -> None:
    for x, y, text in reversed(PIECES):
        for letter in text:
            canvas.drawString(x, y, letter)
            x += canvas.stringWidth(letter)


def in_another_font(canvas: Canvas) -> None:
    canvas.setFont("Times-Italic", 11)
    invoice(canvas)


def with_columns_set_to_the_right(canvas: Canvas) -> None:
    canvas.setFont("Courier", 9)
    for x, y, text in PIECES:
        (canvas.drawRightString if x == 420 else canvas.drawString)(x + 80 * (x == 420), y, text)


def drawn_twice_to_look_bold(canvas: Canvas) -> None:
    for x, y, text in PIECES:
        canvas.drawString(x, y, text)
        canvas.drawString(x + 0.3, y, text)


def scaled(canvas: Canvas) -> None:
    canvas.scale(0.1, 0.1)
    canvas.setFont("Helvetica", 100)
    for x, y, text in PIECES:
        canvas.drawString(10 * x, 10 * y, text)


def turned(canvas: Canvas) -> None:
    canvas.setPageSize((842, 595))
    canvas.translate(0, 595)
    canvas.rotate(-90)
    invoice(canvas)


@pytest.mark.parametrize(
    "draw",
    [
        invoice,
        in_another_order,
        word_by_word,
        letter_by_letter,
        in_another_font,
        with_columns_set_to_the_right,
        drawn_twice_to_look_bold,
        scaled,
        turned,
    ],
)
def test_one_invoice_is_one_text_however_it_is_drawn(draw: make.Drawing) -> None:
    assert text_of(draw) == INVOICE


def test_another_producer_gives_the_same_document() -> None:
    first = make.pdf(invoice, make.lines("Terms", "Page 2"), title="Invoice 2024-17")
    second = make.rewritten(first)
    assert first != second
    assert read(first).content_hash == read(second).content_hash


def test_running_headers_and_page_numbers_stay_once() -> None:
    pages = [
        make.lines("ACME Ltd", f"text {word}", f"Page {number} of 3") for number, word in enumerate("abc", start=1)
    ]
    document = read(make.pdf(*pages))
    assert document.text == "ACME Ltd\ntext a\ntext b\ntext c\nPage 1 of 3\n"
    assert document.findings == (TextFinding("running-lines", 4, "page edges"),)


def test_line_end_hyphens_are_joined_and_suspended_ones_stay() -> None:
    assert text_of(make.lines("the inter-", "national pre-", "and post-war market")) == (
        "the international pre-\nand post-war market\n"
    )


def test_raised_and_lowered_figures_stay_in_their_line() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, "line above")
        canvas.drawString(60, 686, "an area of 12 m")
        end = 60 + canvas.stringWidth("an area of 12 m")
        canvas.drawString(60, 672, "line below")
        canvas.setFontSize(6)
        canvas.drawString(end, 690, "2")

    assert text_of(draw) == "line above\nan area of 12 m2\nline below\n"


def test_a_description_that_wraps_stays_before_its_amounts() -> None:
    def draw(canvas: Canvas) -> None:
        for x, y, text in [
            (60, 700, "1,00"),
            (120, 700, "Artistic design"),
            (300, 700, "7%"),
            (420, 700, "160,00"),
            (120, 688, "(hours): an example"),
            (120, 660, "Delivered in May"),
        ]:
            canvas.drawString(x, y, text)

    assert text_of(draw) == "1,00 Artistic design (hours): an example 7% 160,00\nDelivered in May\n"


def test_text_in_another_direction_follows_the_page() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.translate(30, 300)
        canvas.rotate(90)
        canvas.drawString(0, 0, "Form 12")
        canvas.restoreState()
        make.lines("first line", "second line")(canvas)

    assert text_of(draw) == "first line\nsecond line\nForm 12\n"


def test_a_filled_in_field_is_part_of_the_text() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, "Tenant:")
        canvas.acroForm.textfield(name="tenant", value="Jane Roe", x=120, y=694, width=200, height=18, fontSize=10)

    assert "Jane Roe" in text_of(draw)


def hide(canvas: Canvas, text: str, *, x: float = 60, y: float = 400, size: float = 10, mode: int = 0) -> None:
    piece = canvas.beginText(x, y)
    piece.setFont("Helvetica", size)
    piece.setTextRenderMode(mode)
    piece.textOut(text)
    canvas.drawText(piece)


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ({"mode": 3}, "page 1, invisible"),
        ({"size": 0.5}, "page 1, tiny"),
        ({"x": 2000}, "page 1, off the page"),
        ({"y": -300}, "page 1, off the page"),
    ],
)
def test_hidden_text_is_removed_and_reported(how: dict[str, float], where: str) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 700, "seen")
        hide(canvas, "ignore all", **how)  # type: ignore[arg-type]

    document = read(make.pdf(draw))
    assert document.text == "seen\n"
    assert document.findings == (TextFinding("hidden-text", 9, where),)


def test_the_text_layer_of_a_scan_is_kept_and_named() -> None:
    def draw(canvas: Canvas) -> None:
        make.picture(canvas)
        hide(canvas, "recognised text", mode=3)

    document = read(make.pdf(draw))
    assert document.text == "recognised text\n"
    assert document.findings == (TextFinding("ocr-layer", 14, "over pictures"),)


def test_a_scan_needs_ocr() -> None:
    with pytest.raises(NeedsOcr, match="no text layer on any of 2 pages"):
        read(make.pdf(make.picture, make.picture))


def test_a_scanned_page_among_others_is_reported() -> None:
    document = read(make.pdf(make.lines("text"), make.picture))
    assert document.findings == (TextFinding("page-without-text", 1, "page 2"),)


def test_pages_with_nothing_on_them_are_empty_and_not_scans() -> None:
    with pytest.raises(EmptyDocument) as refused:
        read(make.pdf(lambda canvas: canvas.rect(10, 10, 50, 50)))
    assert refused.value.reason == "empty"


def test_a_user_password_protects_and_an_owner_password_does_not() -> None:
    data = make.pdf(make.lines("secret"))
    with pytest.raises(ProtectedDocument):
        read(make.encrypted(data, user="u", owner="o"))
    assert read(make.encrypted(data, user="", owner="o")).text == "secret\n"


def test_a_broken_file_is_unreadable() -> None:
    data = make.pdf(make.lines("text"))
    with pytest.raises(UnreadableDocument) as refused:
        read(data[:80])
    assert refused.value.reason == "broken"


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_has_a_named_outcome(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(make.pdf(invoice, make.picture))
    for _ in range(30):
        data[chance.randrange(20, len(data))] = chance.randrange(256)
    try:
        read(bytes(data))
    except DocumentError as error:
        assert error.reason in {"broken", "empty", "needs-ocr", "password-protected"}


def test_more_pages_than_allowed_are_too_large() -> None:
    with pytest.raises(OversizedDocument):
        PdfReader().read(make.pdf(*[make.lines("page")] * 3), Limits(pages=2))


def test_the_title_comes_from_the_metadata() -> None:
    assert read(make.pdf(make.lines("text"), title="Lease 7")).title == "Lease 7"
