"""`kvprep bench`."""

import os
import time
from typing import Annotated

import typer

from kvprep.cli.bench_report import cautions, draw, facts_of
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import NO_STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.price_options import Price, prices_of
from kvprep.cli.session import Session
from kvprep.economics.prices import Prices
from kvprep.pipeline.model import load_engine
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.speeds.lengths import BUDGET_S, LENGTHS, choose_lengths, measure_lengths
from kvprep.speeds.parts import measure_parts
from kvprep.speeds.workplace import temporary_store

_PART_ROUNDS = 5
_DEFAULT = ",".join(map(str, LENGTHS))
_EXAMPLE = """
kvprep bench
kvprep bench --model ~/models/Qwen3-0.6B --lengths 1024,8000 --rounds 1
kvprep bench --store /mnt/slow/store --json   # how loads from another disk would do
"""


@command(example=_EXAMPLE, codes=(*NO_STORE, 4))
def bench(
    session: Session,
    lengths: Annotated[
        str | None, typer.Option(metavar="N,N,…", help=f"Tokens.  [default: {_DEFAULT}, as far as the model goes]")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Prefills of each length, of which the median counts; at most.")
    ] = 3,
    model: Model = None,
    device: Device = None,
    dtype: Dtype = None,
    price: Price = None,
) -> None:
    """Measure how fast this machine computes and loads, and when storing pays.

    Works in a store of its own beside the one that is named, on the same disk, and removes it, also when interrupted.
    Needs no store and waits for nobody; what else runs here makes the figures worse. With the bundled model it takes
    a minute or so: of a length that takes long fewer prefills are made, and longer ones that would take too long are
    left out, unless they were asked for.
    """
    began, load = time.monotonic(), os.getloadavg()[0]
    prices = prices_of(session, price)
    facts = _measured(session.with_model(name=model, device=device, dtype=dtype), _parsed(lengths), rounds, prices)
    facts |= {"load_average": load, "seconds": time.monotonic() - began}
    if session.emit("bench", facts):
        return
    draw(facts)
    for caution in cautions(facts):
        session.say(caution)


def _measured(session: Session, asked: tuple[int, ...], rounds: int, prices: Prices) -> Facts:
    with session.progress() as progress, temporary_store(session.path) as store:
        parts = measure_parts(store.path.parent, rounds=_PART_ROUNDS)
        files = resolve(session.model(None) or ModelSpec(), progress)
        chosen = choose_lengths(asked, files.max_positions)
        engine, namespace = load_engine(files, alone=True), store.namespace("default")
        budget_s = float("inf") if asked else BUDGET_S
        found = measure_lengths(engine, files, namespace, chosen, rounds=rounds, budget_s=budget_s, progress=progress)
        measured = list(found)
    return facts_of(files, parts, measured, prices) | {"left_out": list(chosen[len(measured) :])}


def _parsed(lengths: str | None) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in lengths.split(",")) if lengths else ()
    except ValueError as error:
        raise typer.BadParameter(f"{lengths!r} is no list like 512,4096", param_hint="--lengths") from error
    if any(number < 1 for number in numbers):
        raise typer.BadParameter("a length is at least 1 token", param_hint="--lengths")
    return numbers
