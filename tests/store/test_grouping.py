"""What is added is written beside, by one thread for as long as things come."""

import os
import threading
import time
from collections.abc import Sequence

import pytest

from kvprep.errors import StoreError
from kvprep.store import grouping
from kvprep.store.grouping import Groups


class Book:
    """Remembers what was written, by whom; fails where it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.threads: set[int] = set()
        self.told: list[StoreError] = []
        self.is_full = False
        self.made: Groups[int, None] = Groups(self.write, self.told.append)

    def write(self, group: Sequence[int]) -> None:
        self.threads.add(threading.get_ident())
        if self.is_full:
            raise StoreError("no room")
        self.groups.append(list(group))

    def wait_for(self, *items: int) -> None:
        for _ in range(1000):
            if [item for group in self.groups for item in group] == list(items):
                return
            time.sleep(0.01)
        raise AssertionError(f"{self.groups} are not {items}")


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 0.01)
    return Book()


def test_group_after_group_is_written_by_one_thread_that_is_not_the_callers(book: Book) -> None:
    for number in range(3):
        book.made.add(number)
        book.wait_for(*range(number + 1))
    assert len(book.groups) == 3
    assert len(book.threads) == 1
    assert threading.get_ident() not in book.threads


def test_a_thread_without_work_ends_and_the_next_item_has_another(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "_IDLE_SECONDS", 0.01)
    book.made.add(1)
    book.wait_for(1)
    (writer,) = book.threads
    for _ in range(1000):
        if writer not in {thread.ident for thread in threading.enumerate()}:
            break
        time.sleep(0.01)
    assert writer not in {thread.ident for thread in threading.enumerate()}
    book.made.add(2)
    book.wait_for(1, 2)


def test_what_could_not_be_written_is_told_once_and_written_with_what_comes_next(book: Book) -> None:
    book.is_full = True
    book.made.add(1)
    for _ in range(1000):
        if book.told:
            break
        time.sleep(0.01)
    time.sleep(0.1)
    assert [str(error) for error in book.told] == ["no room"]
    book.is_full = False
    book.made.add(2)
    book.wait_for(1, 2)
    assert book.groups == [[1, 2]]


def test_a_process_that_was_forked_writes_what_it_adds(book: Book) -> None:
    book.made.add(1)
    book.wait_for(1)  # its thread waits for more, and is in no child
    child = os.fork()
    if not child:
        try:
            book.made.add(2)
            book.wait_for(1, 2)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_somebody_writes_at_once_is_not_written_again(book: Book) -> None:
    book.made.add(1)
    book.made.flush()
    book.made.add(2)
    book.wait_for(1, 2)
    assert [] not in book.groups
