"""What differs between two texts, in words: lines first, and words within the lines that differ.

Long contracts are quick so, and white space alone makes no difference.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kvprep.dedupe.near import similarity
from kvprep.dedupe.words import WORD

_MOST_CELLS = 1 << 31
"""Lines times lines, or words times words, that are compared: a quarter of a gigabyte of bits, less than a second."""


@dataclass(frozen=True, slots=True)
class Change:
    """Words that one text has in place of the other's."""

    a_line: int
    b_line: int
    """Where it begins, from 1."""
    old: str
    new: str
    """As printed; empty where nothing stands in its place."""


@dataclass(frozen=True, slots=True)
class Part:
    """Words of neighbouring lines that both texts have, or that differ, with the white space behind them."""

    old: str
    new: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that differ, cut into parts."""

    a_line: int
    b_line: int
    """Its first lines, from 1."""
    parts: tuple[Part, ...]

    def changes(self) -> Iterator[Change]:
        """List what differs."""
        a_line, b_line = self.a_line, self.b_line
        for part in self.parts:
            if not part.is_same:
                yield Change(
                    a_line + _leading(part.old), b_line + _leading(part.new), part.old.strip(), part.new.strip()
                )
            a_line += part.old.count("\n")
            b_line += part.new.count("\n")


@dataclass(frozen=True, slots=True)
class TextDiff:
    """How two texts differ."""

    equal: bool
    """Whether they are the same, character by character."""
    similarity: float
    """As near-duplicates are judged, from 0 to 1."""
    hunks: tuple[Hunk, ...]

    @property
    def changes(self) -> list[Change]:
        """All that differs, in order."""
        return [change for hunk in self.hunks for change in hunk.changes()]

    @property
    def num_words(self) -> int:
        """Words that differ: of each change those of its longer side."""
        return sum(max(len(WORD.findall(c.old)), len(WORD.findall(c.new))) for c in self.changes)


def diff_texts(a: str, b: str) -> TextDiff:
    """Compare two texts word by word; figures, dates and amounts are one word each."""
    if a == b:
        return TextDiff(True, 1.0, ())
    return TextDiff(False, similarity(a, b), tuple(_hunks(list(io.StringIO(a)), list(io.StringIO(b)))))


def _hunks(a: list[str], b: list[str]) -> Iterator[Hunk]:
    for run in _runs([_key(line) for line in a], [_key(line) for line in b]):
        if not run.is_same:
            parts = tuple(_parts("".join(a[run.a_start : run.a_end]), "".join(b[run.b_start : run.b_end])))
            if not all(part.is_same for part in parts):
                yield Hunk(run.a_start + 1, run.b_start + 1, parts)


def _key(line: str) -> str:
    return " ".join(WORD.findall(line))


def _parts(a: str, b: str) -> Iterator[Part]:
    a_words, b_words = list(WORD.finditer(a)), list(WORD.finditer(b))
    a_edges = [0, *(word.start() for word in a_words[1:]), len(a)]
    b_edges = [0, *(word.start() for word in b_words[1:]), len(b)]
    for run in _runs([word[0] for word in a_words], [word[0] for word in b_words]):
        old, new = a[a_edges[run.a_start] : a_edges[run.a_end]], b[b_edges[run.b_start] : b_edges[run.b_end]]
        yield Part(old, new, run.is_same)


class _Run(NamedTuple):
    """[start, end) of two sequences, the same or to be exchanged."""

    is_same: bool
    a_start: int
    a_end: int
    b_start: int
    b_end: int


def _runs(a: Sequence[str], b: Sequence[str]) -> Iterator[_Run]:
    """Cut two sequences into runs that they share and runs that differ, in turns."""
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    a_end, b_end = len(a) - tail, len(b) - tail
    if head:
        yield _Run(True, 0, head, 0, head)
    for run in _differing_runs(a[head:a_end], b[head:b_end]):
        yield _Run(run.is_same, run.a_start + head, run.a_end + head, run.b_start + head, run.b_end + head)
    if tail:
        yield _Run(True, a_end, len(a), b_end, len(b))


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Count what two sequences have in common at their beginning."""
    return next((at for at, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), min(len(a), len(b)))


def _differing_runs(a: Sequence[str], b: Sequence[str]) -> Iterator[_Run]:
    if not (a and b) or len(a) * len(b) > _MOST_CELLS:
        if a or b:
            yield _Run(False, 0, len(a), 0, len(b))
        return
    from rapidfuzz.distance import LCSseq

    a_at = b_at = 0
    for block in LCSseq.opcodes(a, b).as_matching_blocks():
        if block.a > a_at or block.b > b_at:
            yield _Run(False, a_at, block.a, b_at, block.b)
        a_at, b_at = block.a + block.size, block.b + block.size
        if block.size:
            yield _Run(True, block.a, a_at, block.b, b_at)


def _leading(text: str) -> int:
    """Count the line ends before the first word."""
    return text[: len(text) - len(text.lstrip())].count("\n")
