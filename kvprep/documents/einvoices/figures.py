"""What stands in a printed text, in forms that can be looked up: amounts, dates, numbers and names."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cached_property

_NUMBER = re.compile(r"[0-9]+(?:[.,'’][0-9]+)*")
# `1 234,56` may also be the quantity 1 beside the amount 234,56: both readings count.
_SPACED_NUMBER = re.compile(r"(?<![0-9])(?=([0-9]{1,3}(?:\s[0-9]{3}){1,4}(?:[.,][0-9]+)?))")
_GROUPED = re.compile(r"[0-9]{1,3}([.,'’])[0-9]{3}(?:\1[0-9]{3})*")
_GERMAN = str.maketrans(",.", ".,")
_SEPARATORS = re.compile("[.,'’]")
_XML_AMOUNT = re.compile(r"[+-]?([0-9]{1,15}(?:\.[0-9]{1,8})?)(?:\s|$)")
_WORD = re.compile(r"[^\W_]+")
_GOES_BACK = re.compile(r"\d[.,'’]?\d$")
_GOES_ON = re.compile(r"\d[.,'’]?\d")
_FOURS = re.compile(r"\S{1,4}")  # how an IBAN is usually grouped
_LONGEST_ID = 200

_XML_DATE = re.compile(r"([0-9]{4})-?([0-9][0-9])-?([0-9][0-9])")
_NUMERIC_DATE = re.compile(r"(?<![0-9])([0-9]{1,4})\s?[./-]\s?([0-9]{1,2})\s?[./-]\s?([0-9]{4}|[0-9]{1,2})(?![0-9])")
_COMPACT_DATE = re.compile(
    r"(?<![0-9])(?:(20[0-9][0-9])([0-9][0-9])([0-9][0-9])|([0-9][0-9])([0-9][0-9])(20[0-9][0-9]))(?![0-9])"
)
_DAY_MONTH_YEAR = re.compile(
    r"(?<!\d)(\d{1,2})(?:\.|st|nd|rd|th|er)?[\s-]?(?:de\s)?([^\W\d_]{3,10})\.?[,\s-]{0,2}(?:de\s)?(\d{4}|\d\d)(?!\d)"
)
_MONTH_DAY_YEAR = re.compile(r"([^\W\d_]{3,10})\.?[\s-](\d{1,2})(?:st|nd|rd|th)?[,\s-]{1,2}(\d{4})(?!\d)")
_PRINTED_DATES = (_NUMERIC_DATE, _COMPACT_DATE, _DAY_MONTH_YEAR, _MONTH_DAY_YEAR)
# The beginnings of months' names without accents, in German, English, French, Italian, Spanish, Portuguese and Dutch.
_MONTHS = {
    beginning: number
    for number, beginnings in enumerate(
        (
            "jan gen ene",
            "feb fev fee",
            "mar mrz mae maa mrt",
            "apr avr abr",
            "mai may mag mei",
            "jun juin giu",
            "jul juil lug",
            "aug aou ago",
            "sep set",
            "okt oct ott out",
            "nov",
            "dez dec dic",
        ),
        start=1,
    )
    for beginning in beginnings.split()
}


class PrintedText:
    """A printed text, ready to be asked what stands in it."""

    def __init__(self, text: str) -> None:
        """Index a text; the bars of Markdown tables are no part of it."""
        self._text = _plain(text.replace("\\|", "|"))
        words = _WORD.findall(self._text)
        self._words = frozenset(words)
        self._squeezed = "".join(words)

    def has_amount(self, written: str) -> bool:
        """Tell whether an amount is printed, in whatever form and with whatever sign; nothing at all need not be."""
        match = _XML_AMOUNT.match(written)
        if match is None:
            return True
        rounded = f"{Decimal(match.group()):.2f}".lstrip("+-")
        if any(self._stands_alone(form) for form in _usual_forms(rounded)):
            return True
        exact, two_places = (_amount(*amount.partition(".")[::2]) for amount in (match.group(1), rounded))
        return exact == "." or not self._amounts.isdisjoint((exact, two_places))

    @cached_property
    def _amounts(self) -> frozenset[str]:
        return frozenset(_amounts(self._text))

    def has_date(self, written: str) -> bool:
        """Tell whether a date as XML writes it is printed in one of the usual forms; 05/04 may be either.

        Other forms than year, month and day are not looked up.
        """
        parts = _XML_DATE.match(written)
        if parts is None:
            return True
        wanted = _date(*parts.groups())
        return wanted is not None and any(wanted in _dates(pattern, self._text) for pattern in _PRINTED_DATES)

    def has_number(self, written: str) -> bool:
        """Tell whether an identifier is printed, whatever stands between its letters and digits."""
        plain = _plain(written)
        if self._stands_alone(plain) or self._stands_alone(" ".join(_FOURS.findall(plain))):
            return True
        if self._is_wrapped(plain.split()):
            return True
        characters = "".join(_WORD.findall(plain))[:_LONGEST_ID]
        if characters not in self._squeezed:
            return False
        spaced = r"[\W_]*".join(map(re.escape, characters))
        return any(self._is_whole(*match.span()) for match in re.finditer(spaced, self._text))

    def _is_wrapped(self, groups: list[str]) -> bool:
        """Tell whether groups are printed in two lines of a column, with other columns' text between."""
        parts = ((" ".join(groups[:at]), " ".join(groups[at:])) for at in range(1, len(groups)))
        return any(self._stands_alone(above) and self._stands_alone(below) for above, below in parts)

    def _stands_alone(self, form: str) -> bool:
        """Tell whether a form is printed just so: the usual case, and a fast one."""
        at = self._text.find(form)
        while at >= 0 and not self._is_whole(at, at + len(form)):
            at = self._text.find(form, at + 1)
        return at >= 0

    def _is_whole(self, start: int, end: int) -> bool:
        """Tell whether numbers at the ends of a stretch go no further, with or without a separator between."""
        return not (_GOES_BACK.search(self._text[max(0, start - 2) : start + 1]) or _GOES_ON.match(self._text, end - 1))

    def has_name(self, written: str) -> bool:
        """Tell whether a name is printed: in one piece, or in words that a layout has parted."""
        words = _WORD.findall(_plain(written))
        return "".join(words) in self._squeezed or self._words.issuperset(words)


def _plain(text: str) -> str:
    """Fold what only looks different. For looking up alone: no text comes out of here."""
    return unicodedata.normalize("NFKC", text).casefold()


def _usual_forms(amount: str) -> tuple[str, str, str, str]:
    """Write an amount of two places as most pages do: `1234.50` also as `1,234.50`, `1.234,50` and `1234,50`."""
    english = f"{Decimal(amount):,}"
    return amount, english, english.translate(_GERMAN), amount.translate(_GERMAN)


def _amounts(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        yield from _readings(match.group())
    for match in _SPACED_NUMBER.finditer(text):
        yield from _readings("".join(match.group(1).split()))


def _readings(number: str) -> Iterator[str]:
    """Yield what a printed number may mean: its last separator before decimals, or all of them between thousands."""
    *thousands, last = _SEPARATORS.split(number)
    if thousands and number[-len(last) - 1] in ".,":
        yield _amount("".join(thousands), last)
    if not thousands or _GROUPED.fullmatch(number):
        yield _amount("".join([*thousands, last]), "")


def _amount(whole: str, decimals: str) -> str:
    """Write an amount in one way: `01234` and `50` as `1234.5`."""
    return f"{whole.lstrip('0')}.{decimals.rstrip('0')}"


def _dates(pattern: re.Pattern[str], text: str) -> Iterator[date | None]:
    for match in pattern.finditer(text):
        parts = [part for part in match.groups() if part]
        yield from (_date(*order) for order in (parts, parts[::-1], (parts[2], parts[0], parts[1])))


def _date(year: str, month: str, day: str) -> date | None:
    if not year.isdecimal() or not day.isdecimal():
        return None
    number = int(month) if month.isdecimal() else _month(month)
    try:
        return date(int(year) + (2000 if len(year) <= 2 else 0), number, int(day))
    except ValueError:
        return None


def _month(name: str) -> int:
    letters = "".join(char for char in unicodedata.normalize("NFD", name) if char.isalpha())
    return _MONTHS.get(letters[:4]) or _MONTHS.get(letters[:3], 0)
