"""Numbers and dates of a spreadsheet as its number formats show them.

The separators and the names of months are those of the format's own language, English: which others a reader sees is
settled by the machine that it is opened on, not by the file. For the same reason the two formats that only say
"a date, as usual here" give year, month and day.

Source: ECMA-376 Part 1, 18.8.30 and 18.8.31.
"""

import datetime
import itertools
import operator
import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import NamedTuple

Value = bool | float | str | datetime.date | datetime.datetime | datetime.time | datetime.timedelta

GENERAL = "General"
BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0;("$"#,##0)',
    6: '"$"#,##0;("$"#,##0)',
    7: '"$"#,##0.00;("$"#,##0.00)',
    8: '"$"#,##0.00;("$"#,##0.00)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: "#,##0;(#,##0);-",
    42: '"$"#,##0;("$"#,##0);-',
    43: "#,##0.00;(#,##0.00);-",
    44: '"$"#,##0.00;("$"#,##0.00);-',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*](?P<gap>.)|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<condition>[<>=]+-?\d+(?:\.\d+)?)\]|\[[^\]]*\]"
    r"|(?P<date>y+|m+|d+|h+|s+(?:\.0+)?|am/pm|a/p)|(?P<exponent>e[+-]0+)|(?P<general>general)"
    r"|(?P<digit>[0#?])|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<literal>.)",
    re.I | re.S,
)
_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
_LARGE = 1e15
"""Beyond this a number has more digits than were kept."""
_MAX_DECIMALS = 30
_EXACT = Context(prec=200)
_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


class _Piece(NamedTuple):
    kind: str
    text: str


_Section = tuple[_Piece, ...]


def shown(value: Value, code: str) -> str:
    """Write a cell's value in its number format; a format that is not understood shows the bare value."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return value
    sections = _sections(code)
    if isinstance(value, int | float):
        section, number = _choose(sections, float(value))
        return _number(number, section)
    return _date(value, sections[0]) if sections else str(value)


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Section, ...]:
    sections: list[list[_Piece]] = [[]]
    for match in _PIECE.finditer(code):
        kind = match.lastgroup or ""
        if kind == "literal" and match.group() == ";":
            sections.append([])
        elif kind:
            text = match.group(kind)
            sections[-1].append(_Piece(kind, text.lower() if kind in ("date", "elapsed") else text))
    return tuple(map(tuple, sections))


def _choose(sections: Sequence[_Section], number: float) -> tuple[_Section, float]:
    """Choose the section for a number, by conditions or by its sign; a section for negative numbers brings the sign."""
    for section in sections:
        for piece in section:
            if piece.kind == "condition" and _meets(number, piece.text):
                return section, number
    if any(piece.kind == "condition" for section in sections for piece in section):
        return sections[-1], number
    if number < 0 and len(sections) > 1:
        return sections[1], -number
    if number == 0 and len(sections) > 2:
        return sections[2], number
    return sections[0], number


def _meets(number: float, condition: str) -> bool:
    sign = condition.rstrip("-.0123456789")
    compare = _COMPARISONS.get(sign)
    return compare is not None and compare(number, float(condition[len(sign) :]))


def _number(number: float, section: _Section) -> str:
    kinds = {piece.kind for piece in section}
    if "digit" in kinds and any(piece.text == "/" for piece in section):
        return _general(number)  # as a fraction
    if "general" in kinds:
        return "".join(_general(number) if piece.kind == "general" else _literal(piece) for piece in section)
    if "digit" not in kinds:
        text = "".join(map(_literal, section))
        return text.replace("@", _general(number)) if "@" in text else text
    negative, number = number < 0, abs(number)
    if "exponent" in kinds:
        text = _exponential(number, section)
    else:
        text = _fixed(number, section) if number < _LARGE else _general(number)
    return f"-{text}" if negative and re.search("[1-9]", text) else text


def _general(number: float) -> str:
    if abs(number) < _LARGE and number == int(number):  # in this order: a file may hold infinity, or no number
        return str(int(number))
    return f"{number:.10g}".upper()


def _literal(piece: _Piece) -> str:
    if piece.kind == "gap":
        return " "
    return piece.text if piece.kind in ("quoted", "escaped", "currency", "literal", "percent", "comma", "point") else ""


def _exponential(number: float, section: _Section) -> str:
    point = next((index for index, piece in enumerate(section) if piece.kind == "point"), len(section))
    mark = next(index for index, piece in enumerate(section) if piece.kind == "exponent")
    decimals = sum(piece.kind == "digit" for piece in section[point:mark])
    return f"{number:.{decimals}E}"


def _fixed(number: float, section: _Section) -> str:
    """Put the digits of a number into their places, from right to left before the point, from left to right behind."""
    kinds = [piece.kind for piece in section]
    point = kinds.index("point") if "point" in kinds else len(kinds)
    last = max((index for index in range(point) if kinds[index] == "digit"), default=0)
    decimals = min(kinds[point:].count("digit"), _MAX_DECIMALS)
    # Commas between digits part thousands; each one behind the last digit leaves three digits out.
    num_thousands = _num_commas(kinds[last + 1 : point]) + _num_commas(kinds[point + 1 + decimals :])
    exact = Decimal(repr(number)).scaleb(2 * min(kinds.count("percent"), 4) - 3 * min(num_thousands, 9))
    whole, _, fraction = f"{exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _EXACT):f}".partition(".")
    grouped = "comma" in kinds[:last]
    return _before_point(section[:point], whole, grouped) + _behind_point(section[point:], fraction)


def _num_commas(kinds: Sequence[str]) -> int:
    """Count the commas at the beginning."""
    return sum(1 for _ in itertools.takewhile(lambda kind: kind == "comma", kinds))


def _before_point(section: _Section, whole: str, grouped: bool) -> str:
    digits = list(whole.lstrip("0"))
    places = [index for index, piece in enumerate(section) if piece.kind == "digit"]
    written: list[str] = []
    num_digits = 0
    for index in range(len(section) - 1, -1, -1):
        piece = section[index]
        if piece.kind != "digit":
            written.append("" if piece.kind == "comma" else _literal(piece))
            continue
        # The leftmost place takes all digits that are left.
        for _ in range(len(digits) if index == places[0] else 1) or (0,):
            digit = digits.pop() if digits else "0" if piece.text == "0" else ""
            if digit and grouped and num_digits and num_digits % 3 == 0:
                written.append(",")
            written.append(digit)
            num_digits += bool(digit)
    return "".join(reversed(written))


def _behind_point(section: _Section, fraction: str) -> str:
    needed = [piece.text for piece in section if piece.kind == "digit"]
    kept = fraction
    while kept and kept[-1] == "0" and needed[len(kept) - 1] != "0":
        kept = kept[:-1]
    digits = iter(kept)
    shown_pieces = [piece for piece in section if piece.kind != "comma"]
    return "".join(next(digits, "") if piece.kind == "digit" else _literal(piece) for piece in shown_pieces)


def _date(value: datetime.date | datetime.time | datetime.timedelta, section: _Section) -> str:
    moment, elapsed = _moment(value)
    pieces = [piece for piece in section if piece.kind != "condition"]
    if not any(piece.kind in ("date", "elapsed") for piece in pieces):
        return str(value)
    clock_12 = any(piece.text in ("am/pm", "a/p") for piece in pieces)
    return "".join(_date_pieces(pieces, moment, elapsed, clock_12))


def _moment(value: datetime.date | datetime.time | datetime.timedelta) -> tuple[datetime.datetime, int]:
    """Give the moment and, for durations, the whole seconds."""
    start = datetime.datetime(1899, 12, 31)
    if isinstance(value, datetime.timedelta):
        return start + value % datetime.timedelta(days=1), int(value.total_seconds())
    if isinstance(value, datetime.time):
        return datetime.datetime.combine(start, value), value.hour * 3600 + value.minute * 60 + value.second
    if isinstance(value, datetime.datetime):
        return value, int((value - datetime.datetime(1899, 12, 30)).total_seconds())
    return datetime.datetime.combine(value, datetime.time()), 0


def _date_pieces(pieces: Sequence[_Piece], moment: datetime.datetime, elapsed: int, clock_12: bool) -> Iterator[str]:
    dated = [index for index, piece in enumerate(pieces) if piece.kind in ("date", "elapsed")]
    for index, piece in enumerate(pieces):
        if piece.kind == "elapsed":
            seconds = {"h": 3600, "m": 60, "s": 1}[piece.text[0]]
            yield f"{elapsed // seconds:0{len(piece.text)}d}"
        elif piece.kind == "date":
            place = dated.index(index)
            before = pieces[dated[place - 1]].text if place else ""
            after = pieces[dated[place + 1]].text if place + 1 < len(dated) else ""
            is_minute = piece.text[0] == "m" and (before[:1] == "h" or after[:1] == "s")
            yield _minute(piece.text, moment) if is_minute else _date_part(piece.text, moment, clock_12)
        elif piece.kind == "digit":
            yield "0" if piece.text == "0" else ""
        else:
            yield _literal(piece)


def _minute(text: str, moment: datetime.datetime) -> str:
    return f"{moment.minute:0{min(len(text), 2)}d}"


def _date_part(text: str, moment: datetime.datetime, clock_12: bool) -> str:
    kind, length = text[0], len(text)
    if kind == "y":
        return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"
    if kind in "md" and length > 2:
        name = _MONTHS[moment.month - 1] if kind == "m" else _DAYS[moment.weekday()]
        return name[0] if length == 5 else name[:3] if length == 3 else name
    if kind == "a":
        half = "AM" if moment.hour < 12 else "PM"
        return half if text == "am/pm" else half[0]
    if kind == "s":
        return _seconds(text, moment)
    hour = (moment.hour + 11) % 12 + 1 if clock_12 else moment.hour
    number = {"m": moment.month, "d": moment.day, "h": hour}[kind]
    return f"{number:0{min(length, 2)}d}"


def _seconds(text: str, moment: datetime.datetime) -> str:
    whole, _, fraction = text.partition(".")
    seconds = f"{moment.second:0{min(len(whole), 2)}d}"
    return f"{seconds}.{moment.microsecond:06d}"[: len(seconds) + 1 + len(fraction)] if fraction else seconds
