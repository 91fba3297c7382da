"""What a page paints, object by object, in the order of painting."""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvprep.documents.readers.colours import Colour
from kvprep.documents.readers.pdfium_calls import address, calls

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top; in points of the page."""

_TEXT, _PATH, _IMAGE, _SHADING, _FORM = 1, 2, 3, 4, 5
_MAX_FORM_DEPTH = 8
_MAX_OBJECTS = 200_000
_RECTANGLE_SEGMENTS = 6
_MIN_SIDE = 3.0
_OPAQUE_ALPHA = 250


@dataclass(frozen=True, slots=True)
class Shape:
    """Something painted that text may stand on, or lie under."""

    order: int
    """Place in the order of painting."""
    box: Box
    colour: Colour | None
    """Unknown for pictures, shadings, patterns, and for shapes that are no rectangles."""
    is_opaque: bool
    """Surely hides what lies beneath it, all over its box."""
    is_picture: bool = False


@dataclass(slots=True)
class Painting:
    """What one page paints, in the order of painting."""

    shapes: list[Shape]
    text_orders: dict[int, int]
    """Place in the order of painting, by a text object's handle."""


class _Matrix(ctypes.Structure):
    _fields_ = [(name, ctypes.c_float) for name in "abcdef"]


class Fills:
    """Reads the fill of objects, by handle, into memory that it owns; for one thread at a time."""

    def __init__(self) -> None:
        """Take the memory."""
        self._read = calls().PageObj_GetFillColor
        self._channels = (ctypes.c_uint * 4)()
        self._refs = [ctypes.byref(self._channels, 4 * number) for number in range(4)]

    def colour(self, handle: int) -> tuple[Colour | None, int]:
        """Give an object's colour, unknown where it is a pattern, and its alpha from 0 to 255."""
        if not self._read(handle, *self._refs):
            return None, 255
        red, green, blue, alpha = self._channels
        return (red, green, blue), alpha


def painting_of(page: "pypdfium2.PdfPage") -> Painting:
    """Walk over a page's objects once, into forms eight deep."""
    painting = Painting([], {})
    fills = Fills()
    for order, (handle, kind, matrices) in enumerate(_objects(address(page.raw))):
        if kind == _TEXT:
            painting.text_orders[handle] = order
        elif shape := _shape(handle, kind, order, matrices, fills):
            painting.shapes.append(shape)
    return painting


def _objects(page: int) -> Iterator[tuple[int, int, tuple[_Matrix, ...]]]:
    """Yield (handle, type, matrices of the forms around it from the innermost on) of at most 200,000 objects."""
    of = calls()
    get_type = of.PageObj_GetType
    indices = iter(range(of.Page_CountObjects(page)))
    stack: list[tuple[Any, int, Iterator[int], tuple[_Matrix, ...]]] = [(of.Page_GetObject, page, indices, ())]
    budget = _MAX_OBJECTS
    while stack and budget:
        get_object, owner, indices, matrices = stack[-1]
        index = next(indices, None)
        if index is None:
            stack.pop()
            continue
        budget -= 1
        handle = get_object(owner, index)
        kind = get_type(handle)
        if kind != _FORM:
            yield handle, kind, matrices
        elif len(stack) <= _MAX_FORM_DEPTH:
            count = range(of.FormObj_CountObjects(handle))
            stack.append((of.FormObj_GetObject, handle, iter(count), (_matrix(handle), *matrices)))


def _matrix(handle: int) -> _Matrix:
    matrix = _Matrix(1, 0, 0, 1, 0, 0)
    calls().PageObj_GetMatrix(handle, ctypes.byref(matrix))
    return matrix


def _shape(handle: int, kind: int, order: int, matrices: tuple[_Matrix, ...], fills: Fills) -> Shape | None:
    box = _bounds(handle, matrices)
    if not all(map(math.isfinite, box)):
        return None
    if kind in (_IMAGE, _SHADING):
        return Shape(order, box, None, is_opaque=False, is_picture=kind == _IMAGE)
    if kind != _PATH or min(box[2] - box[0], box[3] - box[1]) < _MIN_SIDE or not _is_area(handle):
        return None
    colour, alpha = fills.colour(handle)
    if alpha == 0:
        return None
    is_rectangle = calls().Path_CountSegments(handle) <= _RECTANGLE_SEGMENTS
    is_plain = is_rectangle and alpha >= _OPAQUE_ALPHA and not calls().PageObj_HasTransparency(handle)
    return Shape(order, box, colour if is_plain else None, is_opaque=is_plain and colour is not None)


def _is_area(handle: int) -> bool:
    """Tell whether a path paints an area: it is filled, or its line is as thick as a letter."""
    mode, stroked, width = ctypes.c_int(), ctypes.c_int(), ctypes.c_float()
    calls().Path_GetDrawMode(handle, ctypes.byref(mode), ctypes.byref(stroked))
    if mode.value:
        return True
    return bool(
        stroked.value and calls().PageObj_GetStrokeWidth(handle, ctypes.byref(width)) and width.value >= _MIN_SIDE
    )


def _bounds(handle: int, matrices: tuple[_Matrix, ...]) -> Box:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    calls().PageObj_GetBounds(handle, *map(ctypes.byref, (left, bottom, right, top)))
    box = left.value, bottom.value, right.value, top.value
    for matrix in matrices:
        box = _moved(box, matrix)
    return box


def _moved(box: Box, m: _Matrix) -> Box:
    corners = [(m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
