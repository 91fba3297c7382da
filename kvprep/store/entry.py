"""Entries and documents as records, and how they are put into sealed files.

Source: docs/format.md, "Sealed file".
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from kvprep.errors import AuthenticationFailed
from kvprep.hashing import keyed_id
from kvprep.store.envelope import MALFORMED, Sealed
from kvprep.store.facts import shape_from_facts, shape_to_facts, source_from_facts, source_to_facts
from kvprep.types import (
    BlockHash,
    CacheShape,
    ContentHash,
    DocumentId,
    DriftHash,
    EntryId,
    Fingerprint,
    ModelIdentity,
    Piece,
    PrefillCost,
    PromptTags,
    SegmentId,
    SourceRecord,
    TokenIds,
)


@dataclass(frozen=True, slots=True)
class StretchRef:
    """Blocks [first_block, last_block) of a prefix, and the segment that holds them and begins at `first_block`."""

    segment: SegmentId
    data_key: bytes = field(repr=False)
    first_block: int
    last_block: int


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """The right to use the KV of one document version under one model."""

    document: ContentHash
    model: ModelIdentity
    tags: PromptTags
    shape: CacheShape
    block_size: int
    stretches: tuple[StretchRef, ...]
    pieces: tuple[Piece, ...]
    """The passes that computed it, in order. A piece of a shared stretch may reach beyond this document's part of it;
    tokens at which a later piece starts count to the later one."""
    created_at: float
    expires_at: float | None
    generation: int
    cost: PrefillCost
    """What computing all of it costs, shared parts included."""
    prompt: str = field(repr=False)
    token_ids: TokenIds = field(repr=False)

    @property
    def num_tokens(self) -> int:
        """Length of the cached prefix."""
        return len(self.token_ids)

    @property
    def kv_bytes(self) -> int:
        """Bytes of keys and values in memory."""
        return self.num_tokens * self.shape.token_bytes


@dataclass(frozen=True, slots=True)
class Deferral:
    """A document's keys and values are not to be computed yet, under one model."""

    model: bytes
    """Keyed id of the model with what shapes its tokens, as the index names it."""
    at: float
    """Since when."""
    worth: int
    """Reads within its time to live that the past must promise. 0: gc removed them as not worth their rent; they are
    computed again once the document was asked for since."""
    ttl_seconds: float | None
    """How long they live once they are computed."""


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One canonical text with its sources and its place in their history."""

    content_hash: ContentHash
    drift_hash: DriftHash
    title: str
    reader: str
    canonicaliser: str
    """With `reader`: what made the text when it was read last."""
    sources: tuple[SourceRecord, ...]
    """Sources that show this text now. Empty once every one has moved on to a newer version."""
    supersedes: tuple[ContentHash, ...]
    version: int
    created_at: float
    text: str = field(repr=False)
    deferred: tuple[Deferral, ...] = ()
    """At most one for each model."""

    def with_source(self, source: SourceRecord) -> "DocumentRecord":
        """Add a source, or replace what is known of it."""
        others = tuple(s for s in self.sources if s.path != source.path)
        return replace(self, sources=tuple(sorted((*others, source), key=lambda s: s.path)))

    def without_source(self, path: str) -> "DocumentRecord":
        """Forget a source."""
        return replace(self, sources=tuple(s for s in self.sources if s.path != path))

    def deferral(self, model: bytes) -> Deferral | None:
        """Give what defers the document under a model."""
        return next((d for d in self.deferred if d.model == model), None)

    def with_deferral(self, deferral: Deferral) -> "DocumentRecord":
        """Defer it under a model, in place of what deferred it there before."""
        others = self.without_deferral(deferral.model).deferred
        return replace(self, deferred=tuple(sorted((*others, deferral), key=lambda d: d.model)))

    def without_deferral(self, model: bytes) -> "DocumentRecord":
        """Let nothing defer it under a model."""
        return replace(self, deferred=tuple(d for d in self.deferred if d.model != model))


def entry_id(id_key: bytes, document: ContentHash, last_block: BlockHash) -> EntryId:
    """Name the entry of a document whose prefix ends with `last_block`."""
    return EntryId(keyed_id(id_key, "entry", document, last_block))


def document_id(id_key: bytes, document: ContentHash) -> DocumentId:
    """Name a document's file."""
    return DocumentId(keyed_id(id_key, "document", document))


def entry_to_facts(entry: EntryRecord) -> tuple[dict[str, Any], bytes]:
    """Write an entry as JSON facts and a tail of token ids."""
    facts = {
        "document": entry.document.hex(),
        "fingerprint": entry.model.fingerprint.hex(),
        "model": {"name": entry.model.name, "fields": dict(entry.model.fields)},
        "tags": asdict(entry.tags),
        "shape": shape_to_facts(entry.shape),
        "block_size": entry.block_size,
        "num_tokens": entry.num_tokens,
        "stretches": [
            {
                "segment": s.segment.hex(),
                "key": s.data_key.hex(),
                "first_block": s.first_block,
                "last_block": s.last_block,
            }
            for s in entry.stretches
        ],
        "pieces": [[p.start, p.end] for p in entry.pieces],
        "created_at": entry.created_at,
        "expires_at": entry.expires_at,
        "generation": entry.generation,
        "cost": asdict(entry.cost),
        "prompt": entry.prompt,
    }
    return facts, tokens_to_bytes(entry.token_ids)


def entry_from_sealed(sealed: Sealed, *, subject: str) -> EntryRecord:
    """Read an entry back.

    Raises:
        AuthenticationFailed: sealed by us, yet not an entry.
    """
    facts = sealed.facts
    try:
        token_ids, num_tokens = tokens_from_bytes(sealed.tail), int(facts["num_tokens"])
        entry = EntryRecord(
            document=ContentHash(bytes.fromhex(facts["document"])),
            model=ModelIdentity(
                str(facts["model"]["name"]),
                tuple(sorted((str(k), str(v)) for k, v in facts["model"]["fields"].items())),
                Fingerprint(bytes.fromhex(facts["fingerprint"])),
            ),
            tags=PromptTags(**facts["tags"]),
            shape=shape_from_facts(facts["shape"]),
            block_size=int(facts["block_size"]),
            stretches=tuple(_stretch(s) for s in facts["stretches"]),
            pieces=tuple(Piece(int(a), int(b)) for a, b in facts["pieces"]),
            created_at=float(facts["created_at"]),
            expires_at=None if facts["expires_at"] is None else float(facts["expires_at"]),
            generation=int(facts["generation"]),
            cost=PrefillCost(**facts["cost"]),
            prompt=str(facts["prompt"]),
            token_ids=token_ids,
        )
    except MALFORMED as error:
        raise AuthenticationFailed(f"{subject}: is no entry") from error
    if entry.num_tokens != num_tokens or entry.block_size < 1:
        raise AuthenticationFailed(f"{subject}: token count differs")
    return entry


def document_to_facts(document: DocumentRecord) -> tuple[dict[str, Any], bytes]:
    """Write a document as JSON facts and a tail of text."""
    facts = {
        "content_hash": document.content_hash.hex(),
        "drift_hash": document.drift_hash.hex(),
        "title": document.title,
        "reader": document.reader,
        "canonicaliser": document.canonicaliser,
        "sources": [source_to_facts(s) for s in document.sources],
        "supersedes": [h.hex() for h in document.supersedes],
        "version": document.version,
        "created_at": document.created_at,
    }
    if document.deferred:
        facts["deferred"] = [deferral_to_facts(d) for d in document.deferred]
    return facts, document.text.encode()


def document_from_sealed(sealed: Sealed, *, subject: str) -> DocumentRecord:
    """Read a document back.

    Raises:
        AuthenticationFailed: sealed by us, yet not a document.
    """
    facts = sealed.facts
    try:
        return DocumentRecord(
            content_hash=ContentHash(bytes.fromhex(facts["content_hash"])),
            drift_hash=DriftHash(bytes.fromhex(facts["drift_hash"])),
            title=str(facts["title"]),
            reader=str(facts["reader"]),
            canonicaliser=str(facts["canonicaliser"]),
            sources=tuple(source_from_facts(s) for s in facts["sources"]),
            supersedes=tuple(ContentHash(bytes.fromhex(h)) for h in facts["supersedes"]),
            version=int(facts["version"]),
            created_at=float(facts["created_at"]),
            text=sealed.tail.decode(),
            deferred=tuple(deferral_from_facts(d) for d in facts.get("deferred", ())),
        )
    except MALFORMED as error:
        raise AuthenticationFailed(f"{subject}: is no document") from error


def deferral_to_facts(deferral: Deferral) -> list[Any]:
    """Write a deferral as JSON facts."""
    return [deferral.model.hex(), deferral.at, deferral.worth, deferral.ttl_seconds]


def deferral_from_facts(facts: list[Any]) -> Deferral:
    """Read a deferral; ValueError or TypeError if it is none."""
    model, at, worth, ttl = facts
    return Deferral(bytes.fromhex(model), float(at), int(worth), None if ttl is None else float(ttl))


def tokens_to_bytes(token_ids: TokenIds) -> bytes:
    """Write token ids as little-endian uint32."""
    return np.ascontiguousarray(token_ids, dtype="<u4").tobytes()


def tokens_from_bytes(data: bytes) -> TokenIds:
    """Read token ids; ValueError if the length is no multiple of four."""
    return np.frombuffer(data, dtype="<u4").astype(np.uint32, copy=False)


def _stretch(facts: dict[str, Any]) -> StretchRef:
    return StretchRef(
        SegmentId(bytes.fromhex(facts["segment"])),
        bytes.fromhex(facts["key"]),
        int(facts["first_block"]),
        int(facts["last_block"]),
    )
