"""Log lines as JSON: what is otherwise said on stderr in words, one object a line, for programs that collect logs.

They say what the words say, and figures; never a word of a document, nor a key.

Source: docs/operations.md, "Logs".
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

FLAG = "--log-json"
VARIABLE = "KVPREP_LOG_JSON"


class _State:
    is_on = False
    command = ""


def begin(arguments: Sequence[str]) -> None:
    """Look whether a command line or the environment wants JSON: what is wrong with a line is said before it is parsed.

    Args:
        arguments: the command line without the program.
    """
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    _State.is_on = FLAG in options or os.environ.get(VARIABLE, "") not in ("", "0")
    _State.command = ""


def is_on() -> bool:
    """Tell whether stderr is JSON."""
    return _State.is_on


def name_command(command: str) -> None:
    """Say which command the lines from here on are about."""
    _State.command = command


def write(level: str, message: str, **figures: Any) -> None:
    """Write one line.

    Args:
        level: debug, info, warning, error or critical.
        message: what a person would be told.
        figures: further fields.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"ts": now, "level": level, "command": _State.command, "message": message, **figures}
    # ASCII only: nothing in it steers a terminal, and it passes through any locale.
    print(json.dumps(line), file=sys.stderr, flush=True)


def write_bug(error: Exception) -> None:
    """Write where a bug came up. Its own message is left out: it may quote what was being worked with."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    write("critical", f"a bug: {type(error).__name__}", code=1, error=type(error).__name__, traceback=places)


class Handler(logging.Handler):
    """Writes what libraries log: as JSON where stderr is JSON, else in words."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, without the traceback that may come with it."""
        message = record.getMessage()
        if is_on():
            write(record.levelname.lower(), message, logger=record.name)
        else:
            from kvprep.cli import render

            render.note(f"kvprep: {message}")
