"""How an HTML element looks, as far as it decides whether its text is seen and how lines break in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from kvprep.documents.readers.colours import WHITE, Colour, is_transparent, nearly_equal, parse_colour

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

Style = Mapping[str, str]
"""Properties and values, in lower case."""

# Most elements have neither a style nor one of these, and look as what they stand in.
_OWN_LOOKS = frozenset("a body del dialog font listing pre s strike textarea xmp".split())
_ATTRIBUTES = frozenset("background bgcolor color hidden text".split())
_LEAST_FONT_PX = 4 / 3
"""One point; nobody reads smaller print."""
_FAR_PX = 999
"""From here on, a negative offset moves text off every screen."""
_PX = {"px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "ex": 8.0, "cm": 37.8, "mm": 3.78, "in": 96.0, "": 1.0}
# A screen or a container, whichever is meant, is taken to be a thousand pixels wide.
_PX |= dict.fromkeys(("%", "vw", "vh"), 10.0)
_LENGTH = re.compile(r"(-?(?:\d+\.?\d*|\.\d+))(px|pt|r?em|ex|cm|mm|in|%|vw|vh|)")
_FONT_SIZE = re.compile(r"(?:^|\s)((?:\d+\.?\d*|\.\d+)(?:px|pt|r?em|%|))\s*(?:/|\s|$)")
_URL = re.compile(r"url\(|gradient\(|var\(")
_SHIFT = re.compile(r"translate[xy3d]*\(\s*([^,)]*)|(scale[xy3d]*)\(\s*0*\.?0*\s*[,)]")
_CLIPPED = re.compile(r"rect\(\s*0*[01]?(?:px)?[\s,]+0*[01]?(?:px)?[\s,]+0*[01]?(?:px)?[\s,]+0*[01]?(?:px)?\s*\)")
_CLIPPED_PATH = re.compile(r"inset\(\s*(?:100|[5-9]\d)%\s*\)|circle\(\s*0")


@dataclass(frozen=True, slots=True)
class Look:
    """What an element has from its own style and from what it stands in."""

    display: str = "block"
    gone: str = ""
    """Why neither the element nor anything in it is seen; empty where it is."""
    invisible: bool = False
    font_px: float = 16.0
    colour: Colour | None = (0, 0, 0)
    backdrop: Colour | None = WHITE
    """What lies behind the text; nothing where it is a picture, or not known."""
    transparent: bool = False
    keeps_lines: bool = False
    """Line breaks and blanks stand as they are in the markup."""
    struck: bool = False

    @property
    def unseen(self) -> str:
        """Say why the element's own text is not seen; empty where it is."""
        return _why_unseen(self)


def look_of(element: "Element", style: Style, parent: Look) -> Look:
    """Work out how an element looks from its own style and its parent's look."""
    if not style and element.tag not in _OWN_LOOKS and _ATTRIBUTES.isdisjoint(element.keys()):
        return _inherited(parent)
    display = _display(element, style)
    colour = _colour_written(element, style)
    return Look(
        display=display,
        gone=_why_gone(element, style, display),
        invisible=_inherit(style, "visibility", parent.invisible, ("hidden", "collapse")),
        font_px=_font_px(style, parent.font_px),
        colour=parse_colour(colour) if colour else parent.colour,
        backdrop=_backdrop(element, style, parent.backdrop),
        transparent=is_transparent(colour) if colour else parent.transparent,
        keeps_lines=_keeps_lines(element, style, parent),
        struck=parent.struck or element.tag in ("del", "s", "strike") or "line-through" in _decoration(style),
    )


@lru_cache(maxsize=1024)
def _inherited(parent: Look) -> Look:
    return replace(parent, display="", gone="")


@lru_cache(maxsize=1024)
def _why_unseen(look: Look) -> str:
    if look.invisible:
        return "visibility: hidden"
    if look.font_px < _LEAST_FONT_PX:
        return "print smaller than a point"
    if look.transparent or (look.colour and look.backdrop and nearly_equal(look.colour, look.backdrop)):
        return "text in the colour of its background"
    return ""


def _display(element: "Element", style: Style) -> str:
    display = style.get("display", _default_display(element))
    # Children of a column stand one below the other, as in a grid.
    return "grid" if "flex" in display and style.get("flex-direction", "").startswith("column") else display


def _default_display(element: "Element") -> str:
    is_closed_dialog = element.tag == "dialog" and element.get("open") is None
    return "none" if element.get("hidden") is not None or is_closed_dialog else ""


def _why_gone(element: "Element", style: Style, display: str) -> str:
    if display == "none":
        return "display: none"
    opacity = _length(style.get("opacity", ""))
    if opacity is not None and (opacity / 1000 if style["opacity"].endswith("%") else opacity) < 0.05:
        return "opacity: 0"
    if _is_off_screen(style):
        return "off the screen"
    if _is_clipped(style):
        return "clipped away"
    return ""


def _is_off_screen(style: Style) -> bool:
    names = ["text-indent", "margin-left", "margin-top"]
    if style.get("position") in ("absolute", "fixed"):
        names += ["left", "right", "top", "bottom"]
    shift = _SHIFT.search(style.get("transform", ""))
    lengths = [_length(style.get(name, "")) for name in names]
    lengths.append(_length(shift.group(1).strip()) if shift and shift.group(1) else None)
    return any(length is not None and length <= -_FAR_PX for length in lengths)


def _is_clipped(style: Style) -> bool:
    shift = _SHIFT.search(style.get("transform", ""))
    if (shift and shift.group(2)) or _CLIPPED_PATH.search(style.get("clip-path", "")):
        return True
    if style.get("position") in ("absolute", "fixed") and _CLIPPED.search(style.get("clip", "")):
        return True
    if not any(style.get(name, "").startswith(("hidden", "clip")) for name in ("overflow", "overflow-x", "overflow-y")):
        return False
    sizes = [_length(style.get(name, "")) for name in ("width", "height", "max-width", "max-height")]
    return any(size is not None and size <= 1 for size in sizes)


def _inherit(style: Style, name: str, inherited: bool, values: tuple[str, ...]) -> bool:
    value = style.get(name, "inherit")
    return inherited if value == "inherit" else value in values


def _font_px(style: Style, inherited: float) -> float:
    value = style.get("font-size", "")
    if not value and (shorthand := _FONT_SIZE.search(style.get("font", ""))):
        value = shorthand.group(1)
    match = _LENGTH.fullmatch(value)
    if not match:
        return 16.0 if value.endswith(("small", "medium", "large")) else inherited
    number, unit = float(match.group(1)), match.group(2)
    if unit in ("em", "ex", "%"):
        return number * inherited / (100 if unit == "%" else 1)
    return number * _PX[unit]


def _keeps_lines(element: "Element", style: Style, parent: Look) -> bool:
    value = style.get("white-space", "")
    if value in ("", "inherit"):
        return parent.keeps_lines or element.tag in ("pre", "textarea", "listing", "xmp")
    return value in ("pre", "pre-wrap", "pre-line", "break-spaces")


def _decoration(style: Style) -> str:
    return style.get("text-decoration", "") + style.get("text-decoration-line", "")


def _colour_written(element: "Element", style: Style) -> str:
    """Give the element's own colour as it is written, nothing where it inherits one."""
    written = style.get("color") or _attribute(element, "color" if element.tag == "font" else "text")
    if not written and element.tag == "a" and element.get("href"):
        return "blue"
    return "" if written in ("inherit", "currentcolor") else written


def _backdrop(element: "Element", style: Style, inherited: Colour | None) -> Colour | None:
    written = " ".join(style.get(name, "") for name in ("background", "background-color", "background-image")).strip()
    if _URL.search(written) or element.get("background"):
        return None
    value = written or _attribute(element, "bgcolor")
    words = re.findall(r"[\w-]+\([^)]*\)|[^\s(]+", value)
    if not words or all(is_transparent(word) or word in ("none", "inherit", "initial") for word in words):
        return inherited
    return next((colour for word in words if (colour := parse_colour(word))), None)


def _attribute(element: "Element", name: str) -> str:
    return element.get(name, "").strip().lower() if element.tag in ("body", "font", "table", "tr", "td", "th") else ""


def _length(value: str) -> float | None:
    match = _LENGTH.fullmatch(value)
    return float(match.group(1)) * _PX[match.group(2)] if match else None
