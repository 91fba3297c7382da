"""Writes docs/cli.md from the commands' own help and schemas, and the sample settings; `make docs` calls it."""

import sys
from importlib.resources import files
from pathlib import Path

from typer.testing import CliRunner

from kvprep.cli.app import COMMANDS, app
from kvprep.cli.groups import command_lines
from kvprep.cli.options import EXIT_CODES
from kvprep.config import FILE_NAME, TEMPLATE

DOCS = Path(__file__).resolve().parents[1] / "docs"

INTRODUCTION = """\
# The command line

Written by `make docs` from the commands' own help; do not edit.

Data goes to stdout, everything else to stderr. Progress and colour appear on a terminal only. Settings: flag before
environment before `kvprep.toml`, which lies in the store or is given by `--config`; `kvprep init` writes a commented
one. DOC is the beginning of a document's id (4 digits or more), a source's path, or a title.

## Exit codes

| code | means |
| --- | --- |
{codes}

A code that is not in the table is to be read as failure.

## JSON

With `--json` a command prints objects with a field `schema`, such as `kvprep.ls/1`; `text` and `ask` print one a line.
Changes only add fields: ignore those that you do not know. Times are RFC 3339 in UTC, durations seconds, sizes bytes.
When a command fails, the last line on stderr is an object of `kvprep.error/1`. With `--log-json` every line on stderr
is an object, and that one is both: [operations.md](operations.md). The schemas lie in
`kvprep/cli/schemas/`: {schemas}.
"""


def written() -> dict[Path, str]:
    """Render what is written: texts by file."""
    return {DOCS / "cli.md": pages(), DOCS / FILE_NAME: TEMPLATE}


def pages() -> str:
    """Render the page of commands."""
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    names = sorted(file.name for file in files("kvprep.cli").joinpath("schemas").iterdir())
    schemas = ", ".join(f"`{name}`" for name in names)
    parts = [INTRODUCTION.format(codes=codes, schemas=schemas), section("kvprep")]
    lines = [line for name in COMMANDS for line in _lines(name)]
    return "\n".join([*parts, *(section(f"kvprep {' '.join(line)}", *line) for line in lines)])


def _lines(name: str) -> list[tuple[str, ...]]:
    """A command, or a group and its commands."""
    lines = list(command_lines([name]))
    return lines if lines == [(name,)] else [(name,), *lines]


def section(title: str, *arguments: str) -> str:
    """Render the help of one command."""
    result = CliRunner().invoke(app, [*arguments, "--help"], prog_name="kvprep", terminal_width=100, color=False)
    return f"## {title}\n\n```text\n{result.output.strip()}\n```\n"


if __name__ == "__main__":
    for target, text in written().items():
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}", file=sys.stderr)
