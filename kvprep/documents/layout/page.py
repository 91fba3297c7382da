"""A page's runs in reading order, as lines and tables."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from kvprep.documents import markdown
from kvprep.documents.base import Block, BlockKind
from kvprep.documents.layout.flows import flows
from kvprep.documents.layout.labels import settle_labels
from kvprep.documents.layout.rows import Line, Run, lines_of
from kvprep.documents.layout.tables import find_tables


def page_blocks(runs: Iterable[Run], page: int) -> Iterator[Block]:
    """Build a page's lines and tables, top to bottom; text in another direction than most of the page follows after.

    Args:
        page: the page's number, from 1.
    """
    by_angle: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_angle[run.angle].append(run)
    num_chars = {angle: sum(len(run.text) for run in same) for angle, same in by_angle.items()}
    for angle in sorted(by_angle, key=lambda angle: (-num_chars[angle], angle)):
        for flow in flows(lines_of(by_angle[angle])):
            yield from _blocks(flow, page)


def _blocks(lines: Sequence[Line], page: int) -> Iterator[Block]:
    at = 0
    for table in find_tables(lines):
        yield from _lines(lines[at : table.first], page)
        if table.is_sure:
            yield Block(markdown.table(table.rows), BlockKind.TABLE, page)
        else:
            yield from (Block(" ".join(filter(None, row)), BlockKind.LINE, page) for row in table.rows)
        at = table.end
    yield from _lines(lines[at:], page)


def _lines(lines: Sequence[Line], page: int) -> Iterator[Block]:
    for line in settle_labels(lines):
        yield Block(line.text, BlockKind.LINE, page)
