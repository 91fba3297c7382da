"""Stages 4 and 5 of an ingest: prefill what is missing, seal it, store it.

A stretch is sealed and written out of the buffer while the model computes the next one. An interruption loses at most
what is in hand; a document counts as stored when its entry is durable.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kvprep.errors import IntegrityError
from kvprep.pipeline.writer import Writer
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.lending import Loan
from kvprep.prefill.models import ModelFiles
from kvprep.prefill.plan import PlannedDocument, Stretch, cut
from kvprep.progress import Progress
from kvprep.reuse.load import load_stretches
from kvprep.reuse.prefix import StoredPrefix
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.namespace import Namespace
from kvprep.store.sealing import SealedSegment
from kvprep.store.segment import Codec
from kvprep.types import BlockHash, ContentHash, Piece, PrefillCost, Prompt, PromptTags, TokenIds


@dataclass(frozen=True, slots=True)
class Job:
    """One document to be stored."""

    document: ContentHash
    prompt: Prompt
    expires_at: float | None
    stored: StoredPrefix


@dataclass
class Tally:
    """What computing and storing took."""

    tokens_computed: int = 0
    stored_bytes: int = 0
    prefill_s: float = 0.0
    store_s: float = 0.0


@dataclass
class Computer:
    """Works through a plan with one engine and one buffer.

    In memory at a time: the buffer, and one sealed chunk that is being written; with a codec one encoded stretch.
    """

    namespace: Namespace
    files: ModelFiles
    engine: Engine | None
    """None where the plan computes nothing."""
    tags: PromptTags
    block_size: int
    capacity: int
    """Tokens of the longest document, so that the buffer never has to grow."""
    codec: Codec | None
    progress: Progress
    writer: Writer
    tally: Tally = field(default_factory=Tally)
    _buffer: KVBuffer | None = None
    _written: dict[tuple[int, int, int], tuple[StretchRef, PrefillCost]] = field(default_factory=dict)

    @property
    def buffer(self) -> KVBuffer | None:
        """What the last document that had something to compute was computed in."""
        return self._buffer

    def run(self, planned: PlannedDocument, job: Job, put: Callable[[EntryRecord, int], object]) -> None:
        """Compute one document's stretches; the writer then puts its entry, with the number of tokens computed."""
        tokens = job.prompt.token_ids
        hashes = self.namespace.block_hashes(self.files.identity.fingerprint, tokens, self.block_size)
        repaired: tuple[Stretch, ...] = ()
        if self.engine is not None and planned.stretches:
            buffer = self._prepared(self.engine, planned)
            repaired = self._load_stored(buffer, planned, job)
            for stretch in (*repaired, *planned.stretches):
                self._compute(self.engine, buffer, stretch, tokens, hashes)
        computed = sum(s.end - s.start for s in (*repaired, *planned.stretches))
        self.writer.submit(lambda: put(self._entry(planned, job, repaired), computed))

    def _prepared(self, engine: Engine, planned: PlannedDocument) -> KVBuffer:
        if self._buffer is None:
            self._buffer = engine.new_buffer(self.capacity)
        self._buffer.truncate(planned.held)
        return self._buffer

    def _load_stored(self, buffer: KVBuffer, planned: PlannedDocument, job: Job) -> tuple[Stretch, ...]:
        """Load [held, start) from the store; where that is damaged, say what must be computed instead."""
        if planned.held >= planned.start or job.stored.entry is None:
            return ()
        try:
            load_stretches(self.namespace, job.stored.entry, buffer, planned.start)
        except IntegrityError:
            sound = buffer.length
            return (Stretch(planned.index, sound, planned.start, cut(sound, planned.start)),)
        return ()

    def _compute(
        self, engine: Engine, buffer: KVBuffer, stretch: Stretch, tokens: TokenIds, hashes: Sequence[BlockHash]
    ) -> None:
        cost = PrefillCost(0, 0.0, 0.0)
        for piece in stretch.pieces:
            cost += engine.prefill(buffer, tokens[: stretch.end], [piece])
            self.progress.advance("prefill", piece.end - piece.start)
        self.tally.tokens_computed += stretch.end - stretch.start
        self.tally.prefill_s += cost.seconds
        # All that was to be written before is on disk then, so that this one is written, and its loan given back.
        self.writer.settle()
        loan = buffer.lend(stretch.start, stretch.end)
        self.writer.submit(lambda: self._write(stretch, tokens, hashes, cost, loan))

    def _write(
        self, stretch: Stretch, tokens: TokenIds, hashes: Sequence[BlockHash], cost: PrefillCost, loan: Loan
    ) -> None:
        began = time.perf_counter()
        try:
            segment = self._sealed(stretch, tokens, hashes, cost, loan)
            reference = self.namespace.write_segment(segment)
        finally:
            loan.give_back()
        self._written[stretch.document, stretch.start, stretch.end] = (reference, cost)
        self.tally.stored_bytes += segment.num_bytes
        self.tally.store_s += time.perf_counter() - began

    def _sealed(
        self, stretch: Stretch, tokens: TokenIds, hashes: Sequence[BlockHash], cost: PrefillCost, loan: Loan
    ) -> SealedSegment:
        return self.namespace.seal_segment(
            fingerprint=self.files.identity.fingerprint,
            shape=self.files.shape,
            block_size=self.block_size,
            token_ids=tokens,
            hashes=hashes,
            start=stretch.start,
            end=stretch.end,
            pieces=stretch.pieces,
            cost=cost,
            place=loan.view,
            codec=self.codec,
        )

    def _entry(self, planned: PlannedDocument, job: Job, repaired: tuple[Stretch, ...]) -> EntryRecord:
        sound = min(planned.stored, repaired[0].start) if repaired else planned.stored
        references = list(job.stored.stretches(sound))
        pieces: list[Piece] = list(job.stored.pieces(sound))
        cost = _share(job.stored, sound)
        for stretch in (*repaired, *planned.cover):
            reference, stretch_cost = self._written[stretch.document, stretch.start, stretch.end]
            references.append(reference)
            pieces += stretch.pieces
            cost += stretch_cost
        return EntryRecord(
            document=job.document,
            model=self.files.identity,
            tags=self.tags,
            shape=self.files.shape,
            block_size=self.block_size,
            stretches=tuple(references),
            pieces=tuple(pieces),
            created_at=time.time(),
            expires_at=job.expires_at,
            generation=0,
            cost=cost,
            prompt=job.prompt.text,
            token_ids=job.prompt.token_ids,
        )


def _share(stored: StoredPrefix, end: int) -> PrefillCost:
    """Ascribe to the first `end` tokens of an entry their share of its cost, by tokens."""
    if stored.entry is None or not end:
        return PrefillCost(0, 0.0, 0.0)
    whole, share = stored.entry.cost, end / stored.entry.num_tokens
    return PrefillCost(end, whole.seconds * share, whole.flops * share)
