"""What a page shows when it is drawn: the judge of text that PDFium itself does not see."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

_MAX_SIDE = 2000
"""Pixels; larger pages are drawn smaller."""
_CONTRAST = 40
"""Difference of grey, of 255, that makes a mark."""
_LETTER_WIDTH = 0.4
_ABOVE, _BELOW = 0.9, 0.25
"""Reach of letters over and under their base line, in font sizes; small, so that a neighbour's ink does not count."""


class Ink:
    """A page drawn in grey."""

    def __init__(self, page: "pypdfium2.PdfPage") -> None:
        """Draw a page.

        Raises:
            PdfiumError, ValueError: it cannot be drawn.
        """
        self._left, _, _, self._top = page.get_bbox()
        self._scale = min(1.0, _MAX_SIDE / max(*page.get_size(), 1.0))
        self._is_turned = bool(page.get_rotation())
        bitmap = page.render(scale=self._scale, grayscale=True)
        self._grey: NDArray[np.uint8] = bitmap.to_numpy().reshape(bitmap.height, bitmap.width).copy()

    def shows(self, text: str, cm: list[float], tm: list[float], font_size: float) -> bool:
        """Tell whether there are marks where a text begins.

        Args:
            cm: the matrix from the user's space to the page.
            tm: the matrix from the text's space to the user's.
        """
        matrix = _product(tm, cm)
        size = abs(font_size) * float(np.hypot(matrix[2], matrix[3]))
        region = self._region(matrix[4], matrix[5], size, len(text.strip()))
        return size >= 1.0 and region.size > 0 and int(region.max()) - int(region.min()) >= _CONTRAST

    def _region(self, x: float, y: float, size: float, num_chars: int) -> NDArray[np.uint8]:
        if self._is_turned:  # matrices do not know of the turn: any mark on the page will do
            return self._grey
        if not np.all(np.isfinite([x, y, size])):
            return self._grey[:0]
        columns = _pixels(x - self._left, x - self._left + max(num_chars, 1) * _LETTER_WIDTH * size, self._scale)
        rows = _pixels(self._top - y - _ABOVE * size, self._top - y + _BELOW * size, self._scale)
        return self._grey[rows, columns]


def _pixels(start: float, end: float, scale: float) -> slice:
    return slice(max(0, int(start * scale)), max(0, int(end * scale) + 1))


def _product(first: list[Any], second: list[Any]) -> tuple[float, ...]:
    a, b, c, d, e, f = map(float, first)
    u, v, w, x, y, z = map(float, second)
    return (a * u + b * w, a * v + b * x, c * u + d * w, c * v + d * x, e * u + f * w + y, e * v + f * x + z)
