"""Whether the text of a DOCX can be seen: hidden by a switch, too small, or in the colour of what lies behind it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.readers.colours import WHITE, Colour, nearly_equal, parse_colour
from kvprep.documents.readers.word.styles import Styles
from kvprep.documents.readers.word.wordml import child_value, is_set, qn, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_LEAST_HALF_POINTS = 4
"""Nobody reads print smaller than two points."""
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

    def is_seen(self, run: "Element", paragraph_style: str, backdrop: Backdrop) -> bool:
        """Judge a run, and count its characters where they cannot be seen, or hardly."""
        properties = run.find(qn("w:rPr"))
        if is_set(self._effective(properties, paragraph_style, "w:vanish")):
            return self._count(run, "w:vanish")
        size = self._effective(properties, paragraph_style, "w:sz")
        if size is not None and whole_number(size.get(qn("w:val")), _LEAST_HALF_POINTS) < _LEAST_HALF_POINTS:
            return self._count(run, "print smaller than two points")
        colour = self._effective(properties, paragraph_style, "w:color")
        behind = _behind_run(properties, backdrop)
        written = _hex(colour.get(qn("w:val"))) if colour is not None else None
        if written is None or not nearly_equal(written, behind.colour):
            return True
        if behind.sure:
            return self._count(run, "text in the colour of its background")
        self.faint += _num_characters(run)
        return True

    def _count(self, run: "Element", reason: str) -> bool:
        num_characters = _num_characters(run)
        if num_characters:
            self.hidden[reason] += num_characters
        return False

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
        chain = self.styles.chain(child_value(properties, "w:tblStyle") or "")
        if any(style.find(f".//{qn('w:shd')}") is not None for style in chain):
            return Backdrop(backdrop.colour, sure=False)
        return backdrop.under(properties.find(qn("w:shd")) if properties is not None else None)


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
    return sum(len(text.text or "") for text in run.iter(qn("w:t")))
