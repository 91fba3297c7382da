"""Everything that is drawn for a person. Alone in importing rich; colour only on a terminal."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from getpass import getpass
from typing import TYPE_CHECKING, Any, TextIO

from kvprep.cli import logs
from kvprep.progress import Progress, Silent
from kvprep.wording import counted, printable, seconds, size

__all__ = [
    "Row",
    "ask_secret",
    "content",
    "counted",
    "error",
    "facts",
    "headline",
    "marked",
    "note",
    "printable",
    "progress",
    "seconds",
    "size",
    "table",
]

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPE_WIDTH = 10_000
_LEAST_ROOM = 20
"""Characters; a text is not cut into shorter lines, nor a column to fewer."""

_MARKS = {"": ("", "", ""), "-": ("[-", "-]", "red"), "+": ("{+", "+}", "green")}

Row = Sequence[str]


def error(message: str, hint: str, *, is_warning: bool = False) -> None:
    """Print an error and what to do about it."""
    if logs.is_on():
        logs.write("warning" if is_warning else "error", message, hint=hint)
        return
    note(f"kvprep: {'warning' if is_warning else 'error'}: {message}")
    if hint:
        note(f"kvprep: hint: {hint}")


def note(line: str) -> None:
    """Print a line that is not data."""
    if logs.is_on():
        logs.write("info", line)
        return
    print(printable(line), file=sys.stderr, flush=True)


def ask_secret(prompt: str) -> str:
    """Ask on the terminal for what must not be shown."""
    return getpass(printable(prompt))


def content(text: str) -> None:
    """Print text of a document or an answer: as it is into a pipe, without control characters on a terminal."""
    sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def marked(parts: Iterable[tuple[str, str]]) -> None:
    """Print text in parts, each with its mark: none, `-` for `[-old-]` or `+` for `{+new+}`; on a terminal coloured."""
    from rich.console import Console
    from rich.text import Text

    drawn = Text()
    for part, mark in parts:
        shown = printable(part) if sys.stdout.isatty() else part
        left, right, style = _MARKS[mark]
        drawn.append(f"{left}{shown}{right}", style)
    if sys.stdout.isatty():
        Console(file=sys.stdout, highlight=False).print(drawn, soft_wrap=True, end="")
    else:
        sys.stdout.write(drawn.plain)
    sys.stdout.flush()


def headline(text: str) -> None:
    """Print a sentence that says it all, wrapped and bold on a terminal, on one line elsewhere."""
    from rich.console import Console
    from rich.text import Text

    if sys.stdout.isatty():
        Console(file=sys.stdout, highlight=False).print(Text(printable(text), style="bold"))
    else:
        print(printable(text))


def facts(pairs: Mapping[str, str], *, title: str = "") -> None:
    """Print names with their values, one a line; on a terminal, what is longer goes on below the value."""
    if title:
        print(printable(title))
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        print("\n".join(_hung(f"  {name:<{width}}  ", printable(value))))


def _hung(name: str, value: str) -> list[str]:
    """Break a value into lines that begin below one another, where stdout is a terminal of some width."""
    room = shutil.get_terminal_size().columns - len(name)
    if not sys.stdout.isatty() or len(value) <= room or room < _LEAST_ROOM or "\n" in value:
        return [name + value]
    blank = " " * len(name)
    return textwrap.wrap(
        value,
        len(name) + room,
        initial_indent=name,
        subsequent_indent=blank,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def table(columns: Sequence[str], rows: Sequence[Row], *, numbers: Sequence[str] = (), clipped: str = "") -> None:
    """Draw a table on stdout; into a pipe it is as wide as it needs.

    Args:
        columns: their headings.
        rows: cells, as many as columns.
        numbers: headings of the columns that are set to the right.
        clipped: heading of the one column that gives way where the terminal is narrow: its cells are cut.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(
            column,
            justify="right" if column in numbers else "left",
            overflow="ellipsis" if column == clipped else "fold",
        )
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    if clipped:
        number = columns.index(clipped)
        longest = max(cell_len(printable(row[number])) for row in (columns, *rows))
        _clip(drawn, number, longest, console)
    with console.capture() as captured:
        console.print(drawn)
    # The box draws an empty line above and below, and fills every line up.
    print("\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip()))


def _clip(drawn: "Table", number: int, longest: int, console: "Console") -> None:
    """Make a column so narrow that the others have room, if that is enough; else all wrap as they would without."""
    from rich.measure import Measurement

    wanted = Measurement.get(console, console.options.update(max_width=_PIPE_WIDTH), drawn).maximum
    left = longest - max(wanted - console.width, 0)
    if left >= min(_LEAST_ROOM, longest):
        drawn.columns[number].max_width = left
        for column in drawn.columns:
            column.no_wrap = True


@contextmanager
def progress(*, shown: bool) -> Iterator[Progress]:
    """Draw bars with rates and time left on stderr, where that is a terminal."""
    if not (shown and sys.stderr.isatty()) or logs.is_on():
        yield Silent()
        return
    bars = _Bars(sys.stderr)
    try:
        yield bars
    finally:
        bars.close()


class _Bars:
    """A Progress of rich bars."""

    def __init__(self, stream: TextIO) -> None:
        from rich import progress as rich_progress
        from rich.console import Console

        self._bars = rich_progress.Progress(
            rich_progress.TextColumn("{task.description:<9}"),
            rich_progress.BarColumn(),
            rich_progress.TextColumn("{task.fields[amount]}"),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
            console=Console(file=stream),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}
        self._units: dict[str, str] = {}

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """Add a bar; the first one starts the drawing."""
        self._bars.start()
        self._units[stage] = unit
        self._tasks[stage] = self._bars.add_task(stage, total=total, amount="")

    def advance(self, stage: str, amount: int) -> None:
        """Move a bar."""
        task = self._bars.tasks[self._bars.task_ids.index(self._tasks[stage])]
        speed = f", {task.speed:,.0f}/s" if task.speed else ""
        done = f"{task.completed + amount:,.0f}" + (f" of {task.total:,.0f}" if task.total is not None else "")
        self._bars.update(self._tasks[stage], advance=amount, amount=f"{done} {self._units[stage]}{speed}")

    def finish(self, stage: str) -> None:
        """Take a bar away."""
        self._bars.remove_task(self._tasks.pop(stage))

    def close(self) -> None:
        """End the drawing."""
        self._bars.stop()
