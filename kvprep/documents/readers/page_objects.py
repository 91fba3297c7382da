"""One object of a page, by its handle: its fill, its bounds, its shape."""

import ctypes
from typing import Any

from kvprep.documents.readers.colours import Colour
from kvprep.documents.readers.pdfium_calls import calls

Box = tuple[float, float, float, float]
"""Left, bottom, right, top; in points of the page."""

_RECTANGLE_SEGMENTS = range(4, 7)


class Matrix(ctypes.Structure):
    """PDF's transformation: x' = ax + cy + e, y' = bx + dy + f."""

    _fields_ = [(name, ctypes.c_float) for name in "abcdef"]


class ObjectReader:
    """Reads objects into memory that it owns, since there are many of them; for one thread at a time."""

    def __init__(self) -> None:
        """Take the memory."""
        self._of = calls()
        self._channels = (ctypes.c_uint * 4)()
        self._channel_refs = _addresses(self._channels)
        self._floats = (ctypes.c_float * 4)()
        self._float_refs = _addresses(self._floats)
        self._ints = (ctypes.c_int * 2)()
        self._int_refs = _addresses(self._ints)

    def fill(self, handle: int) -> tuple[Colour | None, int]:
        """Give an object's colour, unknown where it is a pattern, and its alpha from 0 to 255."""
        if not self._of.PageObj_GetFillColor(handle, *self._channel_refs):
            return None, 255
        red, green, blue, alpha = self._channels[:]
        return (red, green, blue), alpha

    def bounds(self, handle: int, matrices: tuple[Matrix, ...]) -> Box:
        """Give an object's box on the page.

        Args:
            matrices: those of the forms around it, from the innermost on.
        """
        self._of.PageObj_GetBounds(handle, *self._float_refs)
        left, bottom, right, top = self._floats[:]
        box = left, bottom, right, top
        for matrix in matrices:
            box = _moved(box, matrix)
        return box

    def is_area(self, handle: int, min_width: float) -> bool:
        """Tell whether a path paints an area: it is filled, or its line is `min_width` points thick."""
        self._of.Path_GetDrawMode(handle, *self._int_refs)
        fill_mode, stroked = self._ints
        if fill_mode or not stroked:
            return bool(fill_mode)
        return bool(self._of.PageObj_GetStrokeWidth(handle, self._float_refs[0])) and self._floats[0] >= min_width

    def is_rectangle(self, handle: int) -> bool:
        """Tell whether a path is one rectangle, upright on its page or in its form."""
        num_segments = self._of.Path_CountSegments(handle)
        if num_segments not in _RECTANGLE_SEGMENTS:
            return False
        points = {self._point(handle, number) for number in range(num_segments)}
        m = self.matrix(handle)
        is_upright = (m.b == 0 and m.c == 0) or (m.a == 0 and m.d == 0)
        return is_upright and len(points) == 4 and len({x for x, _ in points}) == len({y for _, y in points}) == 2

    def _point(self, handle: int, number: int) -> tuple[float, float]:
        segment = self._of.Path_GetPathSegment(handle, number)
        self._of.PathSegment_GetPoint(segment, *self._float_refs[:2])
        return self._floats[0], self._floats[1]

    def matrix(self, handle: int) -> Matrix:
        """Give an object's own transformation."""
        matrix = Matrix(1, 0, 0, 1, 0, 0)
        self._of.PageObj_GetMatrix(handle, ctypes.byref(matrix))
        return matrix


def _addresses(array: "ctypes.Array[Any]") -> list[int]:
    """Give the address of each item; the array must live as long as they are used."""
    start, step = ctypes.addressof(array), ctypes.sizeof(array) // len(array)
    return [start + step * number for number in range(len(array))]


def _moved(box: Box, m: Matrix) -> Box:
    corners = [(m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
