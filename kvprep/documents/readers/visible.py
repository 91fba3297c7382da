"""The runs of a page that a reader sees, and a count of what is left out."""

from collections import Counter
from dataclasses import dataclass, field

from kvprep.documents.layout.rows import Run
from kvprep.documents.readers.glyphs import Glyphs, TextPage
from kvprep.documents.readers.scene import Scene, is_inside

_TINY_POINTS = 1.0
_MAX_POINTS = 5_000.0


@dataclass(slots=True)
class PageText:
    """What one page's text layer holds."""

    runs: list[Run] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)
    """Characters left out, by reason."""
    ocr_chars: int = 0
    """Characters of an invisible layer over a picture of the page, kept."""


def page_text(page: TextPage, scene: Scene) -> PageText:
    """Take a page's runs and leave out what nobody sees; the invisible text layer of a scan stays."""
    found = PageText()
    for glyphs in page.words():
        reason = _why_hidden(glyphs, scene)
        if reason:
            found.hidden[reason] += len(glyphs.run.text)
            continue
        if glyphs.pen.ink.is_invisible:
            found.ocr_chars += len(glyphs.run.text)
        found.runs.append(glyphs.run)
    return found


def _why_hidden(glyphs: Glyphs, scene: Scene) -> str:
    pen = glyphs.pen
    middle = (glyphs.first[0] + glyphs.last[0]) / 2, (glyphs.first[1] + glyphs.last[1]) / 2
    if pen.size < _TINY_POINTS:
        return "tiny"
    if pen.size > _MAX_POINTS or not is_inside(middle, scene.visible):
        return "off the page"
    if pen.ink.is_invisible:
        return "" if scene.is_over_picture(middle) else "invisible"
    if not scene.may_hide(pen.text_object, pen.ink):
        return ""
    return scene.trouble(pen.text_object, pen.ink, *glyphs.middles())
