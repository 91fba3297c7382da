"""A reader that has opened an entry, and finds its segments gone: it reads the new ones, or misses."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from desk import HEAD, Desk, kv

from kvprep.answers import Assistant
from kvprep.codec import find_codec
from kvprep.errors import DanglingEntry, EntryGone
from kvprep.prefill.base import KVBuffer
from kvprep.reuse import load, replay
from kvprep.store.entry import EntryRecord
from kvprep.store.gc import collect
from kvprep.store.namespace import Namespace


@pytest.fixture
def shared(desk: Desk) -> tuple[Desk, EntryRecord, EntryRecord]:
    """Two documents, of which the second was stored later and begins with a part of the first one's segment."""
    first = desk.write("one.txt", HEAD + "One. " * 20)
    desk.ingest()
    second = desk.write("two.txt", HEAD + "Two. " * 20)
    desk.ingest()
    return desk, desk.hit(first).entry, desk.hit(second).entry


def sweep(desk: Desk) -> None:
    collect(desk.store, dry_run=False, now=time.time(), find_codec=find_codec)


def remove(desk: Desk, entry: EntryRecord) -> None:
    desk.namespace.remove(desk.namespace.index.entries_of(entry.document))


def test_a_resealed_entry_is_read_from_its_new_segments(shared: tuple[Desk, EntryRecord, EntryRecord]) -> None:
    desk, first, second = shared
    remove(desk, first)
    sweep(desk)
    buffer = load(desk.namespace, second, desk.engine, tokens=second.num_tokens)
    assert kv(buffer, buffer.length, second.shape) == kv(replay(second, desk.engine), second.num_tokens, second.shape)


def test_a_removed_entry_is_gone_and_not_damaged(shared: tuple[Desk, EntryRecord, EntryRecord]) -> None:
    desk, _, second = shared
    remove(desk, second)
    sweep(desk)
    with pytest.raises(EntryGone):
        load(desk.namespace, second, desk.engine, tokens=second.num_tokens)


def test_a_segment_that_is_lost_is_damage(shared: tuple[Desk, EntryRecord, EntryRecord]) -> None:
    desk, _, second = shared
    desk.store.layout.file("segments", second.stretches[-1].segment).unlink()
    with pytest.raises(DanglingEntry):
        load(desk.namespace, second, desk.engine, tokens=second.num_tokens)


def test_bytes_of_an_older_computation_are_not_mixed_with_those_of_a_newer(
    shared: tuple[Desk, EntryRecord, EntryRecord],
) -> None:
    """The first stretch is read, then everything is computed anew; what is given is all of the new one."""
    desk, first, second = shared
    opened = Namespace.open_segment
    lengths: list[int] = []

    def once(self: Namespace, *what: object) -> AbstractContextManager[object]:
        if len(lengths) == 1:
            for entry in (first, second):
                remove(desk, entry)
            sweep(desk)
            desk.ingest(engine=Doubled(desk).load)
        lengths.append(0)
        return opened(self, *what)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Namespace, "open_segment", once)
        buffer = load(desk.namespace, second, desk.engine, tokens=second.num_tokens)
    current = desk.namespace.reopened(second)
    assert current is not None
    assert kv(buffer, buffer.length, second.shape) == kv(
        load(desk.namespace, current, desk.engine, tokens=current.num_tokens), current.num_tokens, second.shape
    )
    assert kv(buffer, 64, second.shape) != kv(replay(second, desk.engine), 64, second.shape)


class Doubled:
    """Loads an engine that computes other numbers than the desk's."""

    def __init__(self, desk: Desk) -> None:
        self.engine = desk.engine

    def load(self, files: object) -> "Doubled":
        return self

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)

    def prefill(self, buffer: KVBuffer, *what: object) -> object:
        start = buffer.length
        cost = self.engine.prefill(buffer, *what)  # type: ignore[arg-type]
        for heads in buffer.layers:  # type: ignore[attr-defined]
            heads.memory[0][:, :, start : buffer.length] *= 2
        return cost


def test_a_question_about_a_document_that_goes_meanwhile_is_a_miss(
    shared: tuple[Desk, EntryRecord, EntryRecord],
) -> None:
    desk, _, second = shared
    opened: Callable[..., AbstractContextManager[object]] = Namespace.open_segment

    def gone(self: Namespace, *what: object) -> AbstractContextManager[object]:
        if desk.namespace.reopened(second):
            remove(desk, second)
            sweep(desk)
        return opened(self, *what)

    assistant = Assistant(desk.namespace, desk.cage, desk.spec, load_engine=desk.load)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Namespace, "open_segment", gone)
        answer = assistant.answer(str(Path(desk.folder / "two.txt")), "What?", max_new_tokens=2)
        assert "".join(answer) == answer.report.answer
    assert (answer.report.result, answer.report.reason) == ("miss", "absent")
