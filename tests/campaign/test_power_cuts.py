"""After a power cut at any moment, whatever the disk had not been made to keep, a store is consistent."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cutting import in_child, sample
from operations import OPERATIONS, Operation, Place, check_between, check_carried_on, forget_index, prepared, ran
from powercut import Disk, Recorder, read_log

CHANCES = (0.0, 1.0, 0.5, 0.5)
"""That what was not synced is there all the same."""


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_power_cut_at_any_moment_leaves_the_old_or_the_new(
    operation: Operation, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    place = prepared(tmp_path / "place", operation)
    before, log = Disk.of(place.folder), tmp_path / "log"

    def run() -> None:
        ran(place, operation)
        recorder.save(log)

    recorder = Recorder()
    done = in_child(place.folder, recorder, run)
    assert done.error == "", done.trace
    events, states = read_log(log), 0
    shutil.rmtree(place.folder)
    for cut in sample(len(events) + 1, whole=whole, few=2):
        for number, chance in enumerate(CHANCES if whole else CHANCES[:3]):
            disk = before.after(events[:cut], random.Random(cut * 10 + number), chance)
            left = Place(tmp_path / "left", place.made, place.hurt)
            shutil.rmtree(left.folder, ignore_errors=True)
            disk.write(place.folder, left.folder)
            check_between(left, operation, lacks_rows=operation.renames)
            if operation.renames:
                forget_index(left)
                check_between(left, operation)
            if cut == len(events) and not left.hurt:
                forget_index(left)
                check_between(left, operation, acknowledged=True)
            if chance == CHANCES[-1] or not whole:
                check_carried_on(left, operation)
            states += 1
    figures("5", operation.name, cuts=cut + 1, states=states)
