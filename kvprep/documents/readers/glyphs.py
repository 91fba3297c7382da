"""From PDFium's characters to runs of glyphs with a place, and what among them nobody sees.

PDFium gives characters in drawing order and guesses blanks and line ends from it. Its guesses are not used:
runs are cut at every blank and every jump, and `documents.layout` puts them together by place.
"""

import ctypes
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvprep.documents.layout.rows import Run

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

_TINY_POINTS = 1.0
_JUMP_BACK = 0.25
_JUMP_AHEAD = 0.16
_BASE_SHIFT = 0.12
_INVISIBLE_MODES = (3, 7)
_HYPHEN = 0xFFFE
_BLANKS = frozenset(map(ord, " \t\r\n\u00a0\u2002\u2003\u2009\u202f\u3000"))

Box = tuple[float, float, float, float]
"""Left, bottom, right, top; in points."""


@dataclass(slots=True)
class PageText:
    """What one page's text layer holds."""

    runs: list[Run]
    hidden: Counter[str]
    """Characters left out, by reason."""
    ocr_chars: int = 0
    """Characters of an invisible layer over a picture of the page, kept."""


@dataclass(slots=True)
class _Frame:
    """Direction and true font size of the glyphs of one run."""

    cos: float
    sin: float
    angle: int
    size: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Turn a point of the page into (along the base line, height of the base line)."""
        return x * self.cos + y * self.sin, y * self.cos - x * self.sin


class GlyphSource:
    """The characters of one text page, by index, straight from PDFium."""

    def __init__(self, textpage: "pypdfium2.PdfTextPage") -> None:
        """Keep a text page open and at hand."""
        import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

        self._pdfium: Any = pdfium
        self._owner = textpage
        self._page: Any = textpage.raw
        self.num_chars = textpage.count_chars()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._x_ref, self._y_ref = ctypes.byref(self._x), ctypes.byref(self._y)
        self._box = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()

    def pieces(self) -> Iterator[list[tuple[int, str, float, float]]]:
        """Yield stretches without blanks: (index, character, x, y) of each glyph; an empty list for a drawn blank."""
        get_char, get_origin, page = self._pdfium.FPDFText_GetUnicode, self._pdfium.FPDFText_GetCharOrigin, self._page
        x, y, x_ref, y_ref = self._x, self._y, self._x_ref, self._y_ref
        piece: list[tuple[int, str, float, float]] = []
        for index in range(self.num_chars):
            code = get_char(page, index)
            if code in _BLANKS or code == 0:
                if piece:
                    yield piece
                    piece = []
                if code and self._pdfium.FPDFText_IsGenerated(page, index) != 1:
                    yield []
                continue
            get_origin(page, index, x_ref, y_ref)
            piece.append((index, "-" if code in (_HYPHEN, 2) else chr(code), x.value, y.value))
        if piece:
            yield piece

    def frame(self, index: int) -> _Frame:
        """Read the direction and the printed size of one glyph."""
        font_size = self._pdfium.FPDFText_GetFontSize(self._page, index)
        if not self._pdfium.FPDFText_GetMatrix(self._page, index, self._matrix):
            return _Frame(1.0, 0.0, 0, font_size)
        m = self._matrix
        angle = round(math.degrees(math.atan2(m.b, m.a))) % 360
        turn = math.radians(angle)
        return _Frame(math.cos(turn), math.sin(turn), angle, abs(font_size) * math.hypot(m.c, m.d))

    def extent(self, index: int, frame: _Frame) -> tuple[float, float]:
        """Read where one glyph's advance starts and ends along its base line."""
        box = self._box
        self._pdfium.FPDFText_GetLooseCharBox(self._page, index, box)
        corners = [frame.place(x, y)[0] for x in (box.left, box.right) for y in (box.bottom, box.top)]
        return min(corners), max(corners)

    def is_invisible(self, index: int) -> bool:
        """Tell whether the glyph is drawn with neither fill nor stroke."""
        text_object = self._pdfium.FPDFText_GetTextObject(self._page, index)
        return bool(text_object) and self._pdfium.FPDFTextObj_GetTextRenderMode(text_object) in _INVISIBLE_MODES


def page_text(source: GlyphSource, visible: Box, pictures: list[Box]) -> PageText:
    """Cut a page's characters into runs and leave out what nobody sees.

    Args:
        visible: the part of the page that is shown.
        pictures: boxes of images. Invisible text over one of them is the text layer of a scan, and stays.
    """
    found = PageText([], Counter())
    pending_blank = False
    previous: Run | None = None
    for piece in source.pieces():
        if not piece:
            pending_blank = True
            if previous is not None:
                previous.blank_after = True
            continue
        for glyphs, frame in _stretches(piece, source):
            run = _run(glyphs, frame, source)
            run.blank_before, pending_blank = pending_blank, False
            previous = run
            _sort_in(run, glyphs, source, visible, pictures, found)
        pending_blank = False
    return found


def _sort_in(
    run: Run,
    glyphs: list[tuple[int, str, float, float]],
    source: GlyphSource,
    visible: Box,
    pictures: list[Box],
    found: PageText,
) -> None:
    _, _, x, y = glyphs[len(glyphs) // 2]
    if run.size < _TINY_POINTS:
        found.hidden["tiny"] += len(run.text)
    elif not _inside(x, y, visible):
        found.hidden["off the page"] += len(run.text)
    elif source.is_invisible(glyphs[0][0]):
        if any(_inside(x, y, picture) for picture in pictures):
            found.ocr_chars += len(run.text)
            found.runs.append(run)
        else:
            found.hidden["invisible"] += len(run.text)
    else:
        found.runs.append(run)


def _inside(x: float, y: float, box: Box) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _stretches(
    piece: list[tuple[int, str, float, float]], source: GlyphSource
) -> Iterator[tuple[list[tuple[int, str, float, float]], _Frame]]:
    """Cut where the next glyph does not follow: another line, a jump, another size or direction."""
    frame = source.frame(piece[0][0])
    start = 0
    for at in range(1, len(piece)):
        if _follows(piece[at - 1], piece[at], frame, source):
            continue
        yield piece[start:at], frame
        start, frame = at, source.frame(piece[at][0])
    yield piece[start:], frame


def _follows(
    before: tuple[int, str, float, float], glyph: tuple[int, str, float, float], frame: _Frame, source: GlyphSource
) -> bool:
    at_before, base_before = frame.place(before[2], before[3])
    at, base = frame.place(glyph[2], glyph[3])
    if abs(base - base_before) > _BASE_SHIFT * frame.size:
        return False
    advance = at - at_before
    if advance < -_JUMP_BACK * frame.size:
        return ord(glyph[1]) > 0x590 and unicodedata.bidirectional(glyph[1]) in ("R", "AL")
    if advance <= (0.5 + _JUMP_AHEAD) * frame.size:
        return True
    return at - source.extent(before[0], frame)[1] <= _JUMP_AHEAD * frame.size


def _run(glyphs: list[tuple[int, str, float, float]], frame: _Frame, source: GlyphSource) -> Run:
    first, last = glyphs[0], glyphs[-1]
    start, end = source.extent(first[0], frame)
    if len(glyphs) > 1:
        last_start, last_end = source.extent(last[0], frame)
        start, end = min(start, last_start), max(end, last_end)
    _, base = frame.place(first[2], first[3])
    return Run(_text(glyphs), start, end, base, frame.size, frame.angle)


def _text(glyphs: list[tuple[int, str, float, float]]) -> str:
    text = "".join(glyph[1] for glyph in glyphs)
    if any("\ud800" <= char <= "\udfff" for char in text):
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
