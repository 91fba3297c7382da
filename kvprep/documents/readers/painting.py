"""What a page paints, object by object, in the order of painting."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kvprep.documents.readers.colours import Colour
from kvprep.documents.readers.page_objects import Box, Matrix, ObjectReader
from kvprep.documents.readers.pdfium_calls import address, calls

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

_TEXT, _PATH, _IMAGE, _SHADING, _FORM = 1, 2, 3, 4, 5
_MAX_FORM_DEPTH = 8
_MAX_OBJECTS = 200_000
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


def painting_of(page: "pypdfium2.PdfPage") -> Painting:
    """Walk over a page's objects once, into forms eight deep."""
    painting = Painting([], {})
    reader = ObjectReader()
    for order, (handle, kind, matrices) in enumerate(_objects(address(page.raw), reader)):
        if kind == _TEXT:
            painting.text_orders[handle] = order
        elif shape := _shape(reader, handle, kind, order, matrices):
            painting.shapes.append(shape)
    return painting


def _objects(page: int, reader: ObjectReader) -> Iterator[tuple[int, int, tuple[Matrix, ...]]]:
    """Yield (handle, type, matrices of the forms around it from the innermost on) of at most 200,000 objects."""
    of = calls()
    get_type = of.PageObj_GetType
    indices = iter(range(of.Page_CountObjects(page)))
    stack: list[tuple[Any, int, Iterator[int], tuple[Matrix, ...]]] = [(of.Page_GetObject, page, indices, ())]
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
            stack.append((of.FormObj_GetObject, handle, iter(count), (reader.matrix(handle), *matrices)))


def _shape(reader: ObjectReader, handle: int, kind: int, order: int, matrices: tuple[Matrix, ...]) -> Shape | None:
    box = reader.bounds(handle, matrices)
    if not all(map(math.isfinite, box)):
        return None
    if kind in (_IMAGE, _SHADING):
        return Shape(order, box, None, is_opaque=False, is_picture=kind == _IMAGE)
    if kind != _PATH or min(box[2] - box[0], box[3] - box[1]) < _MIN_SIDE or not reader.is_area(handle, _MIN_SIDE):
        return None
    colour, alpha = reader.fill(handle)
    if alpha == 0:
        return None
    is_turned = any(matrix.b or matrix.c for matrix in matrices)
    is_plain = alpha >= _OPAQUE_ALPHA and not calls().PageObj_HasTransparency(handle) and not is_turned
    is_plain = is_plain and reader.is_rectangle(handle)
    return Shape(order, box, colour if is_plain else None, is_opaque=is_plain and colour is not None)
