"""Options that say how documents are brought in, of `ingest` and of `plan`, and what they make of the settings."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvprep.cli.session import Session
from kvprep.config import override, parse_size
from kvprep.errors import ConfigError

if TYPE_CHECKING:
    from kvprep.pipeline.settings import IngestSettings  # brings in the whole pipeline

Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders.")]
Preamble = Annotated[Path | None, typer.Option(metavar="FILE", help="Put this file's text before every document.")]
Jobs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Reading processes.")]
Include = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Only files that match; repeatable.")]
Exclude = Annotated[list[str] | None, typer.Option(metavar="GLOB", help="No files that match; repeatable.")]
MaxBytes = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Budget for new keys and values: 20GB.  [default: half of the free space]"),
]
RefuseHidden = Annotated[
    bool, typer.Option("--refuse-hidden", help="Skip documents that hide text from a human reader.")
]
KeepDrifted = Annotated[
    bool,
    typer.Option(
        "--keep-drifted",
        help="After an upgrade: keep a stored text that the same file would now give with other blanks.",
    ),
]
Worth = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Compute only what past look-ups promise N reads within its time to live; the rest when it is asked for."
        "  [default: 0: all]",
    ),
]


def with_ingest_flags(session: Session, *, max_bytes: str | None, refuse_hidden: bool, **flags: Any) -> Session:
    """Put the flags over the settings' section about ingest."""
    section = override(
        session.settings.ingest,
        max_bytes=None if max_bytes is None else sized(max_bytes),
        refuse_hidden=refuse_hidden or None,
        **{name: tuple(value) if isinstance(value, list) else value for name, value in flags.items()},
    )
    return replace(session, settings=replace(session.settings, ingest=section))


def ingest_settings(session: Session, *, keep_drifted: bool) -> "IngestSettings":
    """Read the settings of a run, all but the model, which the namespace may know."""
    from kvprep.pipeline.settings import IngestSettings

    section = session.settings.ingest
    return IngestSettings(
        preamble=_preamble(section.preamble, session.path),
        ttl_seconds=session.settings.ttl.default,
        ttl_globs=session.settings.ttl.globs,
        include=section.include,
        exclude=section.exclude,
        max_bytes=section.max_bytes,
        refuse_hidden=section.refuse_hidden,
        keep_drifted=keep_drifted,
        worth=section.worth,
        codec=section.codec,
    )


def _preamble(file: Path | None, store: Path) -> str | None:
    if file is None:
        return None
    # What lies in the store is read itself: no link that somebody has put there since the settings were read.
    how = os.O_NOFOLLOW if file.parent == store else 0
    try:
        with open(file, encoding="utf-8", opener=lambda path, flags: os.open(path, flags | how)) as opened:
            return opened.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as UTF-8 text", hint="Check --preamble.") from error


def sized(flag: str) -> int:
    """Read the size of --max-bytes; a usage error where it is none."""
    try:
        return parse_size(flag)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-bytes") from error
