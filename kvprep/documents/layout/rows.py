"""From runs of glyphs to printed lines and their cells."""

import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

# Lengths are in font sizes.
_BASELINE_TOLERANCE = 0.3
_GAP_BLANK = 0.16
_GUESSED_BLANK = 0.08
_OVERLAP_BLANK = -0.35
_SCRIPT_SIZE = 0.85
_SCRIPT_RISE = 0.6
_SCRIPT_GAP = 0.35
_DOUBLED_OFFSET = 0.12
_CELL_GAP = 0.9


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
    guess_before: bool = False
    guess_after: bool = False
    """No blank was drawn there, but the library below sees one in the gap."""


@dataclass(slots=True)
class Word:
    """Text without a blank; places as in `Run`."""

    start: float
    end: float
    text: str


@dataclass(slots=True)
class Cell:
    """Words of a line between two wide gaps."""

    words: list[Word]
    start: float
    """Where the first word starts, in points."""
    end: float
    """Where the last word ends, in points."""

    @property
    def text(self) -> str:
        """The words, parted by blanks."""
        return " ".join([word.text for word in self.words])


@dataclass(slots=True)
class Line:
    """What is printed on one base line, from left to right."""

    base: float
    size: float
    """Font size of most of its text, in points."""
    cells: list[Cell]

    @property
    def start(self) -> float:
        """Where its text starts, in points."""
        return self.cells[0].start

    @property
    def end(self) -> float:
        """Where its text ends, in points."""
        return self.cells[-1].end

    @property
    def text(self) -> str:
        """The cells, parted by blanks."""
        return " ".join([cell.text for cell in self.cells])


@dataclass(slots=True)
class _Row:
    base: float
    size: float
    runs: list[Run] = field(default_factory=list)


def lines_of(runs: Iterable[Run]) -> list[Line]:
    """Build lines from runs of one direction, top to bottom."""
    return [_line(row) for row in _rows(list(runs))]


def _rows(runs: list[Run]) -> list[_Row]:
    runs.sort(key=lambda run: (-run.base, run.start, run.text))
    rows: list[_Row] = []
    for run in runs:
        if rows and rows[-1].base - run.base <= _BASELINE_TOLERANCE * min(rows[-1].size, run.size):
            rows[-1].runs.append(run)
        else:
            rows.append(_Row(run.base, run.size, [run]))
    for row in rows:
        if len({run.size for run in row.runs}) > 1:
            row.size = _main_size(row.runs)
    return _attach_scripts(rows)


def _main_size(runs: Iterable[Run]) -> float:
    sizes: Counter[float] = Counter()
    for run in runs:
        sizes[run.size] += len(run.text)
    return max(sizes, key=lambda size: (sizes[size], size))


def _attach_scripts(rows: list[_Row]) -> list[_Row]:
    """Move raised and lowered small runs into the row whose text they touch: the 2 of m², a footnote's number."""
    for index, row in enumerate(rows):
        neighbours = [rows[near] for near in (index - 1, index + 1) if 0 <= near < len(rows)]
        if not any(abs(row.base - other.base) <= _SCRIPT_RISE * other.size for other in neighbours):
            continue
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


def _line(row: _Row) -> Line:
    ordered = _without_doubles(sorted(row.runs, key=lambda run: (run.start, run.end, run.text)))
    if _is_right_to_left(ordered):
        ordered = _mirrored(ordered)
    cells: list[Cell] = []
    before: Run | None = None
    for run in ordered:
        if before is None or run.start - before.end > _CELL_GAP * row.size:
            cells.append(Cell([Word(run.start, run.end, run.text)], run.start, run.end))
        elif _blank_between(before, run):
            cells[-1].words.append(Word(run.start, run.end, run.text))
            cells[-1].end = run.end
        else:
            word = cells[-1].words[-1]
            word.text += run.text
            word.end = cells[-1].end = max(word.end, run.end)
        before = run
    return Line(row.base, row.size, cells)


def _blank_between(left: Run, right: Run) -> bool:
    gap = right.start - left.end
    size = min(left.size, right.size)
    if left.blank_after or right.blank_before or gap > _GAP_BLANK * size or gap < _OVERLAP_BLANK * size:
        return True
    return left.guess_after and right.guess_before and gap > _GUESSED_BLANK * size


def _without_doubles(runs: list[Run]) -> list[Run]:
    """Drop text drawn twice over itself, as some programs do to make it bold."""
    if len({run.text for run in runs}) == len(runs):
        return runs
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
    text = "".join([run.text for run in runs])
    if text.isascii():
        return False
    directions = Counter(map(unicodedata.bidirectional, text))
    return directions["R"] + directions["AL"] > directions["L"]


def _mirrored(runs: Sequence[Run]) -> list[Run]:
    """Read the row from the right: mirror every run's place, so that gaps mean what they mean."""
    return [replace(run, start=-run.end, end=-run.start) for run in reversed(runs)]
