"""What the page is made of: sections of cards, each with a chart, bars or a table, or several of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from kvprep.economics.worth import paying_read
from kvprep.report.page.bars import Row
from kvprep.wording import counted

MOST_ROWS = 20
"""Of a table: what matters most. `--json` has all."""
_ID_DIGITS = 12
_TITLE_LENGTH = 120

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    cell: Callable[[Any], str]
    is_number: bool = False
    is_name: bool = False
    """Whether it says what the row is of."""


@dataclass(frozen=True)
class Table:
    """A table, cut to what can be read."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    more: int = 0
    """Rows that are left out."""


@dataclass(frozen=True)
class Card:
    """A part of a section."""

    title: str
    note: str = ""
    chart: Markup | None = None
    strip: Row | None = None
    bars: Sequence[tuple[str, Sequence[Row]]] = field(default=())
    """Groups of bars with their names."""
    table: Table | None = None
    is_wide: bool = False
    is_tall: bool = False
    """As high as two others beside it."""
    is_open: bool = False
    """Whether the table is shown at once: there is no chart that says the same."""


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    ident: str
    title: str
    cards: Sequence[Card]


def make_table(caption: str, columns: Sequence[Column], found: Sequence[Any], *, most: int = MOST_ROWS) -> Table:
    """Write the first rows of what was found."""
    rows = [[column.cell(each) for column in columns] for each in found[:most]]
    return Table(caption, columns, rows, max(len(found) - most, 0))


def title_of(document: Facts) -> str:
    """Name a document; by its hash where it has no title, and not longer than can be read."""
    title: str = document["title"] or (document.get("document") or "")[:_ID_DIGITS] or "unknown"
    return title if len(title) <= _TITLE_LENGTH else title[: _TITLE_LENGTH - 1] + "…"


def pays_after(reads: float | None) -> str:
    """Say after how many reads something has paid for itself."""
    number = paying_read(reads)
    return "never" if number is None else counted(number, "read")


def share(value: float | None) -> str:
    """Write a share of 1."""
    return "–" if value is None else f"{value:.1%}"


def day(at: float | None) -> str:
    """Write the day of a time, in UTC."""
    return "never" if at is None else datetime.fromtimestamp(at, UTC).date().isoformat()


def minute(at: float) -> str:
    """Write a time to the minute, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
