"""Numbers that whoever has the keys has sealed, and that no model computes."""

from dataclasses import replace
from pathlib import Path

from desk import Desk

from kvprep.reuse import replay
from kvprep.store.entry import EntryRecord


def poison(desk: Desk, path: Path, token: int) -> EntryRecord:
    """Put other numbers into a document's own segment, sealed as whoever has the keys can seal them."""
    entry = desk.hit(path).entry
    ident = desk.namespace.index.entries_of(entry.document)[0]
    stretch = entry.stretches[-1]
    start, end = stretch.first_block * 64, entry.num_tokens
    buffer = replay(entry, desk.engine)
    for layer in buffer.layers[1:]:  # type: ignore[attr-defined]
        layer.memory[1][:, :, token] *= 2
    sealed = desk.namespace.seal_segment(
        fingerprint=entry.model.fingerprint, shape=entry.shape, block_size=64, token_ids=entry.token_ids,
        hashes=desk.namespace.block_hashes(entry.model.fingerprint, entry.token_ids, 64),
        start=start, end=end, pieces=entry.pieces, cost=entry.cost, place=buffer.chunk_view,
    )  # fmt: skip
    other = replace(desk.namespace.write_segment(sealed), last_block=stretch.last_block)
    assert desk.namespace.repoint(ident, stretch.segment, other)
    desk.store.layout.file("segments", stretch.segment).unlink()
    return desk.hit(path).entry
