"""Options by which a long run leaves room for others."""

import os
from typing import Annotated

import typer

Nice = Annotated[
    int | None,
    typer.Option("--nice", min=0, max=19, metavar="N", help="Run with less priority, as `nice -n N` does."),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Begin no further document after that: exit 75; the next run carries on. Each run does at least one.",
    ),
]


def lower_priority(nice: int | None) -> None:
    """Lower the priority of this process, and of all that it starts from here on."""
    if nice:
        os.nice(nice)
