"""What namespaces hold, and what of it is whose: from index rows and the sizes of files. No file is opened.

A block that several entries need is theirs in equal parts, so that parts add up to the whole.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvprep.store.layout import Layout, file_size
from kvprep.store.namespace import Namespace

_KINDS = ("segments", "entries", "documents")


@dataclass(frozen=True, slots=True)
class Held:
    """One entry: a document under a model."""

    namespace: str
    """Hex of its id, as events name it."""
    document: str
    """Hex of the content hash."""
    ident: str
    """Hex of the keyed id, as events name it."""
    title: str
    fingerprint: str
    model: str
    tokens: int
    num_bytes: float
    """In segments on disk; of shared blocks its part."""
    kv_bytes: float
    """The same in memory, as events count them: a codec makes them fewer on disk."""
    own_tokens: float
    """Its part of them, as with bytes."""
    prefill_s: float
    """Computing all of it, shared parts included."""
    created_at: float
    shared: tuple["SharedStretch", ...] = ()

    @property
    def own_prefill_s(self) -> float:
        """Its part of what was computed, by tokens."""
        return self.prefill_s * self.own_tokens / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True)
class SharedStretch:
    """Tokens of an entry that others hold too, in one segment."""

    segment: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Stock:
    """All that one namespace holds."""

    namespace: str
    """Hex of its id, as events name it."""
    name: str
    num_bytes: int
    """Of its segments, entries and documents on disk."""
    documents: int
    holdings: tuple[Held, ...]
    titles: Mapping[str, tuple[str, str]]
    """Of every document, by keyed id as events name it: content hash in hex, and title."""


def file_sizes(layout: Layout) -> dict[str, int]:
    """Measure every segment, entry and document of a store: bytes by path."""
    walks = (os.walk(layout.root / kind) for kind in _KINDS)
    files = (f"{folder}/{name}" for walk in walks for folder, _, names in walk for name in names)
    return {file: file_size(file) for file in files}


def take_stock(namespace: Namespace, sizes: Mapping[str, int]) -> Stock:
    """Look at what a namespace holds.

    Args:
        namespace: only its index is asked.
        sizes: of the store's files, as `file_sizes` gives them; what is not in it counts as nothing.
    """
    index, layout = namespace.index, namespace.store.layout
    documents, entries = index.documents(), index.entries()
    parts = _parts(entries, index.stretches())
    segments = {segment: sizes.get(layout.file_name("segments", segment), 0) for segment in parts.blocks}
    titles = {row["id"].hex(): (str(row["document"]), str(row["title"])) for row in documents}
    own_files = [layout.file_name("documents", row["id"]) for row in documents]
    own_files += [layout.file_name("entries", row["id"]) for row in entries]
    return Stock(
        namespace=namespace.ident.hex(),
        name=namespace.name,
        num_bytes=sum(segments.values()) + sum(sizes.get(file, 0) for file in own_files),
        documents=len(documents),
        holdings=tuple(_holding(namespace, entry, titles, parts, segments) for entry in entries),
        titles=titles,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What one entry needs of one segment."""

    segment: bytes
    first_block: int
    last_block: int
    share: float
    """Blocks, of shared ones its part."""
    shared_to: int
    """End of the blocks that another entry needs too; `first_block` where there is none."""


@dataclass(frozen=True, slots=True)
class _Parts:
    of_entry: Mapping[bytes, Sequence[_Part]]
    blocks: Mapping[bytes, int]
    """Of each segment, as far as they are needed."""


def _parts(entries: Sequence[Mapping[str, Any]], stretches: Sequence[tuple[bytes, bytes, int]]) -> _Parts:
    ends: dict[bytes, list[tuple[int, bytes]]] = {entry["id"]: [] for entry in entries}
    for segment, entry, last in stretches:
        if entry in ends:
            ends[entry].append((last, segment))
    users: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    firsts: dict[bytes, int] = {}
    for entry, found in ends.items():
        first = 0
        for last, segment in sorted(found):
            users[segment].append((last, entry))
            firsts[segment] = first
            first = last
    of_entry: dict[bytes, list[_Part]] = defaultdict(list)
    for segment, needed in users.items():
        for entry, part in _split(segment, firsts[segment], sorted(needed)):
            of_entry[entry].append(part)
    return _Parts(of_entry, {segment: max(needed)[0] - firsts[segment] for segment, needed in users.items()})


def _split(segment: bytes, first: int, needed: Sequence[tuple[int, bytes]]) -> Iterator[tuple[bytes, _Part]]:
    """Divide a segment's blocks among the entries that need them, each block equally."""
    share, before = 0.0, first
    longest_but_one = needed[-2][0] if len(needed) > 1 else first
    for at, (last, entry) in enumerate(needed):
        share += (last - before) / (len(needed) - at)
        before = last
        yield entry, _Part(segment, first, last, share, min(last, longest_but_one))


def _holding(
    namespace: Namespace,
    entry: Mapping[str, Any],
    titles: Mapping[str, tuple[str, str]],
    parts: _Parts,
    segments: Mapping[bytes, int],
) -> Held:
    block, tokens = int(entry["block_size"]), int(entry["tokens"])
    own = parts.of_entry.get(entry["id"], ())
    of_bytes = sum(segments[part.segment] * part.share / (parts.blocks[part.segment] or 1) for part in own)
    num_blocks = sum(part.last_block - part.first_block for part in own)
    own_tokens = tokens * sum(part.share for part in own) / num_blocks if num_blocks else float(tokens)
    return Held(
        namespace=namespace.ident.hex(),
        document=str(entry["document"]),
        ident=str(entry["document_id"]),
        title=titles.get(entry["document_id"], ("", ""))[1],
        fingerprint=str(entry["fingerprint"]),
        model=str(entry["model"]),
        tokens=tokens,
        num_bytes=of_bytes,
        kv_bytes=int(entry["bytes"]) * own_tokens / tokens if tokens else 0.0,
        own_tokens=own_tokens,
        prefill_s=float(entry["prefill_seconds"]),
        created_at=float(entry["created_at"]),
        shared=tuple(
            SharedStretch(part.segment.hex(), min(part.shared_to * block, tokens) - part.first_block * block)
            for part in own
            if part.shared_to > part.first_block
        ),
    )
