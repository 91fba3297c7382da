"""Numbers as word processors write them before clauses: letters, Roman, ordinals, words, and figures of other scripts.

Source: ECMA-376 part 1, 17.18.59 (ST_NumberFormat).
"""

import re

_ROMAN = tuple(
    zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1), "m cm d cd c xc l xl x ix v iv i".split(), strict=True)
)
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_ALPHABETS = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "chicago": "*†‡§",
}
_FIGURES = {
    "decimalFullWidth": "０１２３４５６７８９",
    "ideographDigital": "〇一二三四五六七八九",
    "hindiNumbers": "०१२३४५६७८९",
    "thaiNumbers": "๐๑๒๓๔๕๖๗๘๙",
}
_CYCLES = {
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
    "decimalEnclosedCircle": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "decimalEnclosedCircleChinese": "①②③④⑤⑥⑦⑧⑨⑩",
    "decimalEnclosedParen": "⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽⑾⑿⒀⒁⒂⒃⒄⒅⒆⒇",
    "ganada": "가나다라마바사아자차카타파하",
}
_TENS_COUNTED = frozenset(
    "chineseCounting chineseCountingThousand japaneseCounting taiwaneseCounting taiwaneseCountingThousand".split()
)
_PADDED = re.compile(r"0+1")
_MOST_ROMAN = 3999
_MOST_REPEATS = 30
"""Word goes no further than thirty times z."""


def format_number(value: int, style: str) -> str:
    """Write a number in one of Word's number formats; those not known, and numbers beyond one, come out as decimals."""
    if style == "none":
        return ""
    lower = f"lower{style.removeprefix('upper')}" if style.startswith("upper") else style.replace("Upper", "Lower")
    if lower != style:
        return format_number(value, lower).upper()
    written = _lettered(value, style) or _in_script(value, style)
    return written or _decimal(value, style)


def _lettered(value: int, style: str) -> str:
    """Write Roman numbers, letters and words; nothing for other formats and for numbers beyond them."""
    if style == "lowerRoman":
        return _roman(value) if value <= _MOST_ROMAN else ""
    if style in _ALPHABETS:
        return _letters(value, _ALPHABETS[style])
    if style in ("cardinalText", "ordinalText"):
        return _words(value, ordinal=style == "ordinalText")
    return ""


def _in_script(value: int, style: str) -> str:
    if style in _FIGURES:
        return str(value).translate({ord("0") + digit: figure for digit, figure in enumerate(_FIGURES[style])})
    if style in _CYCLES:
        return _CYCLES[style][value - 1] if 0 < value <= len(_CYCLES[style]) else ""
    return _chinese(value) if style in _TENS_COUNTED else ""


def _decimal(value: int, style: str) -> str:
    if style == "ordinal":
        return f"{value}{_ordinal_suffix(value)}"
    if style == "numberInDash":
        return f"- {value} -"
    if style == "decimalZero":
        return f"{value:02d}"
    # `001, 002, 003, ...` is how a format of one's own is written.
    padded = _PADDED.match(style)
    return f"{value:0{len(padded.group())}d}" if padded else str(value)


def _letters(value: int, alphabet: str) -> str:
    """Word repeats the letter past z: aa, bb, cc."""
    repeats, index = divmod(value - 1, len(alphabet))
    return alphabet[index] * (repeats + 1) if 0 <= repeats < _MOST_REPEATS else ""


def _roman(value: int) -> str:
    digits = []
    for weight, letters in _ROMAN:
        digits.append(letters * (value // weight))
        value %= weight
    return "".join(digits)


def _chinese(value: int) -> str:
    if not 0 < value < 100:
        return ""
    tens, ones = divmod(value, 10)
    figures = _FIGURES["ideographDigital"]
    return (figures[tens] if tens > 1 else "") + ("十" if tens else "") + (figures[ones] if ones else "")


def _ordinal_suffix(value: int) -> str:
    if value % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


def _words(value: int, *, ordinal: bool) -> str:
    if not 0 <= value < 100:
        return f"{value}{_ordinal_suffix(value)}" if ordinal else str(value)
    tens, ones = divmod(value, 10)
    parts = [_SMALL[value]] if value < 20 else [_TENS[tens - 2], *([_SMALL[ones]] if ones else [])]
    if ordinal:
        parts[-1] = _ordinal_word(parts[-1])
    return "-".join(parts).capitalize()


def _ordinal_word(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"
