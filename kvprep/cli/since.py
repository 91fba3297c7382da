"""The moment that `--since` names."""

import time
from datetime import UTC, datetime

import typer

from kvprep.config import parse_duration


def began_at(since: str | None) -> float:
    """Seconds since the epoch that `--since` means; 0 without it."""
    return 0.0 if since is None else parse_since(since, time.time())


def parse_since(text: str, now: float) -> float:
    """Read a span before `now`, or a date or time of ISO 8601, as seconds since the epoch; none is before it.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        span = parse_duration(text)
        return max(now - span, 0.0) if span is not None else 0.0
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a span (7d) nor a date (2026-11-01)") from error
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), 0.0)
