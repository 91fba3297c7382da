"""Stores whose keys and values are made smaller before they are sealed."""

import tempfile
from collections.abc import Callable
from importlib import import_module

import pytest
from desk import HEAD, Desk, kv

from kvprep.codec import Speeds
from kvprep.errors import StoreFull
from kvprep.reuse import load, replay
from kvprep.types import Outcome

TEXTS = {"a.txt": HEAD + "Amount due: 1,250.00", "b.txt": HEAD + "Amount due: 99.00 by the end of the month"}


def _codecs(desk: Desk) -> set[str]:
    found = set()
    for _, entry in desk.namespace.all_entries():
        for stretch in entry.stretches:
            with desk.namespace.open_segment(stretch, entry) as reader:
                found.add(reader.manifest.codec)
    return found


def _assert_loads_as_replayed(desk: Desk) -> None:
    for _, entry in desk.namespace.all_entries():
        loaded = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens, room=64)
        replayed = replay(entry, desk.engine, room=64)
        assert kv(loaded, entry.num_tokens, entry.shape) == kv(replayed, entry.num_tokens, entry.shape)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_a_smaller_store_loads_bit_equal_to_its_replay(make_desk: Callable[..., Desk], dtype: str) -> None:
    desk = make_desk(dtype)
    for name, text in TEXTS.items():
        desk.write(name, text)
    report = desk.ingest(codec="lossless")
    assert report.stored_bytes < 0.95 * report.kv_bytes
    assert _codecs(desk) == {"planes-zstd"}
    _assert_loads_as_replayed(desk)


def test_a_prefix_stored_without_a_codec_is_continued_with_one(desk: Desk) -> None:
    desk.write("a.txt", TEXTS["a.txt"])
    desk.ingest(codec="none")
    desk.write("b.txt", TEXTS["b.txt"])
    report = desk.ingest(codec="lossless")
    assert report.tokens_reused > 0
    assert _codecs(desk) == {"none", "planes-zstd"}
    _assert_loads_as_replayed(desk)


@pytest.mark.parametrize(("disk", "codec"), [(0.1e9, "planes-zstd"), (5e9, "none")])
def test_auto_takes_what_loads_faster_here(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, disk: float, codec: str
) -> None:
    pipeline = import_module("kvprep.pipeline.packing")
    monkeypatch.setattr(pipeline, "measure_speeds", lambda folder: Speeds(disk, decode=2e9, ratio=0.67))
    desk.write("a.txt", TEXTS["a.txt"])
    assert desk.ingest(codec="auto").items[0].outcome is Outcome.INGESTED
    assert _codecs(desk) == {codec}


def test_a_disk_too_full_to_be_measured_is_a_full_store(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: open("/dev/full", "wb"))
    desk.write("a.txt", TEXTS["a.txt"])
    with pytest.raises(StoreFull, match="no space left"):
        desk.ingest(codec="auto")
