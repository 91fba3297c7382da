"""Work on many chunks is shared among the cores, each number is done once, and what fails is heard of."""

import threading

import pytest

from kvprep.store import parallel
from kvprep.store.parallel import MIN_THREAD_BYTES, share_out


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "usable_cores", lambda: 4)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 1000])
@pytest.mark.parametrize("num_bytes", [0, MIN_THREAD_BYTES * 2, MIN_THREAD_BYTES * 100])
def test_every_number_is_done_once(count: int, num_bytes: int) -> None:
    done: list[int] = []
    share_out(count, num_bytes, lambda numbers: done.extend(numbers))
    assert sorted(done) == list(range(count))


def test_every_core_has_a_range_of_its_own_where_it_is_worth_it() -> None:
    threads: set[str] = set()
    together = threading.Barrier(4, timeout=10)

    def work(numbers: range) -> None:
        together.wait()
        threads.add(threading.current_thread().name)
        assert len(numbers) == 25

    share_out(100, MIN_THREAD_BYTES * 4, work)
    assert len(threads) == 4


def test_little_is_done_in_this_thread() -> None:
    threads: list[threading.Thread] = []
    share_out(100, MIN_THREAD_BYTES * 2 - 1, lambda numbers: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize("failing", [0, 60, 99])
def test_what_one_thread_raises_is_raised_here_once_all_have_ended(failing: int) -> None:
    done: list[int] = []

    def work(numbers: range) -> None:
        if failing in numbers:
            raise ValueError("this one")
        done.extend(numbers)

    with pytest.raises(ValueError, match="this one"):
        share_out(100, MIN_THREAD_BYTES * 4, work)
    assert len(done) == 75
