"""After a repair: unchanged sources are ingested again; a text is used where sources cannot be seen."""

from dataclasses import replace
from pathlib import Path

import pytest
from desk import HEAD, Desk, kv

from kvprep.pipeline import IngestSettings
from kvprep.pipeline.refill import Refilled, refill
from kvprep.progress import Silent
from kvprep.reuse import load, replay
from kvprep.store.repair import LostDocument, drop_damaged
from kvprep.store.verify import verify


@pytest.fixture
def paths(desk: Desk) -> list[Path]:
    paths = [desk.write(f"{number}.txt", HEAD + f"Number {number}. " * 10) for number in range(2)]
    desk.ingest()
    return paths


def lose_everything(desk: Desk) -> list[LostDocument]:
    """Damage what both documents share."""
    shared = desk.namespace.index.entries()[0]["id"]
    entry = desk.namespace.entry(shared)
    assert entry is not None
    path = desk.store.layout.file("segments", entry.stretches[0].segment)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return drop_damaged(desk.store, verify(desk.store).findings).lost["default"]


def refilled(desk: Desk, lost: list[LostDocument]) -> Refilled:
    settings = IngestSettings(model=desk.spec)
    with desk.namespace.lease():
        return refill(desk.namespace, desk.cage, lost, settings, Silent(), load=desk.load)


def test_unchanged_sources_are_ingested_again(desk: Desk, paths: list[Path]) -> None:
    lost = lose_everything(desk)
    assert len(lost) == 2 and desk.namespace.index.entries() == []
    assert refilled(desk, lost).left == ()
    for path in paths:
        entry = desk.hit(path).entry
        buffer = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens)
        assert kv(buffer, buffer.length, entry.shape) == kv(replay(entry, desk.engine), buffer.length, entry.shape)
    assert verify(desk.store).ok


def test_what_no_question_would_use_is_not_computed(desk: Desk, paths: list[Path]) -> None:
    lost = lose_everything(desk)
    paths[0].write_text("Something else.")
    paths[1].unlink()
    done = refilled(desk, lost)
    assert done == Refilled((), (str(paths[0]), str(paths[1])))
    assert desk.namespace.index.entries() == []


def test_where_sources_cannot_be_seen_the_stored_text_is_computed(desk: Desk, paths: list[Path]) -> None:
    desk.namespace.amend(lambda charter: replace(charter, source_check="ttl-only"))
    before = {facts["document"] for facts in desk.namespace.index.entries()}
    lost = lose_everything(desk)
    for path in paths:
        path.unlink()
    assert refilled(desk, lost).left == ()
    assert {facts["document"] for facts in desk.namespace.index.entries()} == before
    assert verify(desk.store).ok


def test_a_text_that_is_gone_is_read_again_from_a_source_that_has_changed(desk: Desk, paths: list[Path]) -> None:
    paths[0].write_text("Something else.")
    lost = [LostDocument(desk.find(paths[0]), (str(paths[0]),), has_text=False)]  # type: ignore[arg-type]
    for facts in desk.namespace.index.documents():
        if facts["document"] == lost[0].document.hex():
            desk.namespace.remove(desk.namespace.index.entries_of(lost[0].document))
            desk.namespace.remove_document_by_id(facts["id"])
    assert refilled(desk, lost).left == ()
    assert desk.hit(paths[0])
