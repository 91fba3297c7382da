"""Whether the text of a DOCX can be seen: hidden by a switch, too small, or in the colour of what lies behind it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.colours import WHITE, Colour, nearly_equal, parse_colour
from kvprep.documents.readers.office.names import child_value, is_set, qn, whole_number
from kvprep.documents.readers.word.styles import Styles

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    Look = Mapping[str, Element]
    """Properties that decide how a run looks, by their tags."""

_LEAST = (
    ("w:sz", 4, "print smaller than two points"),  # half points
    ("w:w", 10, "print squeezed to less than a tenth"),  # per cent of the letters' width
)
"""Property of a run, the least that a reader can see, and what is said of less."""
_LOOK_NAMES = tuple("w:vanish w:sz w:w w:color w:shd w:highlight w14:textFill w14:textOutline".split())
_LOOK = frozenset(map(qn, _LOOK_NAMES))
SWITCH = "w:vanish"
"""The switch that hides a run, and what is drawn in it."""
_FAINT = "text in the colour of the page"
_BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What lies behind a text."""

    colour: Colour = WHITE
    sure: bool = True
    """Nothing else, such as a picture, can lie between the text and this colour."""

    def under(self, shading: "Element | None") -> "Backdrop":
        """Tell what lies behind what has this `w:shd`, if it has one."""
        pattern = shading.get(qn("w:val"), "clear") if shading is not None else "nil"
        if shading is None or pattern == "nil":
            return self
        if pattern == "solid":
            return Backdrop(_hex(shading.get(qn("w:color"))) or _BLACK)
        if pattern != "clear" or (shading.get(qn("w:themeFill")) and not shading.get(qn("w:fill"))):
            return Backdrop(self.colour, sure=False)
        fill = _hex(shading.get(qn("w:fill")))
        return Backdrop(fill) if fill else self


@dataclass
class Sight:
    """Judges the runs of a document, and counts the characters that nobody sees."""

    styles: Styles
    hidden: Counter[str] = field(default_factory=Counter)
    """Characters left out, by the reason why nobody sees them."""
    faint: int = 0
    """Characters that stay although they have the colour of the page: something dark may lie between."""
    _shading_styles: dict[str, bool] = field(default_factory=dict)
    """Whether a table's style shades cells."""
    _inherited: "dict[tuple[str, str], Look]" = field(default_factory=dict)
    """What a run has that sets nothing itself, by its style and its paragraph's."""

    def hides(self, run: "Element", paragraph_style: str, backdrop: Backdrop) -> str:
        """Say why nobody sees the characters of a run, and count them; nothing where they are seen."""
        reason = _reason(self._look(run.find(qn("w:rPr")), paragraph_style), backdrop)
        num_characters = _num_characters(run) if reason else 0
        if reason == _FAINT:
            self.faint += num_characters
            return ""
        self.count_hidden(reason, num_characters)
        # Blanks are never seen; they part words whatever their size and colour.
        return reason if num_characters or reason == SWITCH else ""

    def hides_drawing(self, drawn: "Element") -> bool:
        """Tell whether a drawing is switched off, and count the characters in it."""
        properties = drawn.find(f"*/{qn('wp:docPr')}")
        style = " ".join(shape.get("style", "") for shape in drawn).replace(" ", "")
        switched_off = properties is not None and properties.get("hidden") in ("1", "true")
        if not switched_off and "visibility:hidden" not in style:
            return False
        self.count_hidden("hidden drawing", sum(len(text.text or "") for text in drawn.iter(qn("w:t"))))
        return True

    def count_hidden(self, reason: str, num_characters: int) -> None:
        """Note that so many characters are left out, and why nobody sees them."""
        if num_characters:
            self.hidden[reason] += num_characters

    def hides_mark(self, properties: "Element | None", paragraph_style: str) -> bool:
        """Tell whether the mark at a paragraph's end is hidden, so that the next paragraph goes on in its line."""
        return is_set(self._look(properties, paragraph_style).get(qn("w:vanish")))

    def _look(self, properties: "Element | None", paragraph_style: str) -> "Look":
        """Gather what decides how a run looks: its own properties, its style's, its paragraph's, the document's."""
        key = (child_value(properties, "w:rStyle") or "", paragraph_style)
        if key not in self._inherited:
            self._inherited[key] = dict(self._from_styles(key))
        if properties is None or not len(properties):
            return self._inherited[key]
        return {**self._inherited[key], **{child.tag: child for child in properties if child.tag in _LOOK}}

    def _from_styles(self, styles: tuple[str, ...]) -> "Iterator[tuple[str, Element]]":
        for name in _LOOK_NAMES:
            found = (self.styles.find(style, f"w:rPr/{name}") for style in styles)
            element = next((hit for hit in found if hit is not None), self.styles.default(f"w:rPr/{name}"))
            if element is not None:
                yield qn(name), element

    def behind_paragraph(self, properties: "Element | None", style: str, backdrop: Backdrop) -> Backdrop:
        """Tell what lies behind a paragraph with these properties."""
        own = properties.find(qn("w:shd")) if properties is not None else None
        return backdrop.under(own if own is not None else self.styles.find(style, "w:pPr/w:shd"))

    def behind_table(self, table: "Element", backdrop: Backdrop) -> Backdrop:
        """Tell what lies behind a table; the shading that a table's style gives to some of its cells is not sorted."""
        properties = table.find(qn("w:tblPr"))
        if self._style_shades(child_value(properties, "w:tblStyle") or ""):
            return Backdrop(backdrop.colour, sure=False)
        return backdrop.under(properties.find(qn("w:shd")) if properties is not None else None)

    def _style_shades(self, style_id: str) -> bool:
        if style_id not in self._shading_styles:
            chain = self.styles.chain(style_id)
            self._shading_styles[style_id] = any(style.find(f".//{qn('w:shd')}") is not None for style in chain)
        return self._shading_styles[style_id]


def behind_page(root: "Element") -> Backdrop:
    """Tell what lies behind the text of a part: paper, unless pictures or a colour of the page do."""
    floats = any(anchor.get("behindDoc") in ("1", "true") for anchor in root.iter(qn("wp:anchor")))
    return Backdrop(sure=not floats and root.find(qn("w:background")) is None)


def _reason(look: "Look", backdrop: Backdrop) -> str:
    if is_set(look.get(qn("w:vanish"))):
        return SWITCH
    for name, least, reason in _LEAST:
        written = look.get(qn(name))
        if written is not None and whole_number(written.get(qn("w:val")), least) < least:
            return reason
    if _has(look, "w14:textFill", "w14:noFill"):
        return "" if _has(look, "w14:textOutline", "w14:solidFill") else "text without a colour"
    colour = look.get(qn("w:color"))
    letters = _hex(colour.get(qn("w:val"))) if colour is not None else None
    if letters is None:
        return ""
    behind = _behind_run(look, backdrop)
    if not nearly_equal(letters, behind.colour):
        return ""
    return "text in the colour of its background" if behind.sure else _FAINT


def _has(look: "Look", name: str, child: str) -> bool:
    element = look.get(qn(name))
    return element is not None and element.find(qn(child)) is not None


def _behind_run(look: "Look", backdrop: Backdrop) -> Backdrop:
    highlight = look.get(qn("w:highlight"))
    name = highlight.get(qn("w:val"), "none") if highlight is not None else "none"
    if name != "none":
        colour = parse_colour(name.lower())
        return Backdrop(colour) if colour else Backdrop(sure=False)
    return backdrop.under(look.get(qn("w:shd")))


def _hex(value: str | None) -> Colour | None:
    return parse_colour(f"#{value.lower()}") if value and len(value) == 6 else None


def _num_characters(run: "Element") -> int:
    text = "".join(part.text or "" for part in run.iterfind(qn("w:t")))
    return len(text) if text.strip() else 0
