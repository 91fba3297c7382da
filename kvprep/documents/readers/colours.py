"""Colours as CSS and HTML attributes write them, as far as they are needed to tell text from what lies behind it."""

import re

Colour = tuple[int, int, int]
"""Red, green and blue, each from 0 to 255."""

WHITE: Colour = (255, 255, 255)
_NEAR = 24
"""Of 255 in every channel: nobody sees a letter that differs less from its background."""
_NAMES = {
    "white": WHITE,
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "azure": (240, 255, 255),
    "mintcream": (245, 255, 250),
    "ghostwhite": (248, 248, 255),
    "floralwhite": (255, 250, 240),
    "whitesmoke": (245, 245, 245),
    "lightgrey": (211, 211, 211),
    "lightgray": (211, 211, 211),
    "silver": (192, 192, 192),
    "darkgrey": (169, 169, 169),
    "darkgray": (169, 169, 169),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "black": (0, 0, 0),
    "maroon": (128, 0, 0),
    "red": (255, 0, 0),
    "orange": (255, 165, 0),
    "yellow": (255, 255, 0),
    "olive": (128, 128, 0),
    "lime": (0, 255, 0),
    "green": (0, 128, 0),
    "darkgreen": (0, 100, 0),
    "teal": (0, 128, 128),
    "cyan": (0, 255, 255),
    "aqua": (0, 255, 255),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "darkblue": (0, 0, 139),
    "purple": (128, 0, 128),
    "fuchsia": (255, 0, 255),
    "magenta": (255, 0, 255),
}
_HEX = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})(?:[0-9a-f]{1,2})?")
_NUMBER = r"(\d*\.?\d+%?)"
_FUNCTION = re.compile(rf"rgba?\(\s*{_NUMBER}[\s,]+{_NUMBER}[\s,]+{_NUMBER}\s*(?:[,/]\s*{_NUMBER}\s*)?\)", re.A)


def parse_colour(value: str) -> Colour | None:
    """Read a colour in lower case; nothing for one that is not known here, or that lets light through."""
    if value in _NAMES:
        return _NAMES[value]
    if match := _HEX.fullmatch(value):
        digits = match.group(1)
        pairs = [digits[index] * 2 for index in range(3)] if len(digits) == 3 else re.findall("..", digits)
        return int(pairs[0], 16), int(pairs[1], 16), int(pairs[2], 16)
    if (match := _FUNCTION.fullmatch(value)) and not is_transparent(value):
        red, green, blue = (_channel(part) for part in match.group(1, 2, 3))
        return red, green, blue
    return None


def is_transparent(value: str) -> bool:
    """Tell whether a colour in lower case cannot be seen at all."""
    match = _FUNCTION.fullmatch(value)
    return value == "transparent" or bool(match and match.group(4) and float(match.group(4).rstrip("%")) == 0)


def nearly_equal(one: Colour, other: Colour) -> bool:
    """Tell whether text in one colour cannot be read on the other."""
    return all(abs(a - b) <= _NEAR for a, b in zip(one, other, strict=True))


def _channel(value: str) -> int:
    number = float(value.rstrip("%"))
    return min(round(number * 2.55 if value.endswith("%") else number), 255)
