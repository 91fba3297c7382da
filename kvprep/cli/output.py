"""What is meant for programs: JSON on stdout, times and names in the forms that docs/cli.md promises."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

Facts = dict[str, Any]
"""A command's result, as its schema describes it."""


def emit(command: str, facts: Facts) -> None:
    """Print one JSON object of schema `kvprep.<command>/1` on one line of stdout."""
    # ASCII only: it passes through any locale, and through file names that are no UTF-8.
    print(json.dumps({"schema": f"kvprep.{command}/1", **facts}), flush=True)


def error_facts(code: int, kind: str, message: str, hint: str) -> Facts:
    """Write an error for JSON."""
    return {"schema": "kvprep.error/1", "code": code, "error": kind, "message": message, "hint": hint}


def emit_error(facts: Facts) -> None:
    """Print an error object on one line of stderr."""
    print(json.dumps(facts), file=sys.stderr, flush=True)


def close_stdout() -> None:
    """Give up on a stdout whose reader went away."""
    # Whatever is still buffered would fail again, with a complaint, when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def timestamp(seconds: float | None) -> str | None:
    """Write a time as RFC 3339 in UTC; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
