"""Prefill and warm first token over the length of the prompt: an SVG with both axes logarithmic."""

import math
from collections.abc import Iterator, Mapping
from statistics import median

LINES = {"prefill": ("cold", "prefill"), "warm first token": ("warm", "load and first token")}
"""What is drawn, by its name among the times: the class of its line, and its words."""

Curve = Mapping[str, Mapping[str, list[float]]]
"""Tokens → what was timed → seconds of each round."""

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 690, 50, 360
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 15px }
.grid { stroke: #ddd }
.cold { stroke: #b3541e } .warm { stroke: #1f6fb2 }
polyline { fill: none; stroke-width: 2 }
circle { fill: #fff; stroke-width: 2 }
.ground { fill: #fff }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc } .grid { stroke: #444 } .ground, circle { fill: #161616 }
  .cold { stroke: #f0935a } .warm { stroke: #6db3f2 }
}
"""


class _Scale:
    """From a number to a place between two ends, by its logarithm."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = math.log(low), start
        self._step = (end - start) / (math.log(high) - math.log(low))

    def __call__(self, value: float) -> str:
        return f"{self._start + (math.log(value) - self._low) * self._step:.1f}"


def draw(curve: Curve) -> str:
    """Draw both lines, with the lowest and highest round of each point as a thin bar.

    Args:
        curve: of at least two lengths, each with the times that `LINES` names.
    """
    lengths = sorted(int(tokens) for tokens in curve)
    decades = _decades([s for times in curve.values() for name in LINES for s in times[name]])
    across, up = _Scale(lengths[0], lengths[-1], _LEFT, _RIGHT), _Scale(decades[0], decades[-1], _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-labelledby="title desc">',
        '<title id="title">Prefill and warm first token over the length of the prompt</title>',
        f'<desc id="desc">{_words(curve, lengths)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>',
        *_axes(lengths, decades, across, up),
    ]
    for name in LINES:
        parts += _line(name, {n: curve[str(n)][name] for n in lengths}, across, up)
    return "\n".join([*parts, "</svg>", ""])


def _decades(seconds: list[float]) -> list[float]:
    first, last = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _axes(lengths: list[int], decades: list[float], across: _Scale, up: _Scale) -> Iterator[str]:
    yield f'<text class="title" x="{_LEFT}" y="25">seconds over tokens of the prompt, both logarithmic</text>'
    for seconds in decades:
        y = up(seconds)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{_time(seconds)}</text>'
    for tokens in lengths:
        x = across(tokens)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_BOTTOM}"/>'
        yield f'<text x="{x}" y="{_BOTTOM + 20}" text-anchor="middle">{tokens:,}</text>'


def _line(name: str, times: Mapping[int, list[float]], across: _Scale, up: _Scale) -> Iterator[str]:
    look, words = LINES[name]
    points = [(across(tokens), up(median(seconds))) for tokens, seconds in times.items()]
    yield f'<polyline class="{look}" points="{" ".join(",".join(point) for point in points)}"/>'
    for (x, y), seconds in zip(points, times.values(), strict=True):
        yield f'<line class="{look}" x1="{x}" x2="{x}" y1="{up(min(seconds))}" y2="{up(max(seconds))}"/>'
        yield f'<circle class="{look}" cx="{x}" cy="{y}" r="3"/>'
    x, y = points[0]
    yield f'<text x="{x}" y="{y}" dx="8" dy="-10">{words}</text>'


def _words(curve: Curve, lengths: list[int]) -> str:
    return " ".join(
        f"At {n:,} tokens prefill takes {_time(median(curve[str(n)]['prefill']))}, load and first token "
        f"{_time(median(curve[str(n)]['warm first token']))}."
        for n in lengths
    )


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
