"""Small stores for tests: random bytes as keys and values, everything else real."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from kvprep.codec import find_codec
from kvprep.hashing import block_hashes, block_root, content_hash, drift_hash, fingerprint
from kvprep.store import envelope
from kvprep.store.entry import DocumentRecord, EntryRecord, StretchRef
from kvprep.store.manifest import Manifest
from kvprep.store.namespace import Namespace
from kvprep.store.sealing import SealedSegment
from kvprep.store.store import Store
from kvprep.types import (
    CacheShape,
    EntryId,
    LayerShape,
    ModelIdentity,
    NamespaceId,
    Piece,
    PrefillCost,
    PromptTags,
    SourceRecord,
    SourceState,
    TokenIds,
)

BLOCK = 64
SHAPE = CacheShape((LayerShape(2, 4, 4), LayerShape(1, 4, 2)), "bfloat16")
TINY = CacheShape((LayerShape(1, 2, 2),), "bfloat16")
FIELDS = {"weights": "w", "engine": "e"}
MODEL = ModelIdentity("model", tuple(sorted(FIELDS.items())), fingerprint(FIELDS))
TAGS = PromptTags("tokenizer", "template", "preamble")
COST = PrefillCost(200, 1.5, 2e9)
ID_KEY = b"i" * 32


class Memory:
    """An engine's head-major buffer of bytes."""

    def __init__(self, shape: CacheShape, capacity: int, *, seed: int | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.runs = {}
        for layer, heads in enumerate(shape.layers):
            for part, dim in enumerate((heads.key_dim, heads.value_dim)):
                size = (heads.num_kv_heads, capacity, dim * shape.itemsize)
                self.runs[layer, part] = (
                    np.zeros(size, np.uint8) if seed is None else rng.integers(0, 256, size, dtype=np.uint8)
                )

    def place(self, layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        return memoryview(self.runs[layer, part][head, start:end].reshape(-1))

    def first(self, end: int) -> list[bytes]:
        return [run[:, :end].tobytes() for _, run in sorted(self.runs.items())]


@dataclass(frozen=True)
class Put:
    """An entry as it was put."""

    ident: EntryId
    document: DocumentRecord
    entry: EntryRecord
    memory: Memory


def tokens(count: int, seed: int = 0) -> TokenIds:
    return np.random.default_rng(seed).integers(0, 50_000, count).astype(np.uint32)


def manifest_of(count: int, shape: CacheShape, *, first_block: int = 0, chunk_tokens: int = BLOCK) -> Manifest:
    """A manifest of a segment that stands alone, from a block of its prefix on."""
    token_ids, root = tokens(first_block * BLOCK + count), block_root(ID_KEY, MODEL.fingerprint)
    hashes = block_hashes(root, token_ids, BLOCK)
    return Manifest(
        namespace=NamespaceId(b"n" * 32),
        fingerprint=MODEL.fingerprint,
        parent=hashes[first_block - 1] if first_block else root,
        first_token=first_block * BLOCK,
        block_size=BLOCK,
        chunk_tokens=chunk_tokens,
        shape=shape,
        pieces=(Piece(first_block * BLOCK, len(token_ids)),),
        cost=COST,
        created_at=1.0,
        block_hashes=tuple(hashes[first_block:]),
        token_ids=token_ids[first_block * BLOCK :],
    )


def write(folder: Path, sealed: SealedSegment) -> Path:
    """A sealed segment as a file under its name."""
    path = folder / f"{sealed.ident.hex()}.kvs"
    with path.open("wb") as file:
        for part in sealed.take_parts():
            file.write(part)
    return path


def write_stretch(ns: Namespace, token_ids: TokenIds, memory: Memory, shape: CacheShape, start: int = 0) -> StretchRef:
    hashes = ns.block_hashes(MODEL.fingerprint, token_ids, BLOCK)
    sealed = ns.seal_segment(
        fingerprint=MODEL.fingerprint,
        shape=shape,
        block_size=BLOCK,
        token_ids=token_ids,
        hashes=hashes,
        start=start,
        end=len(token_ids),
        pieces=[Piece(start, len(token_ids))],
        cost=COST,
        place=memory.place,
    )
    return ns.write_segment(sealed)


def make_document(text: str, *paths: str) -> DocumentRecord:
    state = SourceState(len(text), 2, 3, 4, b"d" * 32, time.time_ns())
    sources = tuple(SourceRecord(path, state, "canon") for path in sorted(paths))
    return DocumentRecord(
        content_hash(text), drift_hash(text), "Title", "reader", "canon", sources, (), 1, time.time(), text
    )


def make_entry(
    document: DocumentRecord, token_ids: TokenIds, stretches: tuple[StretchRef, ...], shape: CacheShape = SHAPE
) -> EntryRecord:
    return EntryRecord(
        document=document.content_hash,
        model=MODEL,
        tags=TAGS,
        shape=shape,
        block_size=BLOCK,
        stretches=stretches,
        pieces=(Piece(0, len(token_ids)),),
        created_at=time.time(),
        expires_at=None,
        generation=0,
        cost=COST,
        prompt=document.text,
        token_ids=token_ids,
    )


def put(
    ns: Namespace,
    text: str = "hello",
    *,
    seed: int = 0,
    count: int = 200,
    expires_at: float | None = None,
    path: str = "/x/a.txt",
    shape: CacheShape = SHAPE,
) -> Put:
    """Put a document with an entry of one segment."""
    token_ids, memory = tokens(count, seed), Memory(shape, count, seed=seed)
    document = make_document(text, path)
    stretch = write_stretch(ns, token_ids, memory, shape)
    entry = replace(make_entry(document, token_ids, (stretch,), shape), expires_at=expires_at)
    return Put(ns.put(document, entry), document, entry, memory)


def put_branch(
    ns: Namespace, trunk: Put, text: str, *, blocks: int = 2, count: int = 200, path: str = "/x/b.txt"
) -> Put:
    """Put a document that shares the first blocks of another, and holds the rest in a segment of its own."""
    own = tokens(count - blocks * BLOCK, seed=77)
    token_ids = np.concatenate([trunk.entry.token_ids[: blocks * BLOCK], own])
    memory = Memory(SHAPE, count, seed=78)
    for key, run in trunk.memory.runs.items():
        memory.runs[key][:, : blocks * BLOCK] = run[:, : blocks * BLOCK]
    document = make_document(text, path)
    rest = write_stretch(ns, token_ids, memory, SHAPE, start=blocks * BLOCK)
    stretches = (replace(trunk.entry.stretches[0], last_block=blocks), rest)
    entry = make_entry(document, token_ids, stretches)
    return Put(ns.put(document, entry), document, entry, memory)


def load(ns: Namespace, ident: EntryId) -> list[bytes] | None:
    """What the library serves for an entry; None if it has none."""
    entry = ns.entry(ident)
    if entry is None:
        return None
    memory = Memory(entry.shape, entry.num_tokens + 4096)
    for stretch in entry.stretches:
        with ns.open_segment(stretch, entry) as reader:
            reader.load(min(stretch.last_block * BLOCK, entry.num_tokens), memory.place, find_codec)
    return memory.first(entry.num_tokens)


def with_new_footer(data: bytes) -> bytes:
    """What somebody does who edits a file and knows the checksum, but no key."""
    body, footer = data[: -envelope.FOOTER.size], data[-envelope.FOOTER.size :]
    return body + envelope.footer([body], footer[: len(envelope.UNSIGNED)])


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    """Another content for a file, for a while."""
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def flipped(data: bytes, at: int, bit: int) -> bytes:
    copy = bytearray(data)
    copy[at] ^= 1 << bit
    return bytes(copy)


class Meanwhile:
    """Does something when gc has looked and before it removes: when it asks for the commit lock."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, what: Callable[[], object]) -> None:
        lock = store.commit_lock

        def once() -> AbstractContextManager[None]:
            monkeypatch.setattr(store, "commit_lock", lock)
            what()
            return lock()

        monkeypatch.setattr(store, "commit_lock", once)
