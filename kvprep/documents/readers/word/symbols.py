"""Characters of the symbol fonts that Word documents use, as Unicode.

Source: Unicode's mapping of Adobe's Symbol encoding; Unicode 7's names for the characters of Wingdings.
"""

_SYMBOL = dict(
    zip(
        [*range(0x20, 0x7F), *range(0xA0, 0xF0), *range(0xF1, 0xFF)],
        " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
        "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"
        "〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
        strict=True,
    )
)
_WINGDINGS = {
    **dict(zip(range(0x41, 0x49), "✌👌👍👎☜☞☝☟", strict=True)),
    **dict(zip(range(0x80, 0x96), "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿", strict=True)),
    **dict(zip(range(0xDF, 0xE7), "←→↑↓↖↗↙↘", strict=True)),
    **dict(zip(range(0xEF, 0xF5), "⇦⇨⇧⇩⬄⇳", strict=True)),
    **{0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x3F: "✍", 0x4A: "☺", 0x4C: "☹", 0x6C: "●", 0x6D: "❍"},
    **{0x6E: "■", 0x6F: "☐", 0x71: "☐", 0x72: "☐", 0x75: "◆", 0x76: "❖", 0x78: "☒", 0x9F: "•", 0xA1: "○"},
    **{0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xB7: "•", 0xD8: "➢", 0xE8: "➔", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑"},
}
_WINGDINGS_2 = {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0x97: "●", 0x98: "•", 0xA3: "☐"}
_WEBDINGS = {0x61: "✔", 0x63: "☐", 0x67: "■", 0x6E: "●", 0x72: "✘"}
_FONTS = {"symbol": _SYMBOL, "wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS_2, "webdings": _WEBDINGS}
# Word keeps a symbol font's characters here.
_PRIVATE = range(0xF000, 0xF100)
_TRANSLATIONS = {
    font: {**characters, **{_PRIVATE.start + code: text for code, text in characters.items()}}
    for font, characters in _FONTS.items()
}


def is_symbol_font(font: str) -> bool:
    """Tell whether a font shows other characters than those that the file names."""
    return font.lower() in _TRANSLATIONS


def shown_characters(text: str, font: str) -> str:
    """Give what a font shows for a text; what is not known stays."""
    return text.translate(_TRANSLATIONS.get(font.lower(), {}))
