"""How long prefills take, fitted to those that were measured.

Source: docs/economics.md, "Seconds of a prefill".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PrefillSpeed:
    """How long prefills take: n tokens take linear × n + quadratic × n² seconds.

    Matrix products with the weights grow with the tokens, attention with their square.
    """

    linear: float
    quadratic: float

    def seconds(self, start: int, end: int) -> float:
        """Estimate what computing tokens [start, end) takes, after those before them."""
        return self.linear * (end - start) + self.quadratic * (end**2 - start**2)


def fit_prefill(measured: Sequence[tuple[int, float]]) -> PrefillSpeed | None:
    """Fit the speed to what prefills took.

    Least squares of the relative error, so that long documents do not drown short ones; neither part is negative.

    Args:
        measured: tokens of a document, and the seconds that computing all of them took.

    Returns:
        None where nothing was measured.
    """
    usable = [(tokens, seconds) for tokens, seconds in measured if tokens > 0 and seconds > 0]
    if not usable:
        return None
    tokens, seconds = np.array(usable, dtype=np.float64).T
    relative = np.stack([tokens, tokens**2], axis=1) / seconds[:, None]
    if len(set(tokens)) > 1:
        linear, quadratic = np.linalg.lstsq(relative, np.ones(len(tokens)), rcond=None)[0]
        if linear >= 0 and quadratic >= 0:
            return PrefillSpeed(float(linear), float(quadratic))
    fits = (_alone(relative, part) for part in range(2 if len(set(tokens)) > 1 else 1))
    return min(fits, key=lambda fit: fit[0])[1]


def _alone(relative: np.ndarray, part: int) -> tuple[float, PrefillSpeed]:
    """Fit one part without the other; give its squared error, and the speed."""
    column = relative[:, part]
    value = float(column.sum() / (column @ column))
    error = float(((column * value - 1) ** 2).sum())
    return error, PrefillSpeed(value, 0.0) if part == 0 else PrefillSpeed(0.0, value)
