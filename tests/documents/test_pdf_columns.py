"""Prose in columns."""

import textwrap

import document_makers as make
import pytest
from reportlab.pdfgen.canvas import Canvas

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.pdf import PdfReader

SUPPLIER = (
    "The supplier shall deliver the goods to the place that the parties have agreed upon in writing and bears all "
    "risks until the goods have been handed over to the carrier that the buyer has named in the order. "
)
BUYER = (
    "The buyer shall pay the price within thirty days after receipt of the invoice and may withhold payment only where "
    "a claim is undisputed or has been finally decided by a competent court of law in the matter. "
)
TITLE = "General terms of delivery and payment for the year 2024, as agreed between the two parties"
FOOTNOTE = "1 The footnote stands below both columns and is about as wide as the page, or nearly so, like this."


def text_of(*pages: make.Drawing) -> str:
    return canonicalise(PdfReader().read(make.pdf(*pages), Limits())).text


def column(canvas: Canvas, text: str, x: float, *, top: float = 770, width: int = 42) -> list[str]:
    lines = textwrap.wrap(text * 2, width)
    for number, line in enumerate(lines):
        canvas.drawString(x, top - 12 * number, line)
    return lines


@pytest.mark.parametrize("offset", [0, 5])
def test_columns_of_prose_are_read_one_after_the_other(offset: float) -> None:
    printed: list[str] = []

    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 800, TITLE)
        right = column(canvas, BUYER, 310, top=770 - offset)
        printed.extend([TITLE, *column(canvas, SUPPLIER, 60), *right, FOOTNOTE])
        canvas.drawString(60, 100, FOOTNOTE)

    assert text_of(draw).splitlines() == printed


def test_three_columns_are_read_from_left_to_right() -> None:
    printed = {}

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 8)
        for x, text in ((400, SUPPLIER), (40, BUYER), (220, SUPPLIER.swapcase())):
            printed[x] = column(canvas, text, x, width=34)

    assert text_of(draw).splitlines() == [*printed[40], *printed[220], *printed[400]]


def test_a_line_across_the_page_parts_the_columns_above_from_those_below() -> None:
    def draw(canvas: Canvas) -> None:
        column(canvas, SUPPLIER, 60)
        column(canvas, BUYER, 310)
        canvas.drawString(60, 560, TITLE)
        column(canvas, SUPPLIER, 60, top=530)
        column(canvas, BUYER, 310, top=530)

    words = " ".join(text_of(draw).split())
    assert words == f"{SUPPLIER * 2}{BUYER * 2}{TITLE} {SUPPLIER * 2}{BUYER * 2}".strip()


def test_labels_beside_values_are_read_across() -> None:
    rows = [
        ("Date", "31 January"),
        ("Number", "17"),
        ("Order", "77120"),
        ("Due", "in May"),
        ("Ours", "KR"),
        ("You", "B"),
    ]

    def draw(canvas: Canvas) -> None:
        for number, (label, value) in enumerate(rows):
            canvas.drawString(60, 700 - 14 * number, label)
            canvas.drawString(200, 700 - 14 * number, value)

    assert text_of(draw).splitlines() == [f"{label} {value}" for label, value in rows]


def test_blocks_side_by_side_are_read_one_after_the_other_where_their_base_lines_differ() -> None:
    left = [(60, 700, "Jane Roe"), (60, 688, "42 Station Road"), (60, 676, "York YO1 7HH")]
    right = [(350, 694, "ACME Ltd"), (350, 682, "Phone 555 23"), (350, 670, "Leeds LS1 4AP")]
    assert text_of(make.at(*left, *right)) == (
        "Jane Roe\n42 Station Road\nYork YO1 7HH\nACME Ltd\nPhone 555 23\nLeeds LS1 4AP\n"
    )


def test_labels_are_read_with_their_values_also_where_their_base_lines_differ_a_little() -> None:
    pieces = [
        piece
        for number, word in enumerate(["Date", "Number", "Order", "Place"])
        for piece in ((60, 700 - 14 * number, word), (200, 697 - 14 * number, f"of {word}"))
    ]
    words = text_of(make.at(*pieces)).split()
    assert words == "Date of Date Number of Number Order of Order Place of Place".split()


def test_two_addresses_are_told_by_the_towns_on_both_sides() -> None:
    left = [(60, 700, "Supplier"), (60, 688, "Muster GmbH"), (60, 676, "Ring 9"), (60, 664, "80333 München")]
    right = [(250, 700, "Buyer"), (250, 688, "Client SARL"), (250, 676, "5 rue du Port"), (250, 664, "69001 Lyon")]
    assert text_of(make.at(*left, *right)) == (
        "Supplier\nMuster GmbH\nRing 9\n80333 München\nBuyer\nClient SARL\n5 rue du Port\n69001 Lyon\n"
    )


def test_a_list_of_towns_is_read_across() -> None:
    pieces = [
        piece
        for number, towns in enumerate([("80333 München", "69001 Lyon"), ("10115 Berlin", "75001 Paris")] * 2)
        for piece in ((60, 700 - 14 * number, towns[0]), (250, 700 - 14 * number, towns[1]))
    ]
    assert text_of(make.at(*pieces)).splitlines()[0] == "80333 München 69001 Lyon"
