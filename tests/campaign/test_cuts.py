"""Row 8: what was cut, lengthened, doubled or put in another order is accepted nowhere."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from store_makers import BLOCK, Memory, Put, load, put, with_new_footer

from kvprep.codec import find_codec
from kvprep.errors import IntegrityError, StoreError
from kvprep.store.charter import SourceCheck, Trust
from kvprep.store.envelope import FOOTER
from kvprep.store.envelope import HEADER as SEALED_HEADER
from kvprep.store.keyfile import read_key_file
from kvprep.store.namespace import Namespace
from kvprep.store.segment import SegmentReader
from kvprep.store.segmentheader import DIGEST
from kvprep.store.segmentheader import HEADER as SEGMENT_HEADER
from kvprep.store.slots import open_slot
from kvprep.store.state import read_state
from kvprep.store.store import Store, default_key_path

COUNT = 5 * BLOCK
TOTAL_AT = 112
"""Where a segment's header tells its length."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as made:
        yield made


def edges_of(data: bytes) -> list[int]:
    """Where the parts of a segment begin and end."""
    fields = SEGMENT_HEADER.unpack(data[: SEGMENT_HEADER.size])
    manifest_end, at, table = SEGMENT_HEADER.size + fields[3], fields[8], fields[9]
    edges = [0, SEGMENT_HEADER.size, manifest_end]
    for index in range(fields[4]):
        size = DIGEST.unpack_from(data, table + index * DIGEST.size)[0]
        edges += [at, at + size]
        at += size + -size % 64
    rows = range(table, table + DIGEST.size * fields[4] + 1, DIGEST.size)
    return [*edges, *rows, len(data) - FOOTER.size + 64, len(data) - 8, len(data)]


def variants(data: bytes, edges: list[int]) -> Iterator[bytes]:
    """Cut at every edge, a byte beside it too, with and without an ending; parts left out, doubled and exchanged."""
    footer = data[-FOOTER.size :]
    for edge in edges:
        for at in (edge - 1, edge, edge + 1):
            if 0 <= at < len(data):
                yield data[:at]
                yield data[:at] + footer
                yield with_new_footer(data[:at] + footer)
                yield with_new_footer(data[:at] + b"\0" + data[at:])
                yield with_new_footer(data[:at] + data[at:][1:]) if at < len(data) - FOOTER.size else data[:at]
    parts = [(start, end) for start, end in pairwise(edges) if start < end <= len(data) - FOOTER.size]
    for start, end in parts:
        yield with_new_footer(data[:start] + data[end:])
        yield with_new_footer(data[:end] + data[start:end] + data[end:])
    for (a, b), (c, d) in zip(parts, parts[2:], strict=False):
        if data[a:b] != data[c:d]:
            yield with_new_footer(data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:])
    for more in (1, 8, 64, 4096):
        yield data + bytes(more)
        yield with_new_footer(data[: -FOOTER.size] + bytes(more) + footer)
    yield data + data


def with_length(data: bytes) -> bytes:
    """Let a segment's header tell the length that it has now."""
    if len(data) < SEGMENT_HEADER.size + FOOTER.size:
        return data
    return with_new_footer(data[:TOTAL_AT] + len(data).to_bytes(8, "little") + data[TOTAL_AT + 8 :])


def accepted(path: Path, made: Put) -> bool:
    """Whether a check takes a file, or a load gives other bytes; a load may pass over what it does not need."""
    with suppress(IntegrityError), opened(path, made) as reader:
        reader.check()
        return True
    memory = Memory(made.entry.shape, COUNT)
    with suppress(IntegrityError), opened(path, made) as reader:
        reader.load(COUNT, memory.place, find_codec)
        return memory.first(COUNT) != made.memory.first(COUNT)
    return False


def opened(path: Path, made: Put) -> SegmentReader:
    return SegmentReader(path, made.entry.stretches[0].data_key, subject="segment")


def test_no_segment_is_accepted_that_is_not_whole(
    store: Store, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    ns = store.namespace("default")
    made = put(ns, count=COUNT)
    path = store.layout.file("segments", made.entry.stretches[0].segment)
    data = path.read_bytes()
    edges = edges_of(data)
    changed = [v for plain in variants(data, edges) for v in (plain, with_length(plain)) if v != data]
    changed = changed if whole else changed[::5]
    taken = 0
    for variant in changed:
        path.write_bytes(variant)
        taken += accepted(path, made)
    path.write_bytes(data)
    assert accepted(path, made) and load(ns, made.ident) == made.memory.first(COUNT)
    assert taken == 0
    figures("8", "segment", edges=len(edges), variants=len(changed), accepted=taken)


def calls_of(store: Store, ns: Namespace, made: Put) -> dict[str, tuple[Path, Callable[[], object]]]:
    layout, document = store.layout, ns.document_id(made.document.content_hash)
    secret = read_key_file(default_key_path(layout.store_id))
    keys = store.keyring.open_namespace(ns.ident)
    assert keys is not None
    return {
        "entry": (layout.file("entries", made.ident), lambda: ns.entry(made.ident)),
        "document": (layout.file("documents", document), lambda: ns.document_by_id(document)),
        "namespace": (layout.file("namespaces", ns.ident), lambda: read_state(layout, keys, store.holder.admin_public)),
        "namespace keys": (layout.file("keys", ns.ident), lambda: store.keyring.open_namespace(ns.ident)),
        "key slot": (layout.file("keys", store.holder.slot), lambda: open_slot(layout, secret)),
    }


def test_no_sealed_file_is_accepted_that_is_not_whole(store: Store, whole: bool, figures: Callable[..., None]) -> None:
    ns = store.create_namespace("mine", trust=Trust.SIGNED, source_check=SourceCheck.STAT)
    made = put(ns, "A text.", count=BLOCK + 3)
    for name, (path, call) in calls_of(store, ns, made).items():
        data, taken, tried = path.read_bytes(), 0, 0
        edges = [
            *range(0, SEALED_HEADER.size + 1, 8),
            *range(SEALED_HEADER.size, len(data), 1 if whole else 173),
            len(data),
        ]
        for variant in variants(data, sorted(set(edges))):
            if variant != data:
                path.write_bytes(variant)
                tried += 1
                try:
                    call()
                    taken += 1
                except StoreError:
                    continue
        path.write_bytes(data)
        assert call() is not None and taken == 0, name
        figures("8", name, variants=tried, accepted=taken)
