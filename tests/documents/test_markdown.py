from kvprep.documents.markdown import table


def test_the_first_row_of_a_table_is_its_head() -> None:
    assert table([["item", "price"], ["lamp", "1,00"]]) == "| item | price |\n| --- | --- |\n| lamp | 1,00 |"


def test_a_cell_cannot_end_its_cell_or_its_line() -> None:
    assert table([["a|b", "c\n d"]]) == "| a\\|b | c d |\n| --- | --- |"


def test_rows_and_columns_without_text_are_left_out_and_short_rows_are_filled_up() -> None:
    assert table([["", " ", ""], ["a", "", "b", "c"], ["d"]]) == "| a | b | c |\n| --- | --- | --- |\n| d |  |  |"


def test_a_table_without_text_is_nothing() -> None:
    assert table([]) == table([[], [" "]]) == ""
