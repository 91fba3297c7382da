"""A long check is spread over nights: what was unchecked for the longest time comes first."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_makers import flipped, put

from kvprep.store.checklog import CheckLog
from kvprep.store.findings import Tally
from kvprep.store.namespace import Namespace
from kvprep.store.scrub import Effort, Scrub
from kvprep.store.store import Store
from kvprep.store.verify import Level, verify, verify_sealed

DAY = 86400.0


class Nights:
    """Runs of a check, with a clock that ticks with every look at it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.now = path, 1e9
        monkeypatch.setattr(time, "time", lambda: self.now)

    def run(self, subjects: str, damaged: str = "", **effort: float) -> tuple[str, Tally]:
        tally, clock = Tally(), iter(range(1000))
        seen = ""
        with CheckLog(self.path / "checks.sqlite", "bytes") as log:
            for subject in Scrub(Effort(**effort), log, tally, lambda: next(clock)).over(list(subjects)):
                seen += subject
                if subject in damaged:
                    tally.error(subject, "damaged", "none")
                self.now += 1
        return seen, tally


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    yield Nights(tmp_path, monkeypatch)


def test_samples_go_round(nights: Nights) -> None:
    assert [nights.run("abcde", sample=2)[0] for _ in range(4)] == ["ab", "cd", "ea", "bc"]


def test_a_share_is_rounded_up(nights: Nights) -> None:
    seen, tally = nights.run("abcde", sample=0.5)
    assert (seen, tally.left) == ("abc", 2)


def test_time_ends_a_run_but_one_is_always_done(nights: Nights) -> None:
    assert [nights.run("abcde", max_seconds=seconds)[0] for seconds in (3.0, 0.5)] == ["abc", "d"]


def test_what_was_found_sound_lately_is_passed_over_and_counted(nights: Nights) -> None:
    nights.run("ab")
    nights.now += DAY
    seen, tally = nights.run("abc", max_age_seconds=2 * DAY)
    assert (seen, tally.recent, tally.left) == ("c", 2, 0)
    nights.now += DAY
    assert nights.run("abc", max_age_seconds=2 * DAY)[0] == "ab"


def test_damage_is_looked_at_again(nights: Nights) -> None:
    nights.run("abc", damaged="b")
    assert nights.run("abc", max_age_seconds=DAY)[0] == "b"


def test_a_clock_that_was_set_back_passes_nothing_over(nights: Nights) -> None:
    nights.run("ab")
    nights.now -= 365 * DAY
    assert nights.run("ab", max_age_seconds=DAY)[0] == "ab"


def test_what_is_gone_is_forgotten(nights: Nights) -> None:
    nights.run("abc")
    nights.run("b")
    with CheckLog(nights.path / "checks.sqlite", "bytes") as log:
        assert set(log.last()) == {"b"}


@pytest.mark.parametrize("content", [b"", b"no database" * 500])
def test_a_damaged_log_is_made_anew(nights: Nights, content: bytes) -> None:
    nights.run("ab")
    (nights.path / "checks.sqlite").write_bytes(content)
    assert nights.run("ab", max_age_seconds=DAY)[0] == "ab"
    assert nights.run("ab", max_age_seconds=DAY)[0] == ""


def test_where_no_log_can_be_written_everything_is_checked(nights: Nights) -> None:
    (nights.path / "checks.sqlite").mkdir()
    assert [nights.run("ab", max_age_seconds=DAY)[0] for _ in range(2)] == ["ab", "ab"]


@pytest.mark.parametrize("effort", [{"sample": 0}, {"sample": -1}, {"max_seconds": 0.0}, {"max_age_seconds": -1.0}])
def test_an_effort_of_nothing_is_refused(effort: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="nothing"):
        Effort(**effort)


@pytest.mark.parametrize("level", [Level.CHECKSUM, Level.BYTES])
def test_a_sample_of_segments_is_read_and_all_else_looked_at(ns: Namespace, store: Store, level: Level) -> None:
    for seed in range(3):
        put(ns, f"text {seed}", seed=seed)
    whole = verify(store, level=level)
    report = verify(store, level=level, effort=Effort(sample=1))
    assert {**report.checked, "chunks": 0, "bytes": 0} == {**whole.checked, "chunks": 0, "bytes": 0}
    assert 0 < report.checked["bytes"] < whole.checked["bytes"]
    assert report.left == 2 and report.ok
    assert report.checked.get("chunks", 0) == whole.checked.get("chunks", 0) / 3


@pytest.mark.parametrize("level", [Level.CHECKSUM, Level.BYTES])
def test_every_segment_has_its_turn(ns: Namespace, store: Store, level: Level) -> None:
    for seed in range(3):
        put(ns, f"text {seed}", seed=seed)
    damaged = list(store.layout.all_files("segments"))[1]
    damaged.write_bytes(flipped(damaged.read_bytes(), damaged.stat().st_size // 2, 0))
    reports = [verify(store, level=level, effort=Effort(sample=1)) for _ in range(3)]
    assert [report.ok for report in reports].count(False) == 1
    assert not verify_sealed(store.layout, Level.CHECKSUM).ok
