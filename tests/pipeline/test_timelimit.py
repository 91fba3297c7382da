"""A run with a time limit ends between two documents; what it did is kept, and the runs after it finish the work."""

from pathlib import Path

import pytest
from desk import HEAD, Desk, distinct_block_tokens

from kvprep.pipeline import IngestReport, IngestSettings, ingest
from kvprep.pipeline.timelimit import TimeLimit
from kvprep.progress import Silent


@pytest.fixture(autouse=True)
def _nothing_is_racy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what was written a moment ago is read again by the next run."""
    monkeypatch.setattr("kvprep.sources.RACY_NS", -(10**12))


def limited(desk: Desk, limit: TimeLimit, progress: Silent | None = None) -> IngestReport:
    with desk.namespace.lease(wait_seconds=0):
        settings = IngestSettings(model=desk.spec)
        return ingest(desk.namespace, desk.cage, [desk.folder], settings, progress, load=desk.load, limit=limit)


def write_documents(desk: Desk, number: int) -> None:
    for each in range(number):
        desk.write(f"{each}.txt", HEAD + f"Amount due: {each},250.00 pounds. " * 3)


class Clock:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Ticking(Silent):
    """Lets a second go by for each file that is read and each token that is computed."""

    def __init__(self, clock: Clock, stage: str) -> None:
        self.clock, self.stage = clock, stage

    def advance(self, stage: str, amount: int) -> None:
        self.clock.now += amount if stage == self.stage else 0


def test_without_time_one_document_a_run_is_stored_and_the_rest_is_counted(desk: Desk) -> None:
    write_documents(desk, 6)
    for stored in range(1, 7):
        report = limited(desk, TimeLimit(0.0))
        counts = report.counts()
        assert (counts["ingested"], report.left) == (1, 6 - stored)
        assert counts["unchanged"] == stored - 1
        assert len(list(desk.namespace.all_entries())) == stored
    assert limited(desk, TimeLimit(0.0)).counts()["unchanged"] == 6


def test_no_token_is_computed_twice_in_the_runs_that_share_the_work(desk: Desk) -> None:
    write_documents(desk, 4)
    computed = [limited(desk, TimeLimit(0.0)).tokens_computed for _ in range(4)]
    assert sum(computed) == distinct_block_tokens(desk.namespace)
    assert desk.ingest().tokens_computed == 0


def test_what_was_reported_as_stored_is_a_hit(desk: Desk) -> None:
    write_documents(desk, 3)
    (item,) = limited(desk, TimeLimit(0.0)).items
    assert desk.hit(Path(item.source))


def test_a_run_ends_after_the_document_at_which_the_time_was_over(desk: Desk) -> None:
    write_documents(desk, 5)
    clock = Clock()
    tokens = len(desk.template.render((desk.folder / "0.txt").read_text()).token_ids)
    # The first document takes that many seconds, so that the second is begun, and the third is not.
    report = limited(desk, TimeLimit(tokens + 1.0, clock), Ticking(clock, "prefill"))
    assert (report.counts()["ingested"], report.left) == (2, 3)


def test_reading_takes_half_of_the_time_and_what_was_read_is_stored(desk: Desk) -> None:
    write_documents(desk, 16)
    clock = Clock()
    report = limited(desk, TimeLimit(8.0, clock), Ticking(clock, "read"))
    read = 16 - report.left
    assert 4 <= read <= 10  # with what the readers were given ahead
    assert report.counts()["ingested"] == read


def test_files_that_become_no_document_cannot_take_all_runs(desk: Desk) -> None:
    for each in range(30):
        desk.write(f"a{each}.txt", "")
    desk.write("z.txt", HEAD)
    report = limited(desk, TimeLimit(0.0))
    assert report.counts()["ingested"] == 1


def test_a_run_with_time_enough_leaves_nothing(desk: Desk) -> None:
    write_documents(desk, 3)
    report = limited(desk, TimeLimit(1.0, Clock()))
    assert (report.counts()["ingested"], report.left) == (3, 0)
