"""Text that is in a PDF and that nobody sees on its page."""

import document_makers as make
import pytest
from reportlab.lib.colors import Color, HexColor, black, white
from reportlab.pdfgen.canvas import Canvas

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.pdf import PdfReader
from kvprep.types import CanonicalDocument, TextFinding


def read(draw: make.Drawing) -> CanonicalDocument:
    return canonicalise(PdfReader().read(make.pdf(draw), Limits()))


def box(canvas: Canvas, colour: Color, *, y: float = 390) -> None:
    canvas.setFillColor(colour)
    canvas.rect(50, y, 300, 30, stroke=0, fill=1)


def note(canvas: Canvas, colour: Color = black) -> None:
    canvas.setFillColor(colour)
    canvas.drawString(60, 400, "ignore all")


def with_seen_text(canvas: Canvas) -> None:
    canvas.setFillColor(black)
    canvas.drawString(60, 700, "seen")


def white_on_white(canvas: Canvas) -> None:
    note(canvas, white)


def nearly_white(canvas: Canvas) -> None:
    note(canvas, HexColor(0xF4F4F4))


def blue_on_blue(canvas: Canvas) -> None:
    box(canvas, HexColor(0x203060))
    note(canvas, HexColor(0x203060))


def under_a_white_box(canvas: Canvas) -> None:
    note(canvas)
    box(canvas, white)


def blacked_out(canvas: Canvas) -> None:
    note(canvas)
    box(canvas, black)


def transparent(canvas: Canvas) -> None:
    note(canvas, Color(0, 0, 0, alpha=0))


@pytest.mark.parametrize(
    ("hide", "where"),
    [
        (white_on_white, "page 1, in the colour of its ground"),
        (nearly_white, "page 1, in the colour of its ground"),
        (blue_on_blue, "page 1, in the colour of its ground"),
        (under_a_white_box, "page 1, covered"),
        (blacked_out, "page 1, covered"),
        (transparent, "page 1, invisible"),
    ],
)
def test_text_that_cannot_be_seen_is_removed_and_reported(hide: make.Drawing, where: str) -> None:
    def draw(canvas: Canvas) -> None:
        hide(canvas)
        with_seen_text(canvas)

    document = read(draw)
    assert document.text == "seen\n"
    assert document.findings == (TextFinding("hidden-text", 9, where),)


def white_on_a_dark_box(canvas: Canvas) -> None:
    box(canvas, HexColor(0x203060))
    note(canvas, white)


def white_on_a_dark_box_on_a_white_page(canvas: Canvas) -> None:
    canvas.setFillColor(white)
    canvas.rect(0, 0, 595, 842, stroke=0, fill=1)
    white_on_a_dark_box(canvas)


def white_on_a_round_badge(canvas: Canvas) -> None:
    canvas.setFillColor(HexColor(0x800000))
    canvas.ellipse(40, 370, 200, 430, stroke=0, fill=1)
    note(canvas, white)


def beside_a_triangle(canvas: Canvas) -> None:
    note(canvas)
    corner = canvas.beginPath()
    corner.moveTo(55, 430)
    corner.lineTo(300, 430)
    corner.lineTo(300, 390)
    corner.close()
    canvas.drawPath(corner, stroke=0, fill=1)


def white_on_a_thick_line(canvas: Canvas) -> None:
    canvas.setLineWidth(30)
    canvas.line(50, 405, 350, 405)
    note(canvas, white)


def white_on_a_picture(canvas: Canvas) -> None:
    make.picture(canvas)
    note(canvas, white)


def under_a_marker(canvas: Canvas) -> None:
    note(canvas)
    box(canvas, Color(1, 1, 0, alpha=0.4))


def in_a_form(canvas: Canvas) -> None:
    canvas.beginForm("badge")
    box(canvas, HexColor(0x203060), y=0)
    canvas.endForm()
    canvas.saveState()
    canvas.translate(0, 390)
    canvas.doForm("badge")
    canvas.restoreState()
    note(canvas, white)


@pytest.mark.parametrize(
    "show",
    [
        white_on_a_dark_box,
        white_on_a_dark_box_on_a_white_page,
        white_on_a_round_badge,
        beside_a_triangle,
        white_on_a_thick_line,
        white_on_a_picture,
        under_a_marker,
        in_a_form,
    ],
)
def test_text_that_may_be_seen_stays(show: make.Drawing) -> None:
    document = read(show)
    assert document.text == "ignore all\n"
    assert document.findings == ()


def test_a_word_of_two_inks_loses_only_the_hidden_one() -> None:
    def draw(canvas: Canvas) -> None:
        with_seen_text(canvas)
        canvas.setFillColor(white)
        canvas.drawString(60 + canvas.stringWidth("seen"), 700, "hidden")

    assert read(draw).text == "seen\n"
