"""A kill or a fault while a store recovers from a kill leaves what the first kill left: a store that recovers."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from cutting import FAULTS, Counter, Killer, Refuser, can_fail, in_child, sample
from operations import OPERATIONS, Operation, Place, carry_on, check_between, check_carried_on, prepared, ran


def cut_short(base: Place, to: Path, operation: Operation, at: int) -> Place:
    """Give a store in which an operation was killed after a step."""
    place = base.copy(to)
    in_child(place.folder, Killer(at, "after"), lambda: ran(place, operation))
    return place


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_what_cuts_a_recovery_short_loses_nothing(
    operation: Operation, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    base = prepared(tmp_path / "base", operation)
    copy = base.copy(tmp_path / "copy")
    kinds = in_child(copy.folder, Counter(), lambda: ran(copy, operation)).kinds
    first_kills = sample(len(kinds), whole=False, few=6 if whole else 1)
    kills = faults = 0
    for first in first_kills:
        dead = cut_short(base, tmp_path / "dead", operation, first)
        copy = dead.copy(tmp_path / "copy")
        steps = in_child(copy.folder, Counter(), lambda copy=copy: carry_on(copy, operation)).kinds
        cases = [Killer(at, "after") for at in range(len(steps))]
        cases += [
            Refuser(at, fault, stays=True)
            for at, fault in product(range(len(steps)), FAULTS)
            if can_fail(steps[at], fault)
        ]
        for number in sample(len(cases), whole=False, few=40 if whole else 3):
            place = dead.copy(tmp_path / "copy")
            ended = in_child(place.folder, cases[number], lambda place=place: carry_on(place, operation))
            kills, faults = kills + ended.killed, faults + bool(ended.error)
            check_between(place, operation)
            check_carried_on(place, operation)
    assert kills + faults
    figures("3", operation.name, first_kills=len(first_kills), kills=kills, faults=faults)
