"""What all commands share: their common options, and a manual of example and exit codes in their help."""

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from kvprep.cli import logs
from kvprep.cli.session import Session
from kvprep.config import FILE_NAME, override, read_settings, read_store_settings
from kvprep.store.places import default_store_path

P = ParamSpec("P")

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "failure",
    2: "usage",
    3: "done, but some sources were skipped or could not be read",
    4: "integrity problem found",
    5: "stale or mismatched",
    10: "no store",
    11: "locked",
    12: "wrong key",
    13: "denied by policy",
    14: "unsupported format version",
    75: "try again later",
    130: "interrupted",
    143: "terminated",
}
"""An unknown code is to be read as failure."""

NO_STORE = (0, 1, 2, 130, 143)
STORE = (0, 1, 2, 4, 10, 12, 13, 14, 130, 143)
"""Codes of every command that opens a store."""

_SHARED: Mapping[str, Any] = {
    "store": Annotated[
        Path | None,
        typer.Option("--store", metavar="PATH", help="The store's folder. [env: KVPREP_STORE]", show_default=False),
    ],
    "namespace": Annotated[
        str | None,
        typer.Option("--namespace", metavar="NAME", help="Trust boundary. [env: KVPREP_NAMESPACE; default: default]"),
    ],
    "config": Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings, in place of kvprep.toml in the store."),
    ],
    "as_json": Annotated[bool, typer.Option("--json", help="Print JSON.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but data and errors.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")],
    "log_json": Annotated[
        bool, typer.Option(logs.FLAG, help=f"Write stderr as one JSON object a line. [env: {logs.VARIABLE}=1]")
    ],
}
_FLAGS = ("as_json", "quiet", "verbose", "log_json")


def command(
    *, example: str, codes: Sequence[int]
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    """Give a function the shared options, turned into its Session, and example and exit codes in its help."""

    def decorate(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
        def run(**options: Any) -> None:
            shared = {name: options.pop(name) for name in _SHARED}
            shared.pop("log_json")  # looked for before anything was parsed
            logs.name_command(_name(function))
            function(_session(**shared), **options)  # type: ignore[call-arg]

        own = list(inspect.signature(function).parameters.values())[1:]
        parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *_shared_parameters()]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = f"{inspect.getdoc(function)}\n\n{_manual(example, codes)}"
        return run

    return decorate


def _name(function: Callable[..., None]) -> str:
    module, name = function.__module__.rpartition(".")[2], function.__name__.rstrip("_")
    return name if name == module else f"{module} {name}"


def _shared_parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if name in _FLAGS else None,
            annotation=annotation,
        )
        for name, annotation in _SHARED.items()
    ]


def _manual(example: str, codes: Sequence[int]) -> str:
    # \b keeps the paragraph's lines as they are.
    lines = "\n".join(f"  {line}" for line in example.strip().splitlines())
    explained = "\n".join(f"  {code:>3}  {EXIT_CODES[code]}" for code in sorted(codes))
    return f"\b\nExample:\n{lines}\n\n\b\nExit codes:\n{explained}"


def _session(
    store: Path | None, namespace: str | None, config: Path | None, as_json: bool, quiet: bool, verbose: bool
) -> Session:
    if verbose:
        logging.getLogger("kvprep").setLevel(logging.DEBUG)
    settings = override(read_settings(config, os.environ), store=store)
    path = (settings.store or default_store_path()).expanduser().absolute()
    if config is None and (path / FILE_NAME).is_file():
        settings = read_store_settings(path / FILE_NAME, os.environ)
    settings = override(settings, store=path, namespace=namespace)
    return Session(settings, path, config or path / FILE_NAME, as_json, quiet, verbose)
