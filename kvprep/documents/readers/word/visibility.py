"""Whether the text of a DOCX can be seen: hidden by a switch, too small, or in the colour of what lies behind it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.colours import WHITE, Colour, nearly_equal, parse_colour
from kvprep.documents.readers.word.styles import Styles
from kvprep.documents.readers.word.wordml import child_value, is_set, qn, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_LEAST = (
    ("w:sz", 4, "print smaller than two points"),  # half points
    ("w:w", 10, "print squeezed to less than a tenth"),  # per cent of the letters' width
)
"""Property of a run, the least that a reader can see, and what is said of less."""
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

    def hides(self, run: "Element", paragraph_style: str, backdrop: Backdrop) -> str:
        """Say why nobody sees the characters of a run, and count them; nothing where they are seen."""
        reason = self._reason(run.find(qn("w:rPr")), paragraph_style, backdrop)
        num_characters = _num_characters(run) if reason else 0
        if reason == _FAINT:
            self.faint += num_characters
            return ""
        if num_characters:
            self.hidden[reason] += num_characters
        # Blanks are never seen; they part words whatever their size and colour.
        return reason if num_characters or reason == SWITCH else ""

    def hides_drawing(self, drawn: "Element") -> bool:
        """Tell whether a drawing is switched off, and count the characters in it."""
        properties = drawn.find(f"*/{qn('wp:docPr')}")
        style = " ".join(shape.get("style", "") for shape in drawn).replace(" ", "")
        switched_off = properties is not None and properties.get("hidden") in ("1", "true")
        if not switched_off and "visibility:hidden" not in style:
            return False
        num_characters = sum(len(text.text or "") for text in drawn.iter(qn("w:t")))
        if num_characters:
            self.hidden["hidden drawing"] += num_characters
        return True

    def hides_mark(self, properties: "Element | None", paragraph_style: str) -> bool:
        """Tell whether the mark at a paragraph's end is hidden, so that the next paragraph goes on in its line."""
        return is_set(self._effective(properties, paragraph_style, "w:vanish"))

    def _reason(self, properties: "Element | None", paragraph_style: str, backdrop: Backdrop) -> str:
        if is_set(self._effective(properties, paragraph_style, "w:vanish")):
            return SWITCH
        for name, least, reason in _LEAST:
            written = self._effective(properties, paragraph_style, name)
            if written is not None and whole_number(written.get(qn("w:val")), least) < least:
                return reason
        if self._effective(properties, paragraph_style, "w14:textFill/w14:noFill") is not None:
            outline = self._effective(properties, paragraph_style, "w14:textOutline/w14:solidFill")
            return "" if outline is not None else "text without a colour"
        colour = self._effective(properties, paragraph_style, "w:color")
        letters = _hex(colour.get(qn("w:val"))) if colour is not None else None
        behind = _behind_run(properties, backdrop)
        if letters is None or not nearly_equal(letters, behind.colour):
            return ""
        return "text in the colour of its background" if behind.sure else _FAINT

    def _effective(self, properties: "Element | None", paragraph_style: str, name: str) -> "Element | None":
        """Find a run's property: its own, its style's, its paragraph's, the document's."""
        own = properties.find(qn(name)) if properties is not None else None
        if own is not None:
            return own
        for style in (child_value(properties, "w:rStyle"), paragraph_style):
            found = self.styles.find(style, f"w:rPr/{name}")
            if found is not None:
                return found
        return self.styles.default(f"w:rPr/{name}")

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


def _behind_run(properties: "Element | None", backdrop: Backdrop) -> Backdrop:
    highlight = child_value(properties, "w:highlight")
    if highlight and highlight != "none":
        colour = parse_colour(highlight.lower())
        return Backdrop(colour) if colour else Backdrop(sure=False)
    return backdrop.under(properties.find(qn("w:shd")) if properties is not None else None)


def _hex(value: str | None) -> Colour | None:
    return parse_colour(f"#{value.lower()}") if value and len(value) == 6 else None


def _num_characters(run: "Element") -> int:
    text = "".join(part.text or "" for part in run.iterfind(qn("w:t")))
    return len(text) if text.strip() else 0
