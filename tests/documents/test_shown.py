import datetime

import pytest

from kvprep.documents.readers.sheets.shown import Value, shown

DAY = datetime.date(2024, 3, 5)
MOMENT = datetime.datetime(2024, 1, 5, 14, 3, 9)
ACCOUNTING = '_-* #,##0.00\\ "€"_-;-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-'


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (5.0, "General", "5"),
        (0.1 + 0.2, "General", "0.3"),
        (1e20, "General", "1E+20"),
        (True, "General", "TRUE"),
        ("text", "0.00", "text"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234567, "#,##0", "1,234,567"),
        (2.675, "0.00", "2.68"),
        (-5, "0.00", "-5.00"),
        (-0.001, "0.00", "0.00"),
        (-5, "0.00;(0.00)", "(5.00)"),
        (-1234, "#,##0.00;[Red]-#,##0.00", "-1,234.00"),
        (0, "#,##0;-#,##0;", ""),
        (7, ";;;", ""),
        (0.195, "0.0%", "19.5%"),
        (1234.5, "#,##0.00 [$€-407]", "1,234.50 €"),
        (1234.5, ACCOUNTING, "1,234.50 €"),
        (0, ACCOUNTING, "- €"),
        (7, "00000", "00007"),
        (5551234567, "(###) ###-####", "(555) 123-4567"),
        (5551234, "[<=9999999]###-####;(###) ###-####", "555-1234"),
        (1234567, "0.0,,", "1.2"),
        (1.5, "0.##", "1.5"),
        (12345, "0.00E+00", "1.23E+04"),
        (3.5, "# ?/?", "3.5"),
        (45, '0" kg"', "45 kg"),
        (1e300, "0.00", "1E+300"),
        (DAY, "yyyy\\-mm\\-dd\\ h:mm:ss", "2024-03-05 0:00:00"),
        (DAY, "[$-407]dd/mm/yyyy;@", "05/03/2024"),
        (DAY, "dddd, d. mmmm yy", "Tuesday, 5. March 24"),
        (DAY, "General", "2024-03-05"),
        (MOMENT, "d.m.yy h:mm", "5.1.24 14:03"),
        (MOMENT, "hh:mm AM/PM", "02:03 PM"),
        (datetime.time(0, 3, 9), "mm:ss.0", "03:09.0"),
        (datetime.timedelta(hours=30, minutes=5), "[h]:mm", "30:05"),
    ],
)
def test_a_value_is_written_as_its_format_shows_it(value: Value, code: str, expected: str) -> None:
    assert " ".join(shown(value, code).split()) == expected


@pytest.mark.parametrize(
    "code", ["", ";", '"', "[", "\\", "0" * 500 + "." + "0" * 500, "%" * 500, "#,,,,,,,,,,,,", "[<x]0"]
)
@pytest.mark.parametrize("value", [0.0, -1.5, 1e14, DAY])
def test_a_broken_format_shows_something_and_ends(code: str, value: Value) -> None:
    assert isinstance(shown(value, code), str)
