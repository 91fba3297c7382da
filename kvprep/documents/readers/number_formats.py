"""Numbers as Word writes them before clauses: letters, Roman, ordinals, words."""

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


def format_number(value: int, style: str) -> str:
    """Write a number in one of Word's number formats; formats of other scripts come out as decimals."""
    if style == "none":
        return ""
    if style in ("upperRoman", "lowerRoman"):
        return _cased(_roman(value), style)
    if style in ("upperLetter", "lowerLetter"):
        # Word repeats the letter past z: aa, bb, cc.
        return _cased(chr(ord("a") + (value - 1) % 26) * ((value - 1) // 26 + 1), style) if value > 0 else ""
    if style == "decimalZero":
        return f"{value:02d}"
    if style == "ordinal":
        return f"{value}{_ordinal_suffix(value)}"
    if style in ("cardinalText", "ordinalText"):
        return _words(value, ordinal=style == "ordinalText")
    return str(value)


def _cased(text: str, style: str) -> str:
    return text.upper() if style.startswith("upper") else text


def _roman(value: int) -> str:
    digits = []
    for weight, letters in _ROMAN:
        digits.append(letters * (value // weight))
        value %= weight
    return "".join(digits)


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
