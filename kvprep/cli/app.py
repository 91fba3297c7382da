"""The program `kvprep`: its commands, and the ring that turns errors into exit codes."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import typer

from kvprep import __version__
from kvprep.cli import logs, output, render
from kvprep.cli.groups import LazyGroup, load_command
from kvprep.cli.signals import Terminated, unwind_on_sigterm
from kvprep.errors import KvprepError, SomeFailed, StoppedEarly

_JSON = "kvprep.json"
_USAGE_CODE = 2
_WARNINGS = (SomeFailed.__name__, StoppedEarly.__name__)
"""The work is done, all but some of it."""
_UsageError: Any = typer.BadParameter.__mro__[1]
"""Typer does not export it, nor the click that it carries."""

COMMANDS: Mapping[str, str] = {
    "init": "Make a store and its key.",
    "plan": "Say what an ingest would do and cost.",
    "ingest": "Read, prefill and store documents.",
    "text": "Print the canonical text of files.",
    "ls": "List what is stored.",
    "show": "Show one document.",
    "diff": "Say in words how two documents differ.",
    "ask": "Answer questions about a document.",
    "stats": "Say how often the store was used, what that saved and what it cost.",
    "invalidate": "Make stored entries unusable for ever.",
    "verify": "Check that every file is what was written.",
    "gc": "Remove what expired, what nothing needs, and what is not worth keeping.",
    "key": "Add, list, remove, rotate and back up keys.",
    "namespace": "Make, list, trust and shred namespaces.",
    "audit": "Show and check the log of who did what.",
    "bench": "Measure how fast this machine computes and loads, and when storing pays.",
    "doctor": "Say what is wrong with store, key, model and machine, and how to mend it.",
}
"""Name and line in the list of commands, in the order of use. A command's module and function are named like it.

The module of a group of commands has a COMMANDS of its own, and a function for each."""


class _Group(LazyGroup):
    """Reports what a command raises, once, and gives its exit code. A bug keeps its traceback."""

    summaries = COMMANDS

    def load(self, name: str) -> Any:
        """Import a command."""
        return load_command(name, COMMANDS[name])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note early whether errors and logs are to be JSON: a usage error comes before any option is read."""
        ctx.meta[_JSON] = "--json" in (args[: args.index("--")] if "--" in args else args)
        logs.begin(args)
        logs.name_command(args[0] if args and args[0] in COMMANDS else "")
        try:
            return super().parse_args(ctx, args)
        except _UsageError as error:
            raise typer.Exit(_report_usage(ctx, error)) from error

    def invoke(self, ctx: Any) -> object:
        """Run the command inside the ring."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # here, where a reader that went away is still reported in silence
            return result
        except KvprepError as error:
            code, kind, message, hint = error.exit_code, type(error).__name__, str(error), error.hint
            _report(ctx, code, kind, message, hint)
        except KeyboardInterrupt:
            code = 130
            _report(ctx, code, "Interrupted", "interrupted", "Run the command again: it carries on.")
        except Terminated:
            code = 143
            _report(ctx, code, "Terminated", "terminated", "Run the command again: it carries on.")
        except MemoryError:
            code = 1
            _report(ctx, code, "OutOfMemory", "out of memory", "Free some, and run the command again: it carries on.")
        except BrokenPipeError:
            code = 1
            output.close_stdout()
        except _UsageError as error:
            code = _report_usage(ctx, error)
        raise typer.Exit(code)


def _report_usage(ctx: Any, error: Any) -> int:
    """Report a command line that makes no sense, and give its exit code; for a person the parser itself does."""
    if not (ctx.meta[_JSON] or logs.is_on()):
        raise error
    _report(ctx, _USAGE_CODE, "UsageError", error.format_message(), "See --help.")
    return _USAGE_CODE


def _report(ctx: Any, code: int, kind: str, message: str, hint: str) -> None:
    facts = output.error_facts(code, kind, message, hint)
    is_warning = kind in _WARNINGS
    if logs.is_on():  # one line is both
        logs.write("warning" if is_warning else "error", **facts)
        return
    render.error(message, hint, is_warning=is_warning)
    if ctx.meta[_JSON]:
        output.emit_error(facts)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode=None,  # help looks the same on every terminal, in docs/cli.md and in a pipe
    pretty_exceptions_enable=False,  # tracebacks never show local variables: keys and document text may be in them
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kvprep {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Turn documents into an encrypted store of KV caches that a language model answers from.

    The usual order: `kvprep ingest FOLDER`, then `kvprep ask FILE QUESTION`.
    """


def main() -> None:
    """Run the command line; never returns."""
    unwind_on_sigterm()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # file names that are no text must not end a listing
    logging.basicConfig(level=logging.WARNING, handlers=[logs.Handler()])
    logs.begin(sys.argv[1:])
    logging.captureWarnings(logs.is_on())
    try:
        app(prog_name="kvprep")
    except Exception as error:
        if not logs.is_on():
            raise
        logs.write_bug(error)
        raise SystemExit(1) from None
