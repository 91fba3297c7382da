"""Printed lines rebuilt from where pieces of text stand, whatever order they were drawn in. Pure geometry.

Two programs that print the same invoice draw it in different pieces, in different orders, with different fonts. What
they agree on is which words share a base line, and what stands left of what.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kvprep.documents.furniture import is_cut_word

_BASELINE_TOLERANCE = 0.3
_GAP_BLANK = 0.16
_OVERLAP_BLANK = -0.35
_SCRIPT_SIZE = 0.85
_SCRIPT_RISE = 0.6
_SCRIPT_GAP = 0.35
_DOUBLED_OFFSET = 0.12
_CELL_GAP = 0.9
_CELL_ALIGNMENT = 0.6
_CELL_LEADING = 1.6
_AMOUNT = re.compile(r"\d[.,]\d\d(?!\d)")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(slots=True)
class Run:
    """A stretch of glyphs without a blank on one base line, in a frame where its text runs along u.

    Lengths are in points of the page.
    """

    text: str
    start: float
    """Position of the first glyph along the base line."""
    end: float
    base: float
    """Position of the base line; grows upwards."""
    size: float
    """Font size as printed."""
    angle: int = 0
    """Direction of the text in degrees."""
    blank_before: bool = False
    blank_after: bool = False
    """A blank was drawn there, be it ever so narrow."""


@dataclass(slots=True)
class _Row:
    base: float
    size: float
    runs: list[Run] = field(default_factory=list)


@dataclass(slots=True)
class _Cell:
    """Text of a line between two wide gaps."""

    start: float
    text: str


@dataclass(slots=True)
class _Line:
    base: float
    size: float
    cells: list[_Cell]

    @property
    def text(self) -> str:
        return " ".join(cell.text for cell in self.cells)


def page_lines(runs: Iterable[Run]) -> list[str]:
    """Build a page's lines, top to bottom; text in another direction than most of the page follows after."""
    by_angle: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_angle[run.angle].append(run)
    num_chars = {angle: sum(len(run.text) for run in same) for angle, same in by_angle.items()}
    order = sorted(by_angle, key=lambda angle: (-num_chars[angle], angle))
    return [line.text for angle in order for line in _join_wrapped_cells(map(_line, _rows(by_angle[angle])))]


def _rows(runs: list[Run]) -> list[_Row]:
    runs.sort(key=lambda run: (-run.base, run.start, run.text))
    rows: list[_Row] = []
    for run in runs:
        if rows and rows[-1].base - run.base <= _BASELINE_TOLERANCE * min(rows[-1].size, run.size):
            rows[-1].runs.append(run)
        else:
            rows.append(_Row(run.base, run.size, [run]))
    for row in rows:
        sizes: Counter[float] = Counter()
        for run in row.runs:
            sizes[run.size] += len(run.text)
        row.size = max(sizes, key=lambda size: (sizes[size], size))
    return _attach_scripts(rows)


def _attach_scripts(rows: list[_Row]) -> list[_Row]:
    """Move raised and lowered small runs into the row whose text they touch: the 2 of m², a footnote's number."""
    for index, row in enumerate(rows):
        neighbours = [rows[near] for near in (index - 1, index + 1) if 0 <= near < len(rows)]
        staying: list[Run] = []
        for run in row.runs:
            host = next((other for other in neighbours if _is_script(run, other)), None)
            (host.runs if host else staying).append(run)
        row.runs = staying
    return [row for row in rows if row.runs]


def _is_script(run: Run, row: _Row) -> bool:
    if run.size > _SCRIPT_SIZE * row.size or abs(run.base - row.base) > _SCRIPT_RISE * row.size:
        return False
    reach = _SCRIPT_GAP * row.size
    return any(
        -reach / 2 <= run.start - other.end <= reach or -reach / 2 <= other.start - run.end <= reach / 3
        for other in row.runs
        if other.size > run.size
    )


def _line(row: _Row) -> _Line:
    ordered = _without_doubles(sorted(row.runs, key=lambda run: (run.start, run.end, run.text)))
    if _is_right_to_left(ordered):
        ordered = _mirrored(ordered)
    line = _Line(row.base, row.size, [])
    before: Run | None = None
    for run in ordered:
        if before is None or run.start - before.end > _CELL_GAP * row.size:
            line.cells.append(_Cell(run.start, run.text))
        else:
            line.cells[-1].text += f" {run.text}" if _blank_between(before, run) else run.text
        before = run
    return line


def _join_wrapped_cells(lines: Iterable[_Line]) -> list[_Line]:
    """Take the second line of an item's description back into its cell, left of the amounts that belong to it."""
    joined: list[_Line] = []
    for line in lines:
        cell = _wrapped_cell(joined[-1], line) if joined else None
        if cell is None:
            joined.append(line)
            continue
        cell.text = cell.text[:-1] + line.text if is_cut_word(cell.text, line.text) else f"{cell.text} {line.text}"
        joined[-1].base = line.base
    return joined


def _wrapped_cell(row: _Line, line: _Line) -> _Cell | None:
    """Find the cell that a line continues: only words, close under an item's row, flush with a cell inside it."""
    close = row.base - line.base <= _CELL_LEADING * min(row.size, line.size)
    if not close or len(line.cells) > 1 or len(row.cells) < 3 or _AMOUNT.search(line.text):
        return None
    if not _AMOUNT.search(row.cells[-1].text):
        return None
    for cell in row.cells[1:-1]:
        if abs(cell.start - line.cells[0].start) <= _CELL_ALIGNMENT * row.size and _LETTER.search(cell.text):
            return cell
    return None


def _blank_between(left: Run, right: Run) -> bool:
    gap = right.start - left.end
    size = min(left.size, right.size)
    return left.blank_after or right.blank_before or gap > _GAP_BLANK * size or gap < _OVERLAP_BLANK * size


def _without_doubles(runs: Sequence[Run]) -> list[Run]:
    """Drop text drawn twice over itself, as some programs do to make it bold."""
    kept: list[Run] = []
    starts_of: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        starts = starts_of[run.text]
        nearest = bisect_left(starts, run.start - _DOUBLED_OFFSET * run.size)
        if nearest == len(starts):
            kept.append(run)
            starts.append(run.start)
    return kept


def _is_right_to_left(runs: Sequence[Run]) -> bool:
    if all(run.text.isascii() for run in runs):
        return False
    directions = Counter(unicodedata.bidirectional(char) for run in runs for char in run.text)
    return directions["R"] + directions["AL"] > directions["L"]


def _mirrored(runs: Sequence[Run]) -> list[Run]:
    """Read the row from the right: mirror every run's place, so that gaps mean what they mean."""
    return [
        Run(run.text, -run.end, -run.start, run.base, run.size, run.angle, run.blank_before, run.blank_after)
        for run in reversed(runs)
    ]
