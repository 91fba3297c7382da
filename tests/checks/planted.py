"""Numbers that whoever has the keys has sealed, and that no model computes."""

from dataclasses import replace
from pathlib import Path

from desk import Desk

from kvprep.pipeline import load_engine
from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.progress import Silent
from kvprep.reuse import find_document, replay
from kvprep.store.entry import EntryRecord
from kvprep.store.namespace import Namespace


def poison(desk: Desk, path: Path, token: int) -> EntryRecord:
    """Put other numbers into a document's own segment, sealed as whoever has the keys can seal them."""
    plant(desk.namespace, desk.hit(path).entry, desk.engine, token)
    return desk.hit(path).entry


def poison_entry(namespace: Namespace, name: str, model: ModelSpec, token: int) -> None:
    """Do the same to the one entry of a document, outside of a desk."""
    (ident,) = namespace.index.entries_of(find_document(namespace, name))
    plant(namespace, namespace.entry(ident), load_engine(resolve(model, Silent())), token)


def plant(namespace: Namespace, entry: EntryRecord, engine: Engine, token: int) -> None:
    ident = namespace.index.entries_of(entry.document)[0]
    stretch = entry.stretches[-1]
    start, end = stretch.first_block * 64, entry.num_tokens
    buffer = replay(entry, engine)
    for layer in buffer.layers[1:]:  # type: ignore[attr-defined]
        layer.memory[1][:, :, token] *= 2
    sealed = namespace.seal_segment(
        fingerprint=entry.model.fingerprint, shape=entry.shape, block_size=64, token_ids=entry.token_ids,
        hashes=namespace.block_hashes(entry.model.fingerprint, entry.token_ids, 64),
        start=start, end=end, pieces=entry.pieces, cost=entry.cost, place=buffer.chunk_view,
    )  # fmt: skip
    other = replace(namespace.write_segment(sealed), last_block=stretch.last_block)
    assert namespace.repoint(ident, stretch.segment, other)
    namespace.store.layout.file("segments", stretch.segment).unlink()
