"""Commands that are imported when they are called; some are groups of commands themselves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class _Completion:
    """What a shell is offered. Typer has such a class, and does not export it."""

    value: str
    help: str


class LazyGroup(TyperGroup):
    """Knows its commands by name and summary, which is all that help and a mistyped name need."""

    summaries: Mapping[str, str] = {}
    """Name and line in the list of commands, in the order of use."""

    def __init__(self, **settings: Any) -> None:
        """Know the commands by name."""
        super().__init__(**{**settings, "commands": dict.fromkeys(self.summaries)})

    def load(self, name: str) -> Any:
        """Import a command that is in the list."""
        raise NotImplementedError

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None where there is no such one."""
        return self.load(cmd_name) if cmd_name in self.summaries else None

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete the name of a command without importing any; the rest is as of a command without any."""
        named = {name: line for name, line in self.summaries.items() if name.startswith(incomplete)}
        found = [_Completion(name, line) for name, line in named.items()]
        return [*found, *super(TyperGroup, self).shell_complete(ctx, incomplete)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands for `--help`, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))


def load_command(name: str, summary: str) -> Any:
    """Import the module of a command: with a function of its name, or COMMANDS and a function for each of a group."""
    module = import_module(f"kvprep.cli.{name}")
    if not hasattr(module, "COMMANDS"):
        return _single(name, module)

    class Group(LazyGroup):
        summaries = module.COMMANDS

        def load(self, name: str) -> Any:
            return _single(name, module)

    group = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    group.callback(help=summary)(lambda: None)
    return typer.main.get_command(group)


def command_lines(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Open the groups among commands: ("ls",), ("key", "add"), ("key", "list")."""
    for name in names:
        inner = getattr(import_module(f"kvprep.cli.{name}"), "COMMANDS", None)
        if inner is None:
            yield (name,)
        else:
            yield from ((name, each) for each in inner)


def _single(name: str, module: ModuleType) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    # With an underscore behind it where the word means something else in Python, as `list` does.
    alone.command(name)(vars(module).get(name) or vars(module)[f"{name}_"])
    return typer.main.get_command(alone)
