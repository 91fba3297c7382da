"""What a figure looks like in a cell: an amount, a quantity, a rate, a date."""

import re

_NUMBER = r"\d{1,3}(?:[.,'’ ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
_UNIT = r"[^\W\d_]{1,3}\.?|[^\W\d_]{4}|[€$£¥%‰/]"
_CURRENCY = r"[€$£¥]|EUR|USD|GBP|CHF|JPY|CNY|CAD|AUD|SEK|NOK|DKK|PLN|CZK|HUF|RON|INR"
_SIGNED = rf"(?:(?:{_CURRENCY})\s?)?[-–−+]?\s?(?:(?:{_CURRENCY})\s?)?(?:{_NUMBER})"
_FIGURE = re.compile(rf"{_SIGNED}(?:\s?(?:{_UNIT})){{0,2}}-?")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")
_AMOUNT_AT_END = re.compile(r"\d[.,]\d\d(?:\s?[€$£¥]|\s[A-Z]{3})?$")
_DIGIT = re.compile(r"\d")


def is_figure(text: str) -> bool:
    """Tell whether a cell holds one number and nothing else, save for its sign, its currency or its unit."""
    return bool(_FIGURE.fullmatch(text) or _DATE.fullmatch(text))


def is_value(text: str) -> bool:
    """Tell whether a cell holds a figure or a code: each of its words has a digit."""
    return is_figure(text) or all(_DIGIT.search(word) for word in text.split())


def has_digit(text: str) -> bool:
    """Tell whether there is a digit in a text."""
    return bool(_DIGIT.search(text))


def ends_with_amount(text: str) -> bool:
    """Tell whether a text ends with an amount of money: two decimals, with or without a currency."""
    return bool(_AMOUNT_AT_END.search(text))
