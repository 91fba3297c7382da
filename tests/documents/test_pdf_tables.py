"""Tables of PDF pages: what becomes one, and how its rows are put together."""

import document_makers as make
from reportlab.pdfgen.canvas import Canvas

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.pdf import PdfReader

HEAD = [(60, 700, "Pos"), (100, 700, "Description"), (-380, 700, "Quantity"), (-500, 700, "Amount")]
FIRST = [(60, 684, "1"), (100, 684, "Office chair"), (-380, 684, "2"), (-500, 684, "160,00 €")]
HEAD_TEXT = "| Pos | Description | Quantity | Amount |\n| --- | --- | --- | --- |\n"


def text_of(*pages: make.Drawing) -> str:
    return canonicalise(PdfReader().read(make.pdf(*pages), Limits())).text


def row(y: float, number: str, name: str, quantity: str, amount: str) -> list[tuple[float, float, str]]:
    return [(60, y, number), (100, y, name), (-380, y, quantity), (-500, y, amount)]


def test_aligned_cells_with_figures_become_a_table_between_lines() -> None:
    pieces = [
        (60, 740, "Invoice 17"),
        *HEAD,
        *FIRST,
        *row(670, "2", "Desk | oak", "1", "499,00 €"),
        (60, 600, "Thanks"),
    ]
    assert text_of(make.at(*pieces)) == (
        f"Invoice 17\n\n{HEAD_TEXT}| 1 | Office chair | 2 | 160,00 € |\n| 2 | Desk \\| oak | 1 | 499,00 € |\n\nThanks\n"
    )


def test_wrapped_cells_go_back_into_their_row() -> None:
    wrapped = [(100, 672, "with arms, black"), (100, 660, "EAN 4012345001235")]
    pieces = [*HEAD, *FIRST, *wrapped, *row(640, "2", "Desk", "1", "499,00 €")]
    assert text_of(make.at(*pieces)) == (
        f"{HEAD_TEXT}| 1 | Office chair with arms, black EAN 4012345001235 | 2 | 160,00 € |\n"
        "| 2 | Desk | 1 | 499,00 € |\n"
    )


def test_a_first_column_wraps_where_its_lines_are_nearer_to_the_row_above() -> None:
    pieces = [
        *[(60, 700, "Service"), (-380, 700, "Hours"), (-500, 700, "Amount")],
        *[(60, 680, "Consulting in the"), (-380, 680, "3"), (-500, 680, "300.00"), (60, 668, "month of May")],
        *[(60, 648, "Travel"), (-380, 648, "1"), (-500, 648, "89.00"), (60, 628, "Our rates hold for a year")],
        *[(60, 608, "Hotel"), (-380, 608, "1"), (-500, 608, "120.00")],
    ]
    assert text_of(make.at(*pieces)) == (
        "| Service | Hours | Amount |\n| --- | --- | --- |\n"
        "| Consulting in the month of May | 3 | 300.00 |\n| Travel | 1 | 89.00 |\n"
        "| Our rates hold for a year |  |  |\n| Hotel | 1 | 120.00 |\n"
    )


def test_a_head_of_several_lines_is_one_row() -> None:
    pieces = [
        *[(-500, 712, "Amount"), (100, 712, "Number"), (60, 706, "Pos"), (200, 706, "Name"), (-380, 706, "Quantity")],
        *[(100, 700, "Code"), (-500, 700, "net")],
        *[(60, 680, "1"), (100, 680, "X-7"), (200, 680, "Chair"), (-380, 680, "2"), (-500, 680, "160,00")],
        *[(60, 664, "2"), (100, 664, "X-8"), (200, 664, "Desk"), (-380, 664, "1"), (-500, 664, "499,00")],
    ]
    assert text_of(make.at(*pieces)) == (
        "| Pos | Number Code | Name | Quantity | Amount net |\n| --- | --- | --- | --- | --- |\n"
        "| 1 | X-7 | Chair | 2 | 160,00 |\n| 2 | X-8 | Desk | 1 | 499,00 |\n"
    )


def test_rows_close_below_a_head_are_no_part_of_it() -> None:
    pieces = [
        *[(60, 700, "Kind"), (-380, 700, "Basis"), (-500, 700, "Tax")],
        *[(60, 688, "Books"), (-380, 688, "reduced"), (-500, 688, "0,15")],
        *[(60, 676, "Food"), (-380, 676, "reduced"), (-500, 676, "0,08")],
    ]
    assert text_of(make.at(*pieces)) == (
        "| Kind | Basis | Tax |\n| --- | --- | --- |\n| Books | reduced | 0,15 |\n| Food | reduced | 0,08 |\n"
    )


def test_a_total_stands_in_the_column_of_its_amount() -> None:
    total = [(250, 640, "Net amount of this invoice"), (-500, 640, "659,00 €")]
    pieces = [*HEAD, *FIRST, *row(668, "2", "Desk", "1", "499,00 €"), *total]
    assert text_of(make.at(*pieces)).endswith("|  |  | Net amount of this invoice | 659,00 € |\n")


def test_a_note_between_rows_is_a_row_of_its_own() -> None:
    note = (100, 664, "Delivered on the first of May to the warehouse in the harbour, undamaged")
    pieces = [*HEAD, *FIRST, note, *row(640, "2", "Desk", "1", "499,00 €")]
    assert f"\n|  | {note[2]} |  |  |\n| 2 | Desk |" in text_of(make.at(*pieces))


def test_an_amount_below_an_amount_begins_a_row() -> None:
    discount = [(100, 672, "Discount"), (-500, 672, "-16,00 €")]
    pieces = [*HEAD, *FIRST, *discount, *row(650, "2", "Desk", "1", "499,00 €")]
    assert "| 1 | Office chair | 2 | 160,00 € |\n|  | Discount |  | -16,00 € |\n" in text_of(make.at(*pieces))


def test_a_head_set_beside_its_column_names_it() -> None:
    pieces = [
        *[(180, 700, "Description"), (-380, 700, "Quantity"), (-500, 700, "Amount")],
        *[(60, 684, "Office chair"), (-380, 684, "2"), (-500, 684, "160,00")],
        *[(60, 668, "Desk"), (-380, 668, "1"), (-500, 668, "499,00")],
    ]
    assert text_of(make.at(*pieces)).startswith(
        "| Description | Quantity | Amount |\n| --- | --- | --- |\n| Office chair |"
    )


def test_a_number_centred_beside_its_item_stands_with_its_figures() -> None:
    pieces = [
        *HEAD,
        *row(684, "1", "Office chair", "2", "160,00"),
        *[(100, 660, "Desk"), (-380, 660, "1"), (-500, 660, "499,00"), (60, 640, "2")],
        *[(100, 640, "made of oak in a workshop near the coast of Spain"), *row(616, "3", "Lamp", "1", "99,00")],
    ]
    assert "| 2 | Desk | 1 | 499,00 |" in text_of(make.at(*pieces))


def test_the_head_of_another_table_and_a_larger_heading_part_tables() -> None:
    rates = [(60, 630, "Rate"), (-380, 630, "Net"), (-500, 630, "Tax")]
    values = [(60, 614, "19%"), (-380, 614, "659,00"), (-500, 614, "125,21")]
    text = text_of(make.at(*HEAD, *FIRST, *row(668, "2", "Desk", "1", "499,00 €"), *rates, *values))
    assert text == (
        f"{HEAD_TEXT}| 1 | Office chair | 2 | 160,00 € |\n| 2 | Desk | 1 | 499,00 € |\n\n"
        "| Rate | Net | Tax |\n| --- | --- | --- |\n| 19% | 659,00 | 125,21 |\n"
    )


def test_labels_and_addresses_stay_lines() -> None:
    pieces = [
        *[(60, 700, "Date:"), (130, 700, "31.01.2014"), (300, 700, "Account:"), (380, 700, "12345678")],
        *[(60, 686, "Number:"), (130, 686, "471102"), (300, 686, "Bank code:"), (380, 686, "70090100")],
        *[(60, 640, "ACME Ltd"), (200, 640, "Phone 555 23"), (380, 640, "Savings Bank")],
        *[(60, 626, "12 High Street"), (200, 626, "Fax 555 24"), (380, 626, "Registered in York")],
    ]
    assert text_of(make.at(*pieces)) == (
        "Date: 31.01.2014 Account: 12345678\nNumber: 471102 Bank code: 70090100\n"
        "ACME Ltd Phone 555 23 Savings Bank\n12 High Street Fax 555 24 Registered in York\n"
    )


def test_a_lone_item_is_one_line_with_its_wrapped_cells() -> None:
    pieces = [*FIRST, (100, 672, "with arms"), (60, 640, "See overleaf")]
    assert text_of(make.at(*pieces)) == "1 Office chair with arms 2 160,00 €\nSee overleaf\n"


def test_a_label_in_the_middle_of_its_value_stands_before_it() -> None:
    pieces = [
        *[(60, 700, "Number:"), (200, 700, "549910")],
        *[(200, 676, "Ms"), (60, 664, "Name:"), (200, 664, "Jane Roe"), (200, 652, "Solicitor")],
        *[(60, 620, "Town:"), (200, 620, "York")],
    ]
    assert text_of(make.at(*pieces)) == "Number: 549910\nName: Ms\nJane Roe\nSolicitor\nTown: York\n"


def test_a_table_does_not_depend_on_the_pieces_it_is_drawn_in() -> None:
    pieces = [*HEAD, *FIRST, (100, 672, "with arms, black"), *row(650, "2", "Desk", "1", "499,00 €")]

    def word_by_word(canvas: Canvas) -> None:
        for x, y, text in reversed(pieces):
            left = x if x > 0 else -x - canvas.stringWidth(text)
            words = text.split()
            for number in reversed(range(len(words))):
                before = " ".join([*words[:number], ""])
                canvas.drawString(left + canvas.stringWidth(before), y, words[number])

    assert text_of(word_by_word) == text_of(make.at(*pieces))
