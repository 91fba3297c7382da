"""A kill or a fault while a store recovers from a kill leaves what the first kill left: a store that recovers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cutting import FAULTS, Counter, Killer, Refuser, can_fail, in_child, sample
from operations import OPERATIONS, Operation, Place, carry_on, check_between, check_carried_on, prepared, ran

RECOVERIES = 1
"""From each first kill so many are cut short, or one more."""


def cut_short(base: Place, to: Path, operation: Operation, at: int) -> Place:
    """Give a store in which an operation was killed after a step."""
    place = base.copy(to)
    in_child(place.folder, Killer(at, "after"), lambda: ran(place, operation))
    return place


def cases_at(at: int, kind: str) -> Iterator[Counter]:
    """What can cut a recovery short at one of its steps."""
    if kind not in ("read", "open"):
        yield Killer(at, "after")
    yield from (Refuser(at, fault, stays=True) for fault in FAULTS if can_fail(kind, fault))


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_what_cuts_a_recovery_short_loses_nothing(
    operation: Operation, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    base = prepared(tmp_path / "base", operation)
    copy = base.copy(tmp_path / "copy")
    kinds = in_child(copy.folder, Counter(), lambda: ran(copy, operation)).kinds
    changing = [at for at, kind in enumerate(kinds) if kind not in ("read", "open")]
    first_kills = [changing[number] for number in sample(len(changing), whole=whole, few=1)]
    kills = faults = 0
    for turn, first in enumerate(first_kills):
        dead = cut_short(base, tmp_path / "dead", operation, first)
        copy = dead.copy(tmp_path / "copy")
        steps = in_child(copy.folder, Counter(), lambda copy=copy: carry_on(copy, operation)).kinds
        cases = [case for at, kind in enumerate(steps) for case in cases_at(at, kind)]
        # Of all pairs some: every first kill is among them, and what cuts its recovery short is spread over all steps.
        apart = max(1, len(cases) // (RECOVERIES if whole else 2))
        for case in cases[turn * apart // len(first_kills) :: apart]:
            place = dead.copy(tmp_path / "copy")
            ended = in_child(place.folder, case, lambda place=place: carry_on(place, operation))
            kills, faults = kills + ended.killed, faults + bool(ended.error)
            check_between(place, operation)
            check_carried_on(place, operation)
    assert kills + faults
    figures("3", operation.name, first_kills=len(first_kills), kills=kills, faults=faults)
