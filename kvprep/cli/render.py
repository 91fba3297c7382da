"""Everything that is drawn for a person. Alone in importing rich; colour only on a terminal."""

import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from getpass import getpass
from typing import Any, TextIO

from kvprep.cli import logs
from kvprep.progress import Progress, Silent

_KEPT = "\n\t"
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})
_PIPE_WIDTH = 10_000
_UNITS = ("B", "kB", "MB", "GB", "TB")

_MARKS = {"": ("", "", ""), "-": ("[-", "-]", "red"), "+": ("{+", "+}", "green")}

Row = Sequence[str]


def printable(text: str) -> str:
    """Show what could steer a terminal, or turn the order of writing, as an escape: names come from strangers."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _KEPT or unicodedata.category(char) not in _HIDDEN_CATEGORIES:
        return char
    return char.encode("unicode_escape", "backslashreplace").decode()


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


def facts(pairs: Mapping[str, str], *, title: str = "") -> None:
    """Print names with their values, one a line."""
    if title:
        print(printable(title))
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        print(f"  {name:<{width}}  {printable(value)}")


def table(columns: Sequence[str], rows: Sequence[Row], *, numbers: Sequence[str] = ()) -> None:
    """Draw a table on stdout; into a pipe it is as wide as it needs.

    Args:
        columns: their headings.
        rows: cells, as many as columns.
        numbers: headings of the columns that are set to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    with console.capture() as captured:
        console.print(drawn)
    # The box draws an empty line above and below, and fills every line up.
    print("\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip()))


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


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: 1 entry, 2 entries."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(num_bytes: float) -> str:
    """Write bytes for a person: 1.3 GB."""
    for unit in _UNITS[:-1]:
        if abs(num_bytes) < 1000:
            return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} {_UNITS[-1]}"


def seconds(value: float) -> str:
    """Write a time span for a person: 12 ms, 3.1 s, 2 h 05 min."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 100:
        return f"{value:.1f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
