"""Options of `verify`: how deep, how much in one run, what is done about it, and who may have written."""

from pathlib import Path
from typing import Annotated

import typer

from kvprep.config import parse_duration
from kvprep.store.signing import PUBLIC_BYTES
from kvprep.store.verify import Effort, Level

HowDeep = Annotated[
    Level | None,
    typer.Option(
        "--level",
        help="structure: names and lengths; checksum: every byte, without a key; bytes: everything opens and "
        "agrees; deep: a sample is computed afresh.  [default: bytes; with --writer: checksum]",
    ),
]
Mend = Annotated[
    bool,
    typer.Option(
        "--repair", help="Drop what is damaged, and compute it again from unchanged sources; then check again."
    ),
]
RebuildIndex = Annotated[
    bool, typer.Option("--rebuild-index", help="First build index.sqlite anew from the sealed files.")
]
JUnit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result as JUnit XML, too.")]
Sample = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Read at most N segments, or a share of them: 100, 5%; at level deep entries.  [default: all; deep: 5]",
    ),
]
MaxDuration = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Begin no further segment, or entry, after this time: 30m.")
]
MaxAge = Annotated[
    str | None, typer.Option(metavar="SPAN", help="Pass over what was found sound within this time: 7d.")
]
Writers = Annotated[
    list[str] | None,
    typer.Option(
        "--writer",
        metavar="PUBLIC",
        help="Public key that must have signed every file, 64 hex digits; repeatable: one of them.",
    ),
]


def public_keys(texts: list[str]) -> list[bytes]:
    """Read public keys.

    Raises:
        typer.BadParameter: one is none.
    """
    try:
        keys = [bytes.fromhex(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter("a public key has 64 hex digits", param_hint="--writer") from error
    if any(len(key) != PUBLIC_BYTES for key in keys):
        raise typer.BadParameter("a public key has 64 hex digits", param_hint="--writer")
    return keys


def effort(sample: str | None, max_duration: str | None, max_age: str | None) -> Effort:
    """Read the options.

    Raises:
        typer.BadParameter: one makes no sense.
    """
    duration, age = _span(max_duration, "--max-duration"), _span(max_age, "--max-age")
    try:
        return Effort(None if sample is None else _sampled(sample), duration, age)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _sampled(text: str) -> int | float:
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else None
        number: int | float = int(text) if share is None else share
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a number nor a share, 5%", param_hint="--sample") from error
    if share is not None and not 0 < share <= 1:
        raise typer.BadParameter(f"{text!r} is no share", param_hint="--sample")
    return number


def _span(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    if not seconds:
        raise typer.BadParameter(f"{text!r} is no time", param_hint=option)
    return seconds
