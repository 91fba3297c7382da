"""What a page prints for the page's sake: running headers, footers, folios, and hyphens at line ends.

Only what is the same on other pages, or counts with them, is dropped, and its first copy stays: an invoice's
footer holds its IBAN, and the last row of a table is no footer although its page has one.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from kvprep.documents.base import Block
from kvprep.types import TextFinding

RUNNING_LINES = "running-lines"
"""Kind of a finding: repeated lines at the edges of pages, dropped after their first copy."""
LINE_END_HYPHENS = "line-end-hyphens"
"""Kind of a finding: words joined that a line end had cut."""

_EDGE_LINES = 12
_NUMBER = re.compile(r"\d+")
_FOLIO_WORDS = r"pages?|pag|pg|seiten?|blatt|folio|página|pagina|p|s|sheet|of|von|de|sur|di|van|out|/|-|–"
_FOLIO_WORD_BEFORE = re.compile(rf"(?:^|[^\w])(?:{_FOLIO_WORDS})[.:]?\s*$", re.I)
_LETTER = re.compile(r"[^\W\d_]")
_HYPHENS = "[-\u2010\u2011]"
# Looked for where a word begins only: from each of its letters on, a long one would take the square of its length.
_COMPOUND = re.compile(rf"(?<![^\W\d_])[^\W\d_]++(?:{_HYPHENS}[^\W\d_]++)+")
_LAST_PART = re.compile(rf"(?<![^\W\d_])([^\W\d_]++){_HYPHENS}$")
_FIRST_PART = re.compile(r"[^\W\d_]+")
_CUT_WORD = re.compile(r"[^\W\d_][-\u2010\u00ad]$")
_SUSPENDED = frozenset(
    "und oder bzw beziehungsweise sowie als wie bis noch samt and or nor to as et ou y o e u i en of".split()
)


@dataclass(slots=True)
class _Line:
    page: int
    index: int
    """Position in the whole list of blocks."""
    text: str
    mask: str


def drop_repeats(blocks: Sequence[Block]) -> tuple[list[Block], list[TextFinding]]:
    """Drop running headers, footers and folios, except the first copy of each; that of a footer moves to the end.

    A line counts if it, its digits masked, stands at the same edge of at least half of at least two pages, with nothing
    else between it and the edge, and if its digits are the same on all of them or count with the pages.
    """
    if len({block.page for block in blocks}) < 2:
        return list(blocks), []
    pages = [list(page) for _, page in groupby(_lines(blocks), key=lambda line: line.page)]
    headers, repeated_above = _running([page[:_EDGE_LINES] for page in pages])
    footers, repeated_below = _running([page[: -_EDGE_LINES - 1 : -1] for page in pages])
    dropped = repeated_above | repeated_below
    moved = footers - headers - dropped
    findings = [TextFinding(RUNNING_LINES, len(dropped), "page edges")] if dropped else []
    kept = [block for index, block in enumerate(blocks) if index not in dropped | moved]
    return kept + [blocks[index] for index in sorted(moved)], findings


def _lines(blocks: Sequence[Block]) -> Iterable[_Line]:
    for index, block in enumerate(blocks):
        text = " ".join(block.text.split())
        yield _Line(block.page, index, text, _NUMBER.sub("0", text))


def _running(edges: Sequence[Sequence[_Line]]) -> tuple[set[int], set[int]]:
    """Find first copies and repeats in lines that go from the edge inwards, one list a page."""
    running = _running_lines(edges)
    seen: set[str] = set()
    first: set[int] = set()
    repeated: set[int] = set()
    for edge in edges:
        for line in edge:
            if line.index not in running:
                break
            (repeated if line.mask in seen else first).add(line.index)
            seen.add(line.mask)
    return first, repeated


def _running_lines(edges: Sequence[Sequence[_Line]]) -> set[int]:
    by_mask: dict[str, list[_Line]] = defaultdict(list)
    for edge in edges:
        for line in {line.mask: line for line in reversed(edge)}.values():
            by_mask[line.mask].append(line)
    needed = max(2, math.ceil(len(edges) / 2))
    return {
        line.index for lines in by_mask.values() if len(lines) >= needed for line in _consistent(lines) if line.mask
    }


def _consistent(lines: Sequence[_Line]) -> Sequence[_Line]:
    """Keep lines whose numbers are equal throughout or number the pages; a table row at the edge is neither."""
    columns = list(zip(*(_NUMBER.finditer(line.text) for line in lines), strict=True))
    for column in columns:
        if len({match.group() for match in column}) == 1:
            continue
        if not all(_numbers_page(match) for match in column) or not _counts(column, lines):
            return ()
    return lines


def _numbers_page(match: re.Match[str]) -> bool:
    bare = not _LETTER.search(match.string)
    return len(match.group()) <= 4 and (bare or bool(_FOLIO_WORD_BEFORE.search(match.string[: match.start()])))


def _counts(column: Sequence[re.Match[str]], lines: Sequence[_Line]) -> bool:
    return len({int(match.group()) - line.page for match, line in zip(column, lines, strict=True)}) == 1


def join_line_end_hyphens(blocks: Sequence[Block]) -> tuple[list[Block], list[TextFinding]]:
    """Join a word that a line end cut, and the two lines with it.

    Only before a lower-case letter, and not where the hyphen is a suspended one: `An- oder Ausbauten` keeps it. A
    compound that stands with its hyphen elsewhere in the document keeps it as well.
    """
    joined: list[Block] = []
    compounds: set[str] | None = None
    num_joined = 0
    for block in blocks:
        if not joined or not is_cut_word(joined[-1].text, block.text):
            joined.append(block)
            continue
        compounds = _compounds(blocks) if compounds is None else compounds
        line = joined[-1].text
        cut = line if _around_hyphen(line, block.text) in compounds else line[:-1]
        joined[-1] = replace(joined[-1], text=cut + block.text)
        num_joined += 1
    findings = [TextFinding(LINE_END_HYPHENS, num_joined, "line ends")] if num_joined else []
    return joined, findings


def _compounds(blocks: Iterable[Block]) -> set[str]:
    found = {match.group().lower() for block in blocks for match in _COMPOUND.finditer(block.text)}
    return {"-".join(pair) for compound in found for pair in pairwise(re.split(_HYPHENS, compound))}


def _around_hyphen(line: str, following: str) -> str:
    before, after = _LAST_PART.search(line), _FIRST_PART.match(following)
    return f"{before.group(1)}-{after.group()}".lower() if before and after else ""


def is_cut_word(line: str, following: str) -> bool:
    """Tell whether the hyphen at the end of `line` only cuts a word that goes on in `following`."""
    # The end of a line is enough, since the pattern would try every letter of it.
    if not _CUT_WORD.search(line[-3:]) or not following[:1].islower():
        return False
    first_word = _FIRST_PART.match(following)
    return first_word is not None and first_word.group() not in _SUSPENDED
