"""CSV and TSV: values between separators become a Markdown table; a file that is no table stays the text that it is."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from kvprep.documents.base import Block, Extracted, Kind, Limits
from kvprep.documents.markdown import titled_table
from kvprep.documents.readers.text import decode, reader_name

# In this order where two fit equally well: a comma may be a decimal sign, a bar or a tab is hardly ever anything else.
_SEPARATORS = "\t;|,"
_SAMPLE_CHARS = 64 * 1024
_LEAST_SHARE = 0.5
"""Of the rows must have the same number of values."""
_MAX_CELLS = 5_000_000
"""Of the table, filled up to its longest row."""

Row = list[str]


class SeparatedReader:
    """Reads values that are separated by commas, semicolons, bars or tabs."""

    name = Kind.CSV.value

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Decode the bytes, find the separator, and write the table.

        Raises:
            UnreadableDocument: no encoding fits.
        """
        text, encoding = decode(data)
        return Extracted(tuple(_blocks(text)), "", (), reader_name(self.name, encoding))


@dataclass(frozen=True, slots=True)
class _Dialect:
    separator: str
    quoted: bool
    """Whether quotation marks enclose values, or are part of them."""
    share: float
    """Of the rows in the sample that have `width` values."""
    width: int

    def rows(self, text: str) -> list[Row]:
        source = io.StringIO(text, newline="")
        if self.quoted:
            lines = csv.reader(source, delimiter=self.separator)
        else:
            lines = csv.reader(source, delimiter=self.separator, quoting=csv.QUOTE_NONE)
        return [row for row in lines if any(map(str.strip, row))]


def _blocks(text: str) -> Iterator[Block]:
    named, text = _named_separator(text)
    dialect = _find_dialect(text, named)
    rows = _rows(text, dialect) if dialect else []
    if dialect is None or not rows:
        yield Block(text)
        return
    yield from titled_table(rows, dialect.width)


def _named_separator(text: str) -> tuple[str, str]:
    """Take off the first line that tells Excel the separator, and give both."""
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.rstrip("\r")) == 5:
        return first[4], rest
    return "", text


def _find_dialect(text: str, named: str) -> _Dialect | None:
    """Choose the separator, and whether quotation marks count, under which most rows have the same number of values."""
    cut = text.rfind("\n", 0, _SAMPLE_CHARS) if len(text) > _SAMPLE_CHARS else len(text)
    # Where one is never closed it swallows all rows behind it.
    choices = (True, False) if text.count('"') % 2 == 0 else (False, True)
    found = [_measure(text[:cut], mark, quoted) for quoted in choices for mark in named or _SEPARATORS]
    best = max(found, key=lambda dialect: dialect.share)
    return best if best.share >= _LEAST_SHARE else None


def _measure(sample: str, separator: str, quoted: bool) -> _Dialect:
    try:
        rows = _Dialect(separator, quoted, 0.0, 0).rows(sample)
    except csv.Error:
        rows = []
    widths = Counter(len(row) for row in rows if len(row) > 1)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return _Dialect(separator, quoted, count / len(rows) if rows else 0.0, width)


def _rows(text: str, dialect: _Dialect) -> list[Row]:
    """Cut the whole text; nothing where a value or the table is larger than any table is."""
    try:
        rows = dialect.rows(text)
    except csv.Error:
        return []
    return rows if len(rows) * max(map(len, rows), default=0) <= _MAX_CELLS else []
