"""The thread that writes while the model computes."""

import os
import threading
from typing import Any

import pytest
from desk import HEAD, Desk

from kvprep.errors import StoreFull
from kvprep.pipeline.writer import Writer
from kvprep.prefill.models import ModelFiles

_PATIENCE = 30.0
"""Seconds after which what should go on side by side counts as standing still."""


def test_a_task_runs_while_its_submitter_goes_on() -> None:
    gone_on = threading.Event()
    seen = []
    with Writer() as writer:
        writer.submit(lambda: seen.append(gone_on.wait(_PATIENCE)))
        gone_on.set()
    assert seen == [True]


def test_tasks_run_in_order_and_are_done_once_settled() -> None:
    seen: list[int] = []
    with Writer() as writer:
        for number in range(100):
            writer.submit(lambda number=number: seen.append(number))
        writer.settle()
        assert seen == list(range(100))


def test_a_failure_comes_out_and_nothing_after_it_runs() -> None:
    seen: list[str] = []

    def fail() -> None:
        raise StoreFull("no space left")

    with pytest.raises(StoreFull, match="no space left"), Writer() as writer:
        writer.submit(fail)
        writer.submit(lambda: seen.append("ran"))
    assert seen == []


def test_what_was_submitted_is_written_when_its_submitter_is_interrupted() -> None:
    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt), Writer() as writer:
        writer.submit(lambda: seen.append("ran"))
        raise KeyboardInterrupt
    assert seen == ["ran"]


class _Announcing:
    """An engine that says when it begins to compute for the n-th time; all else is the engine's below it."""

    def __init__(self, engine: Any, turn: int, begun: threading.Event) -> None:
        self._engine, self._left, self._begun = engine, turn, begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def prefill(self, *arguments: Any) -> Any:
        self._left -= 1
        if not self._left:
            self._begun.set()
        return self._engine.prefill(*arguments)


def test_the_model_computes_the_next_document_while_the_last_one_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.txt", "A first document, which shares nothing.")
    desk.write("b.txt", HEAD)
    begun, sync, overlapped = threading.Event(), os.fsync, []

    def slow_disk(descriptor: int) -> None:
        if threading.current_thread() is not threading.main_thread() and not overlapped:
            overlapped.append(begun.wait(_PATIENCE))
        sync(descriptor)

    def announcing(files: ModelFiles) -> Any:
        return _Announcing(desk.load(files), 2, begun)

    monkeypatch.setattr(os, "fsync", slow_disk)
    assert desk.ingest(engine=announcing).counts()["ingested"] == 2
    assert overlapped == [True]
    assert all(desk.hit(desk.folder / name) for name in ("a.txt", "b.txt"))
