import pytest

from kvprep.documents.markdown import is_label, table


def test_the_first_row_of_a_table_is_its_head() -> None:
    assert table([["item", "price"], ["lamp", "1,00"]]) == "| item | price |\n| --- | --- |\n| lamp | 1,00 |"


def test_a_cell_cannot_end_its_cell_or_its_line() -> None:
    assert table([["a|b", "c\n d"]]) == "| a\\|b | c d |\n| --- | --- |"


def test_rows_and_columns_without_text_are_left_out_and_short_rows_are_filled_up() -> None:
    assert table([["", " ", ""], ["a", "", "b", "c"], ["d"]]) == "| a | b | c |\n| --- | --- | --- |\n| d |  |  |"


def test_a_table_without_text_is_nothing() -> None:
    assert table([]) == table([[], [" "]]) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("North", True), ("1 month", True), ("EUR 100.00", False), ("12.5 %", False), ("", False), ("word " * 20, False)],
)
def test_a_label_is_short_and_has_more_letters_than_figures(text: str, expected: bool) -> None:
    assert is_label(text) is expected
