"""Tokens that stand for a document: prefilled, stored as an ingest stores, loaded as an answer loads."""

import time
from typing import Any

from kvprep.prefill.base import KVBuffer
from kvprep.prefill.models import BLOCK_SIZE, ModelFiles
from kvprep.prefill.plan import cut
from kvprep.store.entry import DocumentRecord, EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.store.segment import Codec
from kvprep.types import ContentHash, DriftHash, EntryId, PrefillCost, PromptTags, TokenIds

NO_TAGS = PromptTags("", "", "")
"""Of a prefix that no question will follow."""


def store_prefix(
    namespace: Namespace,
    files: ModelFiles,
    tokens: TokenIds,
    buffer: KVBuffer,
    cost: PrefillCost,
    *,
    tags: PromptTags = NO_TAGS,
    codec: Codec | None = None,
) -> EntryId:
    """Seal and write a prefix as an ingest does; with a codec it is another document.

    Args:
        namespace: of a store that is only measured.
        files: of the model that filled the buffer.
        tokens: shape (num_tokens,).
        buffer: holds them.
        cost: what computing them took.
        tags: of the prompt.
        codec: makes the chunks smaller.
    """
    hashes = namespace.block_hashes(files.identity.fingerprint, tokens, BLOCK_SIZE)
    facts: dict[str, Any] = {"shape": files.shape, "block_size": BLOCK_SIZE, "token_ids": tokens, "cost": cost}
    pieces, document = cut(0, len(tokens)), ContentHash(hashes[-1 if codec is None else 0])
    segment = namespace.seal_segment(
        fingerprint=files.identity.fingerprint,
        hashes=hashes,
        start=0,
        end=len(tokens),
        pieces=pieces,
        place=buffer.chunk_view,
        codec=codec,
        **facts,
    )
    entry = EntryRecord(
        document=document,
        model=files.identity,
        tags=tags,
        stretches=(namespace.write_segment(segment),),
        pieces=pieces,
        created_at=time.time(),
        expires_at=None,
        generation=0,
        prompt="",
        **facts,
    )
    return namespace.put(_record(document), entry)


def _record(document: ContentHash) -> DocumentRecord:
    return DocumentRecord(
        content_hash=document,
        drift_hash=DriftHash(document),
        title="",
        reader="bench",
        canonicaliser="bench",
        sources=(),
        supersedes=(),
        version=1,
        created_at=time.time(),
        text="",
    )
