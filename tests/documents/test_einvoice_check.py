import einvoice_makers as make
import pytest

from kvprep.documents.einvoices import check, tree
from kvprep.documents.einvoices.figures import PrintedText

PAGE = """Müller & Söhne GmbH
Rechnung RE-2024/17 vom 31.01.2024
Käufer AG
| Leistung | Menge | Betrag |
| --- | --- | --- |
| Consulting \\| May | 10 | 1.000,00 |
19 % USt auf 1.000,00 EUR: 190,00
Summe 1.190,00 EUR
DE123456789 IBAN DE02 1203 0000 0000 2020 51
"""


def differences(data: bytes, text: str = PAGE) -> list[str]:
    return list(check.differences(tree.parse(data), text))


def test_an_invoice_that_says_what_the_page_prints_has_no_differences() -> None:
    assert differences(make.cii()) == []
    assert differences(make.zugferd1()) == []
    assert differences(make.ubl()) == []


@pytest.mark.parametrize(
    ("says", "term"),
    [
        (make.Invoice(number="RE-2024/18"), "Invoice number"),
        (make.Invoice(date="20240130"), "Invoice date"),
        (make.Invoice(date="20249930"), "Invoice date"),
        (make.Invoice(seller="Möller & Söhne GmbH"), "Seller name"),
        (make.Invoice(buyer="Verkäufer AG"), "Buyer name"),
        (make.Invoice(vat_id="DE123456780"), "Seller VAT ID"),
        (make.Invoice(iban="DE02120300000000202052"), "IBAN"),
        (make.Invoice(tax="191.00"), "Taxes 1: Tax amount"),
        (make.Invoice(total="1190.01"), "Grand total"),
    ],
)
def test_a_term_that_the_page_does_not_print_is_named_and_its_value_is_not(says: make.Invoice, term: str) -> None:
    assert differences(make.cii(says)) == [term]


def test_a_line_is_named_by_its_row() -> None:
    assert differences(make.cii(make.Invoice(line="1001.00"))) == ["Line items 1: Amount", "Taxes 1: Basis"]


@pytest.mark.parametrize(
    "printed",
    [
        "1.234,50",
        "1,234.50",
        "1 234,50",
        "1\u00a0234,50",
        "1\u202f234,50 €",
        "1'234.50",
        "1’234.50",
        "1234.50",
        "1234,5",
        "-1.234,50",
        "€1234.50",
    ],
)
def test_an_amount_is_found_in_every_form_that_people_print(printed: str) -> None:
    assert PrintedText(f"Summe: {printed}").has_amount("1234.50")
    assert PrintedText(f"| Summe | {printed} |").has_amount("-1234.5000")


@pytest.mark.parametrize("printed", ["11.234,50", "1.234,51", "234,50", "1.234.50,0", "12.345", "1.234,505", ""])
def test_an_amount_is_not_found_within_another_one(printed: str) -> None:
    assert not PrintedText(f"Summe {printed}").has_amount("1234.50")


def test_nothing_to_pay_need_not_be_printed() -> None:
    assert PrintedText("").has_amount("0.00")


@pytest.mark.parametrize(
    "printed",
    [
        "05.03.2024",
        "5.3.2024",
        "05. 03. 24",
        "2024-03-05",
        "05/03/2024",
        "03/05/2024",
        "20240305",
        "05032024",
        "5. März 2024",
        "5 mars 2024",
        "5 March 2024",
        "March 5, 2024",
        "Mar. 5th, 2024",
        "5-Mar-2024",
        "1er avril und 5 de marzo de 2024",
        "5 mrt 24",
    ],
)
def test_a_date_is_found_in_every_form_that_people_print(printed: str) -> None:
    assert PrintedText(f"Datum: {printed}.").has_date("20240305")
    assert PrintedText(f"Datum: {printed}").has_date("2024-03-05")


@pytest.mark.parametrize("printed", ["05.03.2023", "06.03.2024", "5. Mai 2024", "105.03.2024", "5 juin 2024"])
def test_another_date_is_not_taken_for_it(printed: str) -> None:
    assert not PrintedText(printed).has_date("20240305")


def test_months_that_begin_alike_are_told_apart() -> None:
    assert PrintedText("1 juin 2024").has_date("20240601")
    assert PrintedText("1 juillet 2024").has_date("20240701")
    assert not PrintedText("1 juillet 2024").has_date("20240601")


def test_an_identifier_is_found_however_it_is_grouped_and_not_within_a_longer_number() -> None:
    assert PrintedText("IBAN: DE02 1203 0000 0000 2020 51").has_number("DE02120300000000202051")
    assert PrintedText("Nr. 4711-02").has_number("471102")
    assert not PrintedText("Nr. 14711022").has_number("471102")
    assert not PrintedText("RE-47113").has_number("RE-4711")


def test_an_identifier_is_found_where_a_column_wraps_it() -> None:
    text = PrintedText("IBAN Giro No.\nDE67 1004 8392 7221 888-9999\n8882 72\n")
    assert text.has_number("DE67 1004 8392 7221 8882 72")
    assert not text.has_number("DE67 1004 8392 7221 8882 73")


def test_a_name_is_found_where_the_layout_parts_it() -> None:
    assert PrintedText("Seller Buyer\nMüller & Käufer\nSöhne GmbH AG").has_name("Müller & Söhne GmbH")
    assert PrintedText("MÜLLER&SÖHNE GMBH").has_name("Müller & Söhne GmbH")
    assert not PrintedText("Müller GmbH").has_name("Müller & Söhne GmbH")


def test_numbers_without_bounds_are_not_worked_out() -> None:
    text = PrintedText("9" * 100_000 + " " + "1 111 " * 10_000)
    assert not text.has_amount("9" * 15)
    assert text.has_amount("NaN") and text.has_amount("1e999999")
