"""`kvprep bench`."""

import time
from typing import Annotated, Any

import typer

from kvprep.cli.bench_report import draw, facts_of
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import NO_STORE, command
from kvprep.cli.price_options import Price, prices_of
from kvprep.cli.session import Session
from kvprep.pipeline.model import load_engine
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.speeds.lengths import LENGTHS, choose_lengths, measure_lengths
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
    """Measure how fast this machine computes and loads keys and values, and say from where on storing pays.

    Works in a store of its own beside the one that is named, on the same disk, and removes it, also when interrupted.
    Needs no store and waits for nobody; what else runs here makes the figures worse. With the bundled model it takes
    less than two minutes, where nothing else runs: of a length that takes long, fewer prefills are made.
    """
    began = time.monotonic()
    prices = prices_of(session, price)
    session = session.with_model(name=model, device=device, dtype=dtype)
    asked = _parsed(lengths)
    with session.progress() as progress, temporary_store(session.path) as store:
        parts = measure_parts(store.path.parent, rounds=_PART_ROUNDS)
        files = resolve(session.model(None) or ModelSpec(), progress)
        chosen = choose_lengths(asked, files.max_positions)
        engine = load_engine(files)
        namespace = store.namespace("default")
        measured = list(measure_lengths(engine, files, namespace, chosen, rounds=rounds, progress=progress))
    facts: dict[str, Any] = facts_of(files, parts, measured, prices) | {"seconds": time.monotonic() - began}
    if not session.emit("bench", facts):
        draw(facts)


def _parsed(lengths: str | None) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in lengths.split(",")) if lengths else ()
    except ValueError as error:
        raise typer.BadParameter(f"{lengths!r} is no list like 512,4096", param_hint="--lengths") from error
    if any(number < 1 for number in numbers):
        raise typer.BadParameter("a length is at least 1 token", param_hint="--lengths")
    return numbers
