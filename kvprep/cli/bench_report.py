"""What `kvprep bench` says: figures for programs, and for a person what they mean."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from kvprep.cli import render
from kvprep.cli.bench_chart import LEGEND, Line, chart
from kvprep.cli.output import Facts
from kvprep.economics.prices import Prices
from kvprep.economics.value import break_even_bandwidth, break_even_reuses, idle_break_even_s
from kvprep.prefill.models import ModelFiles
from kvprep.speeds.lengths import AtLength
from kvprep.speeds.parts import PartSpeeds

_PARTS = {
    "memcpy": "copy memory",
    "decrypt": "decrypt and authenticate",
    "encrypt": "encrypt",
    "blake3": "BLAKE3",
    "xxh3": "XXH3",
    "disk_read": "read the disk",
    "disk_write": "write the disk",
}
_NETWORKS = (("100 Mbit/s", 12.5e6), ("1 Gbit/s", 125e6), ("10 Gbit/s", 1.25e9))
_DAY_S = 86400.0


def facts_of(files: ModelFiles, parts: PartSpeeds, measured: Sequence[AtLength], prices: Prices) -> Facts:
    """Gather figures and what follows from them."""
    return {
        "model": {
            "name": files.identity.name,
            "fingerprint": files.identity.fingerprint.hex(),
            "device": files.device,
            "dtype": files.dtype,
            "token_bytes": files.shape.token_bytes,
        },
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "speeds": asdict(parts),
        "lengths": [_length(at, prices) for at in measured],
        "currency": prices.currency,
    }


def _length(at: AtLength, prices: Prices) -> Facts:
    warm_s = at.load_s + at.first_token_s
    reuses = break_even_reuses(prefill_s=at.prefill_s, load_s=at.load_s, store_s=at.store_s)
    return {
        "tokens": at.tokens,
        "bytes": at.num_bytes,
        "rounds": at.rounds,
        "seconds": {
            "prefill": at.prefill_s,
            "store": at.store_s,
            "load": at.load_s,
            "cold_load": at.cold_load_s,
            "first_token": at.first_token_s,
        },
        "speed_up": {"load": at.prefill_s / at.load_s, "first_token": (at.prefill_s + at.first_token_s) / warm_s},
        "break_even": {
            "reuses": reuses,
            "bytes_per_second": break_even_bandwidth(at.num_bytes, at.prefill_s),
            "idle_seconds": idle_break_even_s(prices, at.num_bytes, at.prefill_s, at.load_s, tokens=at.tokens),
        },
    }


def draw(facts: Facts) -> None:
    """Print tables, the chart, and three sentences."""
    model, lengths = facts["model"], facts["lengths"]
    print(f"{model['name']}, {model['dtype']}, {model['device']}, {render.counted(facts['cores'], 'core')}")
    columns = ("tokens", "bytes", "rounds", "compute", "load", "from disk", "first token", "faster")
    render.table(columns, [_row(length) for length in lengths], numbers=columns)
    print()
    for line in chart([_line(length) for length in lengths]):
        print(line)
    print(LEGEND)
    print()
    breaks = ("tokens", "store, once", "paid after", "fetch above", "keep idle for")
    render.table(breaks, [_even_row(length) for length in lengths], numbers=breaks)
    print()
    render.facts({label: _speed(facts["speeds"][name]) for name, label in _PARTS.items()}, title="One thread")
    print()
    for sentence in _meaning(lengths[-1], facts["speeds"]["disk_read"]):
        print(sentence)


def _row(length: Facts) -> tuple[str, ...]:
    seconds = length["seconds"]
    return (
        f"{length['tokens']:,}",
        render.size(length["bytes"]),
        str(length["rounds"]),
        render.seconds(seconds["prefill"]),
        _milliseconds(seconds["load"]),
        "-" if seconds["cold_load"] is None else _milliseconds(seconds["cold_load"]),
        _milliseconds(seconds["first_token"]),
        f"{length['speed_up']['load']:,.0f}x",
    )


def _even_row(length: Facts) -> tuple[str, ...]:
    even: dict[str, Any] = length["break_even"]
    return (
        f"{length['tokens']:,}",
        _milliseconds(length["seconds"]["store"]),
        "never" if even["reuses"] is None else f"{even['reuses']:.3g} reuses",
        _speed(even["bytes_per_second"]),
        "ever" if even["idle_seconds"] is None else f"{even['idle_seconds'] / _DAY_S:,.1f} days",
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else render.seconds(seconds)


def _line(length: Facts) -> Line:
    seconds = length["seconds"]
    return Line(f"{length['tokens']:,}", seconds["load"], seconds["cold_load"], seconds["prefill"])


def _speed(bytes_per_s: float | None) -> str:
    return "cannot be told here" if bytes_per_s is None else f"{render.size(bytes_per_s)}/s"


def _meaning(longest: Facts, disk_read: float | None) -> list[str]:
    """Say what the break-evens of the longest prefix mean."""
    even: dict[str, Any] = longest["break_even"]
    if even["reuses"] is None:
        return [f"At {longest['tokens']:,} tokens loading takes as long as computing here: storing does not pay."]
    said = [f"What this means at {longest['tokens']:,} tokens:"]
    times = "the first reuse" if even["reuses"] <= 1 else f"{even['reuses']:.1f} reuses"
    said.append(f"- Storing, which is paid once, has paid after {times}.")
    said.append(f"- Fetching is faster than computing above {_speed(even['bytes_per_second'])}: {_networks(even)}.")
    if disk_read is not None:
        said.append(f"  This disk gives {disk_read / even['bytes_per_second']:,.0f} times that.")
    said.append(f"- {_idle(even['idle_seconds'])}")
    return said


def cautions(facts: Facts) -> Iterator[str]:
    """Say what the figures are not: of a machine alone, or of all lengths."""
    if facts["load_average"] > facts["cores"] / 2:
        load, cores = facts["load_average"], render.counted(facts["cores"], "core")
        yield f"{load:.1f} other tasks wanted {cores} when this began: alone, this machine does better."
    if facts["left_out"]:
        left = ", ".join(f"{length:,}" for length in facts["left_out"])
        yield f"Left out, since they would have taken long: {left} tokens; --lengths asks for them."


def _networks(even: Facts) -> str:
    pays = [name for name, speed in _NETWORKS if speed > even["bytes_per_second"]]
    return f"a network of {pays[0]} will do" if pays else "no usual network will do"


def _idle(seconds: float | None) -> str:
    if seconds is None:
        return "Keeping it costs nothing at these prices."
    return f"Keeping it costs less than computing it again if it is read once in {seconds / _DAY_S:,.1f} days."
