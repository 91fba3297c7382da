"""What the store already has of a prefix, checked before it is relied on."""

from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from kvprep.errors import IntegrityError
from kvprep.hashing import block_hash
from kvprep.reuse.load import clip
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.namespace import Namespace
from kvprep.types import EntryId, ModelIdentity, Piece, TokenIds

_TRIED = 32
"""Entries that are opened before a prefix counts as not stored; all but the first are for when one is damaged."""


@dataclass(frozen=True, slots=True)
class StoredPrefix:
    """The first `num_tokens` of a prefix, as an entry of the store has them."""

    num_tokens: int
    entry: EntryRecord | None = None

    def stretches(self, end: int) -> tuple[StretchRef, ...]:
        """Give the stretches that hold tokens [0, end)."""
        if self.entry is None:
            return ()
        return clip(self.entry.stretches, end, self.entry.block_size)

    def pieces(self, end: int) -> tuple[Piece, ...]:
        """Give, uncut, the pieces that computed tokens [0, end): the length of a pass shapes its numbers."""
        return tuple(p for p in self.entry.pieces if p.start < end) if self.entry else ()


@dataclass
class StoredPrefixes:
    """Asks a namespace for prefixes under one model; opens each entry once."""

    namespace: Namespace
    model: ModelIdentity
    block_size: int
    _opened: dict[EntryId, EntryRecord | None] = field(default_factory=dict)

    def longest(self, token_ids: TokenIds) -> StoredPrefix:
        """Find the longest stored prefix: a multiple of the block size, or all of the tokens."""
        hashes = self.namespace.block_hashes(self.model.fingerprint, token_ids, self.block_size)
        full = len(token_ids) // self.block_size
        if full < len(hashes):
            parent = hashes[full - 1] if full else self.namespace.root(self.model.fingerprint)
            for tail, _, ident in self.namespace.index.tails_after(parent):
                if tail == hashes[full] and (found := self._checked(ident, token_ids, len(token_ids))):
                    return found
        for match in islice(self.namespace.index.longest_match(hashes[:full]), _TRIED):
            if found := self._checked(match.entry, token_ids, match.num_blocks * self.block_size):
                return found
        return StoredPrefix(0)

    def exactly(self, token_ids: TokenIds, num_tokens: int) -> StoredPrefix:
        """Give the first `num_tokens` of a prefix, which `longest` has found for it or for one that begins like it."""
        for entry in self._opened.values() if num_tokens else ():
            if entry and (found := self._checked_entry(entry, token_ids, num_tokens)):
                return found
        return StoredPrefix(0)

    def longest_within(self, token_ids: TokenIds) -> StoredPrefix:
        """Find the longest stored prefix of a prompt that goes on after it: whole blocks, and a short last one."""
        hashes = self.namespace.block_hashes(self.model.fingerprint, token_ids, self.block_size)
        usable = (len(token_ids) - 1) // self.block_size
        matches = list(islice(self.namespace.index.longest_match(hashes[:usable]), _TRIED))
        blocks = matches[0].num_blocks if matches else 0
        parent = hashes[blocks - 1] if blocks else self.namespace.root(self.model.fingerprint)
        for tail, count, ident in self.namespace.index.tails_after(parent):
            end = blocks * self.block_size + count
            if end < len(token_ids) and tail == block_hash(parent, token_ids[end - count : end]):
                if found := self._checked(ident, token_ids, end):
                    return found
        for match in matches:
            if found := self._checked(match.entry, token_ids, match.num_blocks * self.block_size):
                return found
        return StoredPrefix(0)

    def _checked(self, ident: EntryId, token_ids: TokenIds, num_tokens: int) -> StoredPrefix | None:
        """Trust nothing that the index says: compare with the entry, and look that its segments are there."""
        if ident not in self._opened:
            self._opened[ident] = self._open(ident)
        entry = self._opened[ident]
        return self._checked_entry(entry, token_ids, num_tokens) if entry else None

    def _checked_entry(self, entry: EntryRecord, token_ids: TokenIds, num_tokens: int) -> StoredPrefix | None:
        if entry.model.fingerprint != self.model.fingerprint or entry.block_size != self.block_size:
            return None
        if entry.num_tokens < num_tokens or not np.array_equal(entry.token_ids[:num_tokens], token_ids[:num_tokens]):
            return None
        return StoredPrefix(num_tokens, entry)

    def _open(self, ident: EntryId) -> EntryRecord | None:
        try:
            return self.namespace.entry_with_segments(ident)
        except IntegrityError:
            return None
