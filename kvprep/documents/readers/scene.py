"""Which text on a page nobody can see: by its own ink, by what lies beneath it, by what lies over it."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from kvprep.documents.readers.colours import WHITE, Colour, nearly_equal
from kvprep.documents.readers.page_objects import Box
from kvprep.documents.readers.painting import Painting, Shape

Point = tuple[float, float]

_FILLED, _INVISIBLE, _CLIP = 0, 3, 7
_MAX_SIDE = 20_000.0
"""No page reaches farther, in points; boxes of damaged files do."""
_NUM_BANDS = 32
"""Strips of the page by which shapes are found."""


class Ink(NamedTuple):
    """How a text object is painted."""

    mode: int
    """PDF's text render mode."""
    colour: Colour | None
    """Colour of the fill; unknown where it is a pattern."""
    alpha: int
    """0 is invisible, 255 opaque."""

    @property
    def is_invisible(self) -> bool:
        """Whether it paints neither fill nor stroke."""
        return self.mode in (_INVISIBLE, _CLIP) or (self.alpha == 0 and self.mode == _FILLED)


class Scene:
    """Looks up what a page paints at a point."""

    def __init__(self, painting: Painting, visible: Box) -> None:
        """Sort the shapes by where they lie.

        Args:
            visible: the part of the page that is shown.
        """
        left, bottom, right, top = (max(-_MAX_SIDE, min(side, _MAX_SIDE)) for side in visible)
        self.visible = left, bottom, right, top
        self._band = max(1.0, (top - bottom) / _NUM_BANDS)
        self.pictures = [shape.box for shape in painting.shapes if shape.is_picture]
        self._orders = painting.text_orders
        self._colours = {WHITE, *(shape.colour for shape in painting.shapes if shape.colour)}
        self._last_opaque = max((shape.order for shape in painting.shapes if shape.is_opaque), default=-1)
        self._bands: dict[int, list[Shape]] = defaultdict(list)
        for shape in painting.shapes:
            for band in range(*self._bands_of(shape.box)):
                self._bands[band].append(shape)
        self._suspects: dict[Ink, bool] = {}

    def _bands_of(self, box: Box) -> tuple[int, int]:
        bottom, top = max(box[1], self.visible[1]), min(box[3], self.visible[3])
        return int(bottom // self._band), int(top // self._band) + 1

    def is_over_picture(self, at: Point) -> bool:
        """Tell whether a point lies on a picture, whichever was painted first."""
        return any(is_inside(at, box) for box in self.pictures)

    def may_hide(self, text_object: int, ink: Ink) -> bool:
        """Tell whether the page has anything at all that could hide a text, wherever it stands.

        Args:
            text_object: the handle of the object that paints the text.
        """
        return self._orders.get(text_object, math.inf) < self._last_opaque or self._is_suspect(ink)

    def trouble(self, text_object: int, ink: Ink, first: Point, last: Point) -> str:
        """Say why nobody sees a text that is painted: it has the colour of its ground, or a shape lies over it.

        Args:
            text_object: the handle of the object that paints the text.
            first: a point in its first letter.
            last: a point in its last letter.

        Returns:
            Nothing where the text can be seen, or where that cannot be told.
        """
        order = self._orders.get(text_object)
        if order is None:
            return ""
        if self._is_covered(order, first, last):
            return "covered"
        if ink.colour is not None and self._is_suspect(ink):
            ground = self._ground(order, ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2))
            if ground is not None and nearly_equal(ink.colour, ground):
                return "in the colour of its ground"
        return ""

    def _is_suspect(self, ink: Ink) -> bool:
        """Tell whether the page has a ground anywhere on which the ink would not show."""
        if ink not in self._suspects:
            near = ink.colour is not None and any(nearly_equal(ink.colour, ground) for ground in self._colours)
            self._suspects[ink] = near and ink.mode == _FILLED
        return self._suspects[ink]

    def _is_covered(self, order: int, first: Point, last: Point) -> bool:
        # Only what is painted later can cover, and on most pages little is.
        return order < self._last_opaque and any(
            shape.is_opaque and shape.order > order and is_inside(last, shape.box) for shape in self._shapes_at(first)
        )

    def _ground(self, order: int, at: Point) -> Colour | None:
        """Give the colour that was painted last at a point before the text; nothing where it is not known."""
        beneath = [shape for shape in self._shapes_at(at) if shape.order < order]
        return max(beneath, key=lambda shape: shape.order).colour if beneath else WHITE

    def _shapes_at(self, at: Point) -> Iterator[Shape]:
        for shape in self._bands.get(int(at[1] // self._band), ()):
            if is_inside(at, shape.box):
                yield shape


def is_inside(at: Point, box: Box) -> bool:
    """Tell whether a point lies in a box or on its edge."""
    return box[0] <= at[0] <= box[2] and box[1] <= at[1] <= box[3]
