"""Look-up: from a document or from tokens to a Hit, or to a Miss with its reason.

The index says where to look; what decides is in the sealed files and, for freshness, the sources themselves.
Source: docs/format.md, "What a hit checks".
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvprep.errors import IntegrityError, NotFound
from kvprep.reuse.load import reason_of
from kvprep.reuse.prefix import StoredPrefix, StoredPrefixes
from kvprep.sources import is_unchanged
from kvprep.store.entry import DocumentRecord, EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, MissReason, ModelIdentity, PromptTags, TokenIds

_MIN_ID_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """A prefix that may be loaded."""

    entry: EntryRecord
    tokens: int
    """Tokens that can be loaded."""
    requested: int
    """Tokens asked for; more than `tokens` in a partial hit."""

    @property
    def is_partial(self) -> bool:
        """Whether only the first part was found."""
        return self.tokens < self.requested


@dataclass(frozen=True, slots=True)
class Miss:
    """Nothing that may be loaded, and why."""

    reason: MissReason
    detail: str = ""


def find_document(namespace: Namespace, name: str) -> ContentHash:
    """Find a document by the beginning of its id (4 digits or more), by a source's path, or by its title.

    Raises:
        NotFound: none, or more than one.
    """
    shown = document_at(namespace, os.path.abspath(os.path.expanduser(name)))
    if shown is not None:
        return shown
    found = {facts["document"] for facts in namespace.index.documents() if _answers_to(facts, name)}
    if len(found) == 1:
        return ContentHash(bytes.fromhex(found.pop()))
    if found:
        some = ", ".join(sorted(ident[:12] for ident in found)[:5])
        raise NotFound(f"{name}: {len(found)} documents answer to it", hint=f"Use more digits of an id: {some}.")
    raise NotFound(f"{name}: no such document", hint="`kvprep ls` lists them; `kvprep ingest` adds one.")


def document_at(namespace: Namespace, path: str) -> ContentHash | None:
    """Find the document that a source shows, by the source's absolute path.

    Raises:
        IntegrityError: its file is damaged.
    """
    ident = namespace.index.document_of_path(path)
    record = namespace.document_by_id(ident) if ident else None
    return record.content_hash if record and any(s.path == path for s in record.sources) else None


def look_up(
    namespace: Namespace,
    document: ContentHash,
    model: ModelIdentity,
    tags: PromptTags | None = None,
    *,
    path: Path | None = None,
) -> Hit | Miss:
    """Look a document up.

    Args:
        namespace: where to look; nothing is shared with others.
        document: its content hash; `find_document` finds it by name.
        model: what will continue from the KV.
        tags: tokenizer, template and preamble that will write the question; None takes any.
        path: judge freshness by this source; None lets any unchanged source do.
    """
    found = _look_up(namespace, document, model, tags, path)
    return _noted(namespace, document, found)


def _look_up(
    namespace: Namespace, document: ContentHash, model: ModelIdentity, tags: PromptTags | None, path: Path | None
) -> Hit | Miss:
    try:
        # Entries first: with each the charter is read, which says whose documents count.
        found = (namespace.entry(ident) for ident in namespace.index.entries_of(document))
        candidates = [entry for entry in found if entry and entry.document == document]
        record = namespace.document(document)
    except IntegrityError as error:
        return Miss(reason_of(error), str(error))
    if record is None or not candidates:
        is_deferred = record is not None and record.deferred
        return Miss(MissReason.ABSENT, "deferred" if is_deferred else "not in this namespace")
    entry = next((e for e in candidates if _mismatch(e, model, tags) == ""), None)
    if entry is None:
        return Miss(MissReason.MISMATCH, _mismatch(candidates[0], model, tags))
    return _judge(namespace, record, entry, entry.num_tokens, entry.num_tokens, path)


def look_up_tokens(namespace: Namespace, token_ids: TokenIds, model: ModelIdentity, *, block_size: int) -> Hit | Miss:
    """Look the longest stored prefix of a whole prompt up; at least one token is left for the engine to run.

    Args:
        token_ids: document and question, shape (num_tokens,).
    """
    prefix = StoredPrefixes(namespace, model, block_size).longest_within(token_ids)
    found = _judge_prefix(namespace, prefix, len(token_ids))
    return _noted(namespace, prefix.entry.document if prefix.entry else None, found)


def _noted(namespace: Namespace, document: ContentHash | None, found: Hit | Miss) -> Hit | Miss:
    """Write a look-up into the audit log: with the keyed id, since a content hash would confirm a guessed text."""
    if isinstance(found, Hit):
        outcome, tokens = "partial" if found.is_partial else "hit", found.tokens
    else:
        outcome, tokens = str(found.reason), 0
    subject = namespace.document_id(document) if document else b""
    namespace.note("look-up", outcome, subject=subject, tokens=tokens)
    return found


def _judge_prefix(namespace: Namespace, found: StoredPrefix, requested: int) -> Hit | Miss:
    if found.entry is None:
        return Miss(MissReason.ABSENT, "no block of this prefix is stored under this model")
    try:
        record = namespace.document(found.entry.document)
    except IntegrityError as error:
        return Miss(reason_of(error), str(error))
    if record is None:
        return Miss(MissReason.ABSENT, "its document is gone")
    return _judge(namespace, record, found.entry, found.num_tokens, requested, None)


def _judge(
    namespace: Namespace, record: DocumentRecord, entry: EntryRecord, tokens: int, requested: int, path: Path | None
) -> Hit | Miss:
    if is_expired(entry.expires_at):
        return Miss(MissReason.EXPIRED, "its time to live is over")
    if namespace.state().source_check == "stat" and not _is_fresh(record, path):
        return Miss(MissReason.STALE, "its source has changed, or cannot be seen")
    return Hit(entry, tokens, requested)


def is_expired(expires_at: float | None) -> bool:
    """Tell whether a time to live is over."""
    return expires_at is not None and time.time() >= expires_at


def document_state(
    namespace: Namespace, entry: Mapping[str, Any], document: Mapping[str, Any], *, closely: bool
) -> str:
    """Judge a document for a listing: `fresh`, `stale` or `expired`.

    Args:
        namespace: its namespace.
        entry, document: what the index knows of both, as `entries` and `documents` of it give it.
        closely: open the document's file even where the index shows that a source is as it was.

    Raises:
        IntegrityError: the file was opened, and is damaged or not trusted.
    """
    fresh = not closely and namespace.index.shows_unchanged(document)
    if not fresh:
        record = namespace.document(ContentHash(bytes.fromhex(document["document"])))
        fresh = record is not None and _is_fresh(record, None)
    return "expired" if is_expired(entry["expires_at"]) else "fresh" if fresh else "stale"


def _is_fresh(record: DocumentRecord, path: Path | None) -> bool:
    wanted = record.sources if path is None else [s for s in record.sources if s.path == str(path)]
    return any(is_unchanged(Path(source.path), source.state) for source in wanted)


def _mismatch(entry: EntryRecord, model: ModelIdentity, tags: PromptTags | None) -> str:
    """Name what differs, or give an empty string."""
    if entry.model.fingerprint != model.fingerprint:
        return ", ".join(entry.model.differs_from(model))
    if tags is None:
        return ""
    return ", ".join(n for n in ("tokenizer", "template", "preamble") if getattr(entry.tags, n) != getattr(tags, n))


def _answers_to(facts: Mapping[str, Any], name: str) -> bool:
    return facts["title"] == name or (len(name) >= _MIN_ID_DIGITS and facts["document"].startswith(name.lower()))
