"""The runs of a page that a reader sees, and a count of what is left out."""

from collections import Counter
from dataclasses import dataclass, field

from kvprep.documents.layout.rows import Run
from kvprep.documents.readers.glyphs import Glyphs, Pen, TextPage
from kvprep.documents.readers.scene import Point, Scene, is_inside

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
    plain: dict[int, bool] = {}
    left, bottom, right, top = scene.visible
    for glyphs in page.words():
        pen = glyphs.pen
        if pen.text_object not in plain:
            plain[pen.text_object] = _is_plain(pen, scene)
        x, y = (glyphs.first[0] + glyphs.last[0]) / 2, (glyphs.first[1] + glyphs.last[1]) / 2
        if not (plain[pen.text_object] and left <= x <= right and bottom <= y <= top):
            reason = _why_hidden(glyphs, (x, y), scene)
            if reason:
                found.hidden[reason] += len(glyphs.run.text)
                continue
            found.ocr_chars += len(glyphs.run.text) * pen.ink.is_invisible
        found.runs.append(glyphs.run)
    return found


def _is_plain(pen: Pen, scene: Scene) -> bool:
    """Tell whether what the pen writes can be seen wherever it stands on the page."""
    sized = _TINY_POINTS <= pen.size <= _MAX_POINTS
    return sized and not pen.ink.is_invisible and not scene.may_hide(pen.text_object, pen.ink)


def _why_hidden(glyphs: Glyphs, middle: Point, scene: Scene) -> str:
    pen = glyphs.pen
    if pen.size < _TINY_POINTS:
        return "tiny"
    if pen.size > _MAX_POINTS or not is_inside(middle, scene.visible):
        return "off the page"
    if pen.ink.is_invisible:
        return "" if scene.is_over_picture(middle) else "invisible"
    return scene.trouble(pen.text_object, pen.ink, *glyphs.middles())
