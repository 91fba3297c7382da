import pytest

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.separated import SeparatedReader


def text_of(text: str, encoding: str = "utf-8") -> str:
    return canonicalise(SeparatedReader().read(text.encode(encoding), Limits())).text.removesuffix("\n")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_common_separator_and_line_end_give_the_same_table(mark: str, line_end: str) -> None:
    text = line_end.join(mark.join(row) for row in (("Item", "Price", "Note"), ("Lamp", "12.50", ""), ("", "", "")))
    assert text_of(text) == "| Item | Price | Note |\n| --- | --- | --- |\n| Lamp | 12.50 |  |"


def test_a_decimal_comma_is_no_separator() -> None:
    assert text_of("1;1,50;3,00\n2;2,50;5,00") == "| 1 | 1,50 | 3,00 |\n| --- | --- | --- |\n| 2 | 2,50 | 5,00 |"


def test_quoted_values_may_hold_separators_line_ends_and_quotation_marks() -> None:
    assert text_of('a,b\n"one, ""two""\nthree",4') == '| a | b |\n| --- | --- |\n| one, "two" three | 4 |'


def test_a_stray_quotation_mark_does_not_swallow_the_rows_behind_it() -> None:
    text = 'item,inches\nscreen,"27\nframe,12\ncable,40\nlamp,9'
    assert text_of(text).splitlines()[2:] == ['| screen | "27 |', "| frame | 12 |", "| cable | 40 |", "| lamp | 9 |"]


def test_short_rows_are_filled_up_and_long_ones_widen_the_table() -> None:
    assert (
        text_of("a,b\n1\n1,2,3\n1,2") == "| a | b |  |\n| --- | --- | --- |\n| 1 |  |  |\n| 1 | 2 | 3 |\n| 1 | 2 |  |"
    )


def test_lines_above_the_table_stay_lines() -> None:
    text = "Account;DE02\nDay\n\nDate;Payee;Amount;Balance\n01.02.;Ada;1,00;2,00\n02.02.;Bob;3,00;5,00"
    assert text_of(text).startswith("Account DE02\nDay\n\n| Date | Payee | Amount | Balance |\n| --- |")


def test_the_line_that_names_the_separator_is_no_row() -> None:
    assert text_of("sep=;\na;b,c\n1;2,3\n") == "| a | b,c |\n| --- | --- |\n| 1 | 2,3 |"


def test_a_file_that_is_no_table_stays_text() -> None:
    for text in ("Industry\nSales\nOther", "Dear all,\nthe lamp is sold.\nMore follows.\nYours"):
        assert text_of(text) == text


def test_a_table_is_decoded_as_text_is() -> None:
    assert "| Größe | 5 € |" in text_of("Maß;Preis\nGröße;5 €\nHöhe;6 €", "cp1252")


def test_a_row_without_end_makes_no_table_of_blanks() -> None:
    text = "a,b\n" * 3000 + "," * 5000 + "x"
    assert text_of(text).startswith("a,b\na,b\n")
