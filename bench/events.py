"""What recording a look-up takes of whoever asks, beside the warm load that it is recorded of."""

from statistics import median
from typing import Any

from bench.timing import Stopwatch
from kvprep.reuse.counting import count_look_up
from kvprep.reuse.lookup import Hit
from kvprep.store.namespace import Namespace

ROUNDS = 1000
_SHARE = 0.01


def measure(namespace: Namespace, rounds: int = ROUNDS) -> list[float]:
    """Time how long who asks is held up by the record of a look-up, in seconds; check that each was written.

    Each is the first of its group, which also wakes the thread that writes: as it is for who asks now and then.
    """
    watch, usage = Stopwatch(), namespace.store.usage
    _, entry = next(iter(namespace.all_entries()))
    hit = Hit(entry, entry.num_tokens, entry.num_tokens)
    for _ in range(rounds):
        with watch.measure("record"):
            count_look_up(namespace, hit, entry.model, load_seconds=0.025, first_token_seconds=0.1)
        usage.flush()
    if sum(row.events for row in usage.sums() if row.result == "hit") != rounds:
        raise RuntimeError("a look-up that was recorded is not counted")
    return watch.seconds["record"]


def targets(times: list[float], loads: list[float]) -> dict[str, dict[str, Any]]:
    """Judge target 14: of what the slowest of a hundred takes.

    Args:
        times: of `measure`.
        loads: seconds of the warm load of 8,000 tokens.
    """
    late, load = sorted(times)[int(0.99 * len(times))], median(loads)
    return {
        "14": {
            "value": round(late / load, 5),
            "target": _SHARE,
            "met": late / load <= _SHARE,
            "detail": f"99th of {len(times)} records, {late * 1e6:.0f} µs ÷ {load * 1e3:.1f} ms; "
            f"median {median(times) * 1e6:.0f} µs, {median(times) / load:.2g} of it; a thread beside writes",
        }
    }
