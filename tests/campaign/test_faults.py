"""Refused by the disk or out of memory at any step, an operation ends with its named error, and loses nothing."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from cutting import FAULTS, Counter, Outcome, Refuser, can_fail, in_child, sample
from operations import OPERATIONS, Operation, check_between, check_carried_on, prepared, ran

from kvprep.errors import StoreError, StoreFull, WrongKey

_OF_A_DISK = ("StoreError", "Unreadable", "WrongKey")
CARRIED_ON = 4
"""Of so many faults one is followed by the operation again: that every state can be carried on from, kills show."""


def is_named(outcome: Outcome, fault: str) -> bool:
    """Whether a child went on regardless, or ended as this fault has to end."""
    if not outcome.error:
        return True
    if outcome.error == "StoreFull":
        return fault in ("ENOSPC", "EDQUOT", "short write") and outcome.exit_code == StoreFull.exit_code
    if fault == "MemoryError":
        return outcome.error == fault
    code = WrongKey.exit_code if outcome.error == "WrongKey" else StoreError.exit_code  # of a key file
    return outcome.error in _OF_A_DISK and outcome.exit_code == code and fault == "EIO"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_fault_at_any_step_is_a_named_error_and_loses_nothing(
    operation: Operation, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    base = prepared(tmp_path / "base", operation)
    copy = base.copy(tmp_path / "copy")
    kinds = in_child(copy.folder, Counter(), lambda: ran(copy, operation)).kinds
    cases = [
        (at, fault, stays)
        for at, fault, stays in product(range(len(kinds)), FAULTS, (False, True))
        if can_fail(kinds[at], fault)
    ]
    unnamed, refused = [], 0
    chosen = [cases[number] for number in sample(len(cases), whole=whole, few=3)]
    for number, (at, fault, stays) in enumerate(chosen):
        place = base.copy(tmp_path / "copy")
        ended = in_child(place.folder, Refuser(at, fault, stays=stays), lambda place=place: ran(place, operation))
        refused += bool(ended.error)
        if not is_named(ended, fault):
            unnamed.append(f"step {at}, {kinds[at]}, {fault}, {stays=}: {ended.error} {ended.trace}")
        check_between(place, operation, acknowledged=not ended.error and not place.hurt)
        if number % CARRIED_ON == 0:
            check_carried_on(place, operation)
    assert not unnamed, f"{len(unnamed)} of {len(chosen)}\n" + "\n".join(unnamed)
    figures("2", operation.name, points=len(kinds), faults=len(chosen), ended_in_an_error=refused)
