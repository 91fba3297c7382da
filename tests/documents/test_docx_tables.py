import document_makers as make
from document_makers import p, r, tbl
from docx_texts import read, text_of

from kvprep.types import TextFinding


def test_nested_tables_and_tables_for_layout_give_their_text_in_order() -> None:
    inner = tbl([p(r("x")), p(r("y"))], [p(r("1")), p(r("2"))])
    assert text_of(tbl([p(r("left")), p(r("right")) + inner], [p(r("below")), p()])) == (
        "left\n\nright\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\nbelow"
    )
    assert text_of(tbl([p(r("only")) + p(r("column"))], [p(r("here"))])) == "only\n\ncolumn\n\nhere"


def merged(properties: str, text: str) -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(r(text))}</w:tc>"


def plain(*texts: str) -> str:
    return "".join(f"<w:tc>{p(r(text))}</w:tc>" for text in texts)


WIDE, TALL, COVERED = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"


def table_of(*rows: str) -> str:
    return text_of(f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>")


def test_a_label_stands_in_every_cell_that_its_merged_cell_covers() -> None:
    text = table_of(
        plain("Region", "Item|s", "Price"),
        merged(TALL, "North") + plain("lamp", "2"),
        merged(COVERED, "under") + plain("bulb", "3"),
        merged(WIDE, "Total") + plain("5"),
    )
    head = "| Region | Item\\|s | Price |\n| --- | --- | --- |"
    assert text == f"{head}\n| North | lamp | 2 |\n| North | bulb | 3 |\n| Total | Total | 5 |"


def test_what_stands_under_a_merged_cell_is_hidden_text() -> None:
    row = plain("a", "b")
    data = make.docx_of(f"<w:tbl><w:tr>{row}</w:tr><w:tr>{merged(COVERED, 'under')}{plain('c')}</w:tr></w:tbl>")
    assert read(data).findings == (TextFinding("hidden-text", 5, "under a merged cell"),)


def test_a_figure_of_a_merged_cell_stands_once() -> None:
    text = table_of(
        plain("Item", "Price"), plain("lamp") + merged(TALL, "EUR 100.00"), plain("bulb") + merged(COVERED, "")
    )
    assert text == "| Item | Price |\n| --- | --- |\n| lamp | EUR 100.00 |\n| bulb |  |"


def test_nothing_is_repeated_in_a_form_where_no_row_fills_all_columns() -> None:
    text = table_of(merged(WIDE, "Name") + plain("Ann"), plain("Born") + merged(WIDE, "May"))
    assert text == "| Name |  | Ann |\n| --- | --- | --- |\n| Born | May |  |"


def test_a_cell_over_a_whole_row_and_columns_that_nothing_starts_in_stand_once() -> None:
    whole = '<w:gridSpan w:val="5"/>'
    row = merged(WIDE, "Law") + plain("England") + merged(WIDE, "x")
    text = table_of(row, merged(whole, "Key terms"), row)
    assert text == "| Law | England | x |\n| --- | --- | --- |\n| Key terms |  |  |\n| Law | England | x |"


def test_cells_over_the_whole_width_at_the_top_are_the_title_of_the_table() -> None:
    text = table_of(merged(WIDE, "Prices"), merged(WIDE, "in EUR"), plain("Item", "Price"), plain("lamp", "2"))
    assert text == "Prices\n\nin EUR\n\n| Item | Price |\n| --- | --- |\n| lamp | 2 |"


def test_cells_merged_the_old_way_are_read_alike() -> None:
    text = table_of(plain("a", "b"), merged('<w:hMerge w:val="restart"/>', "Sum") + merged("<w:hMerge/>", ""))
    assert text == "| a | b |\n| --- | --- |\n| Sum | Sum |"


def test_a_table_with_text_in_one_row_or_column_only_is_none() -> None:
    empty = p()
    assert text_of(tbl([p(r("a")), empty], [p(r("b")), empty])) == "a\n\nb"
    assert text_of(tbl([p(r("a")), p(r("b"))], [empty, empty])) == "a b"
