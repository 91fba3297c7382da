"""Killed before or after any step, an operation leaves the old or the new, and the next command needs no hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cutting import Counter, Killer, in_child, sample
from operations import OPERATIONS, Operation, check_between, check_carried_on, prepared, ran


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_kill_at_any_step_leaves_the_old_or_the_new(
    operation: Operation, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    base = prepared(tmp_path / "base", operation)
    copy = base.copy(tmp_path / "copy")
    done = in_child(copy.folder, Counter(), lambda: ran(copy, operation))
    assert done.error == "", done.trace
    assert {"create", "write", "fsync", "rename", "commit"} & set(done.kinds)
    check_between(copy, operation, acknowledged=not copy.hurt)
    # Before an open for reading all is as after the step before it.
    points = [at for at, kind in enumerate(done.kinds) if kind != "read"]
    kills = 0
    for at in (points[number] for number in sample(len(points), whole=whole, few=2)):
        for side in ("before", "after"):
            place = base.copy(tmp_path / "copy")
            ended = in_child(place.folder, Killer(at, side), lambda place=place: ran(place, operation))
            kills += ended.killed
            check_between(place, operation)
            check_carried_on(place, operation)
    assert kills
    figures("1", operation.name, points=len(points), kills=kills)
