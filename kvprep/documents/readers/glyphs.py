"""From PDFium's characters to words with a place.

PDFium gives characters in drawing order and guesses blanks and line ends from it. A word is taken from it only where
its letters stand where their widths put them; elsewhere letters are looked at one by one and cut at every jump. What
shares a line, and in which order, is told by place in `documents.layout`.
"""

import ctypes
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvprep.documents.layout.rows import Run
from kvprep.documents.readers.page_objects import ObjectReader
from kvprep.documents.readers.pdfium_calls import address, calls
from kvprep.documents.readers.scene import Ink, Point

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

# Lengths are in font sizes.
_JUMP_BACK = 0.25
_JUMP_AHEAD = 0.16
_BASE_SHIFT = 0.12
_MAX_KERNING = 0.06
_MIDDLE_HEIGHT = 0.25
_WORD = re.compile("[^ \t\r\n\x00\u00a0\u2002\u2003\u2009\u202f\u3000]+")
# PDFium marks the hyphen at a line's end.
_HYPHENS = {"\ufffe": "-", "\x02": "-"}
_MENDED = re.compile(f"[{''.join(_HYPHENS)}\ud800-\udfff]")
_LINE_END = "\r\n\x00"
_RIGHT_TO_LEFT = ("R", "AL")

_Face = tuple[float, float, int, float, dict[str, float]]
"""What a pen has of its font: cosine, sine and angle of its direction, printed size, widths met so far."""


@dataclass(slots=True)
class Pen:
    """Direction, true font size and ink of the glyphs of one text object."""

    text_object: int
    cos: float
    sin: float
    angle: int
    size: float
    widths: dict[str, float]
    """Advance of each character met so far, in points; shared by all text in the same font and size."""
    ink: Ink

    def place(self, at: Point) -> Point:
        """Turn a point of the page into (along the base line, height of the base line)."""
        if not self.angle:
            return at
        return at[0] * self.cos + at[1] * self.sin, at[1] * self.cos - at[0] * self.sin

    def looks_like(self, other: "Pen") -> bool:
        """Tell whether both write in the same size, direction and ink."""
        return self is other or (self.size, self.angle, self.ink) == (other.size, other.angle, other.ink)


@dataclass(slots=True)
class Glyphs:
    """Some glyphs in a row, with what paints them."""

    run: Run
    pen: Pen
    first: Point
    """Origin of the first glyph on the page."""
    last: Point

    def middles(self) -> tuple[Point, Point]:
        """Give points within the first and the last letter: at a quarter of the font size above their base line."""
        rise = _MIDDLE_HEIGHT * self.pen.size
        shift_x, shift_y = -self.pen.sin * rise, self.pen.cos * rise
        return (self.first[0] + shift_x, self.first[1] + shift_y), (self.last[0] + shift_x, self.last[1] + shift_y)


class _Box(ctypes.Structure):
    _fields_ = [(name, ctypes.c_float) for name in ("left", "top", "right", "bottom")]


class TextPage:
    """The characters of one page, by index, straight from PDFium."""

    def __init__(self, textpage: "pypdfium2.PdfTextPage") -> None:
        """Keep a text page open and its characters at hand."""
        self._owner = textpage
        self._page = ctypes.c_void_p(address(textpage.raw))
        self._of = calls()
        self.text = self._characters(textpage.count_chars())
        self._is_mended = bool(_MENDED.search(self.text))
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._x_ref, self._y_ref = ctypes.byref(self._x), ctypes.byref(self._y)
        self._pens: dict[int, Pen] = {}
        self._faces: dict[tuple[float, ...], _Face] = {}
        self._objects = ObjectReader()
        self._box = _Box()
        self._box_ref = ctypes.byref(self._box)
        self._matrix = (ctypes.c_float * 6)()
        self._matrix_ref = ctypes.byref(self._matrix)

    def _characters(self, count: int) -> str:
        """Read one character for each index; PDFium's text as a whole leaves some out on a few pages."""
        units = (ctypes.c_ushort * (count + 1))()
        if self._of.Text_GetText(self._page, 0, count, units) == count + 1:
            text = bytes(units)[: 2 * count].decode("utf-16-le", "surrogatepass")
            # Pairs of surrogates have two indices.
            return text if len(text) == count else "".join(map(chr, units[:count]))
        return "".join([chr(self._of.Text_GetUnicode(self._page, index)) for index in range(count)])

    def words(self) -> Iterator[Glyphs]:
        """Yield what stands between blanks, in pieces where it does not hang together."""
        previous: Run | None = None
        end = 0
        for match in _WORD.finditer(self.text):
            start, stop = match.span()
            drawn, guessed = self._blank(end, start)
            if previous is not None:
                previous.blank_after, previous.guess_after = drawn, guessed
            pen = self._pen(start)
            whole = self._whole_word(start, stop - 1, pen)
            for glyphs in self._cut(start, stop, pen) if whole is None else (whole,):
                previous = glyphs.run
                previous.blank_before, previous.guess_before = drawn, guessed
                drawn = guessed = False
                yield glyphs
            end = stop

    def _blank(self, start: int, end: int) -> tuple[bool, bool]:
        """Tell whether there is a blank that was drawn, and whether there is one that PDFium sees in a gap."""
        has_blank = False
        for index in range(start, end):
            if self.text[index] not in _LINE_END:
                if self._of.Text_IsGenerated(self._page, index) != 1:
                    return True, False
                has_blank = True
        return False, has_blank

    def _whole_word(self, first: int, last: int, pen: Pen) -> Glyphs | None:
        """Take a word by its first and last letter, if all in between stand where their widths put them."""
        at_first = at_last = self._origin(first)
        if last > first:
            if self._of.Text_GetTextObject(self._page, last) != pen.text_object:
                return None
            at_last = self._origin(last)
        angle, size = pen.angle, pen.size
        start, base = pen.place(at_first) if angle else at_first
        last_start, last_base = pen.place(at_last) if angle else at_last
        if abs(last_base - base) > _BASE_SHIFT * size or not size:
            return None
        widths = self._widths(first, last + 1, pen)
        expected = sum(widths[:-1])
        if not -_MAX_KERNING * (last - first) <= (last_start - start - expected) / size <= _JUMP_AHEAD:
            return None
        run = Run(self._word(first, last + 1), start, last_start + widths[-1], base, size, angle)
        return Glyphs(run, pen, at_first, at_last)

    def _widths(self, start: int, end: int, pen: Pen) -> list[float]:
        try:
            return [*map(pen.widths.__getitem__, self.text[start:end])]
        except KeyError:
            return [self._width(index, pen) for index in range(start, end)]

    def _cut(self, start: int, end: int, pen: Pen) -> Iterator[Glyphs]:
        piece = [(start, self._origin(start))]
        for index in range(start + 1, end):
            glyph = index, self._origin(index)
            next_pen = self._pen(index)
            if not pen.looks_like(next_pen) or not self._follows(piece[-1], glyph, pen):
                yield self._glyphs(piece[0], piece[-1], pen)
                piece, pen = [], next_pen
            piece.append(glyph)
        yield self._glyphs(piece[0], piece[-1], pen)

    def _follows(self, before: tuple[int, Point], glyph: tuple[int, Point], pen: Pen) -> bool:
        at_before, base_before = pen.place(before[1])
        at, base = pen.place(glyph[1])
        if abs(base - base_before) > _BASE_SHIFT * pen.size:
            return False
        advance = at - at_before
        if advance < -_JUMP_BACK * pen.size:
            char = self.text[glyph[0]]
            return ord(char) > 0x590 and unicodedata.bidirectional(char) in _RIGHT_TO_LEFT
        reach = advance - _JUMP_AHEAD * pen.size
        # One letter has several widths where a ligature is given as its letters.
        return reach <= self._width(before[0], pen) or reach <= self._measured(before[0], pen)

    def _glyphs(self, first: tuple[int, Point], last: tuple[int, Point], pen: Pen) -> Glyphs:
        start, base = pen.place(first[1])
        last_start = pen.place(last[1])[0]
        ends = start + self._width(first[0], pen), last_start + self._width(last[0], pen)
        run = Run(self._word(first[0], last[0] + 1), min(start, last_start), max(ends), base, pen.size, pen.angle)
        return Glyphs(run, pen, first[1], last[1])

    def _word(self, start: int, end: int) -> str:
        word = self.text[start:end]
        if not self._is_mended:
            return word
        for mark, hyphen in _HYPHENS.items():
            word = word.replace(mark, hyphen)
        return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _origin(self, index: int) -> Point:
        self._of.Text_GetCharOrigin(self._page, index, self._x_ref, self._y_ref)
        return self._x.value, self._y.value

    def _width(self, index: int, pen: Pen) -> float:
        """Read how far a glyph reaches from its origin, in points."""
        char = self.text[index]
        width = pen.widths.get(char)
        if width is None:
            width = pen.widths[char] = self._measured(index, pen)
        return width

    def _measured(self, index: int, pen: Pen) -> float:
        self._of.Text_GetLooseCharBox(self._page, index, self._box_ref)
        box, at = self._box, self._origin(index)
        if not pen.angle:
            return float(box.right - at[0])
        ends = [pen.place((x, y))[0] for x in (box.left, box.right) for y in (box.bottom, box.top)]
        return max(ends) - pen.place(at)[0]

    def _pen(self, index: int) -> Pen:
        text_object = self._of.Text_GetTextObject(self._page, index) or 0
        pen = self._pens.get(text_object)
        if pen is None or not text_object:
            pen = self._pens[text_object] = self._new_pen(index, text_object)
        return pen

    def _new_pen(self, index: int, text_object: int) -> Pen:
        of = self._of
        is_known = of.Text_GetMatrix(self._page, index, self._matrix_ref)
        a, b, c, d = self._matrix[:4] if is_known else (1.0, 0.0, 0.0, 1.0)
        font = of.TextObj_GetFont(text_object) if text_object else 0
        key = (font, of.Text_GetFontSize(self._page, index), a, b, c, d)
        face = self._faces.get(key)
        if face is None:
            face = self._faces[key] = _face(*key[1:])
        mode = of.TextObj_GetTextRenderMode(text_object) if text_object else 0
        colour, alpha = self._objects.fill(text_object) if text_object else (None, 255)
        return Pen(text_object, *face, Ink(mode, colour, alpha))


def _face(font_size: float, a: float, b: float, c: float, d: float) -> _Face:
    if not all(map(math.isfinite, (font_size, a, b, c, d))):
        return 1.0, 0.0, 0, 0.0, {}
    angle = round(math.degrees(math.atan2(b, a))) % 360
    turn = math.radians(angle)
    return math.cos(turn), math.sin(turn), angle, abs(font_size) * math.hypot(c, d), {}
