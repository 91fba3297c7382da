"""What kinds of HTML elements there are, as far as their text is concerned."""

import re
from typing import TYPE_CHECKING

from kvprep.documents.readers.web.look import Look

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Never shown, or no text to begin with. A head is not among them: the parser leaves elements in it that it does not
# know, such as section, where a page does not say that its body starts.
_NO_TEXT = frozenset(
    "script style title template noscript noframes iframe object embed applet audio video canvas datalist map "
    "annotation annotation-xml desc metadata defs symbol progress meter".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup p plaintext pre "
    "search section summary table tbody td tfoot th thead tr ul xmp".split()
)
# Blocks and stretches without a meaning of their own: they stand side by side where the style says so.
_BOXES = frozenset("a address article aside div figure footer form header main nav section span".split())
_BLOCK_DISPLAYS = frozenset(("block", "flex", "grid", "table", "list-item", "flow-root", "table-row", "table-caption"))
_BESIDE = frozenset(("inline-block", "inline-flex", "inline-grid", "inline-table", "table-cell"))
_ROWS = frozenset(("flex", "inline-flex", "table-row"))
_APART = frozenset(("button", "img", "input", "select", "textarea"))
# Neighbours of these kinds are parted by style sheets, where the markup does not part them.
_NEIGHBOURS = frozenset(("a", "button", "kbd", "label"))
_RAISED = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
_LOWERED = str.maketrans("0123456789+-−n", "₀₁₂₃₄₅₆₇₈₉₊₋₋ₙ")
_SMALL_NUMBER = re.compile(r"[+−-]?(?:\d{1,3}|n)[+−-]?")
_UNSHOWN_INPUTS = frozenset(("hidden", "password", "file", "image", "color", "range"))
_TICKS = frozenset(("checkbox", "radio"))


def has_text(element: "Element") -> bool:
    """Tell whether the kind of element holds text to be shown; comments and the like do not."""
    return isinstance(element.tag, str) and element.tag not in _NO_TEXT


def is_block(element: "Element", look: Look, parent: Look) -> bool:
    """Tell whether the element starts and ends a line."""
    if element.tag in _BOXES:
        if look.display in _BESIDE or parent.display in _ROWS:
            return False
        if look.display in ("inline", "contents"):
            return False
    return look.display in _BLOCK_DISPLAYS or parent.display == "grid" or element.tag in _BLOCKS


def stands_apart(element: "Element", look: Look, parent: Look) -> bool:
    """Tell whether there is a gap before and behind the element, also where the markup has no blank."""
    return element.tag in _APART or look.display in _BESIDE or parent.display in _ROWS


def follows_its_like(element: "Element") -> bool:
    """Tell a link or button that follows another one with nothing between: a word glued is worse than one parted."""
    before = element.getprevious()
    return element.tag in _NEIGHBOURS and before is not None and before.tag in _NEIGHBOURS and not before.tail


def replacement(element: "Element") -> str | None:
    """Give the text that is shown in place of an element; None where its content is shown."""
    if element.tag == "img":
        return "" if _has_caption(element) else element.get("alt", "")
    if element.tag == "input":
        return _input_text(element)
    if element.tag == "select":
        return _selected_text(element)
    if element.tag in ("sup", "sub"):
        return _small_number(element)
    return None


def all_text(element: "Element") -> str:
    """Give all text in an element that could be shown, hidden or not."""
    from lxml import etree

    pieces = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, inner in walk:
        if event == "end":
            pieces.append((inner.tail or "") if inner is not element else "")
        elif has_text(inner):
            pieces.append(inner.text or "")
        else:
            walk.skip_subtree()
    return "".join(pieces)


def is_a_dot(image: "Element") -> bool:
    """Tell whether a picture is too small to be seen, as those are that count readers."""
    sizes = (image.get("width", ""), image.get("height", ""))
    return any(re.fullmatch(r"\s*0*[01](?:px)?\s*", size) for size in sizes)


def _has_caption(image: "Element") -> bool:
    return any(figure.find(".//figcaption") is not None for figure in image.iterancestors("figure"))


def _input_text(element: "Element") -> str:
    kind = element.get("type", "text").lower()
    if kind in _TICKS:
        return "☐" if element.get("checked") is None else "☒"
    return "" if kind in _UNSHOWN_INPUTS else element.get("value", "")


def _selected_text(element: "Element") -> str:
    options = list(element.iter("option"))
    chosen = [option for option in options if option.get("selected") is not None]
    if not chosen and element.get("multiple") is None:
        chosen = options[:1]
    return ", ".join(all_text(option).strip() for option in chosen)


def _small_number(element: "Element") -> str | None:
    """Write a raised or lowered number in the characters for it: 10 to the square is not 102."""
    text = all_text(element).strip()
    if not _SMALL_NUMBER.fullmatch(text):
        return None
    return text.translate(_RAISED if element.tag == "sup" else _LOWERED)
