"""Computing a deferred document when it is asked about: as an ingest would have, and kept if that is worth it now.

The answer goes on in the buffer that was filled, while a thread beside it seals and writes what is in it.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from kvprep.errors import StoreError, StoreFull
from kvprep.pipeline.compute import Computer, Job, Tally
from kvprep.pipeline.fitting import ANSWER_ROOM_TOKENS, byte_budget, free_bytes
from kvprep.pipeline.packing import codec_of
from kvprep.pipeline.writer import Writer
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.models import BLOCK_SIZE, ModelFiles
from kvprep.prefill.plan import plan
from kvprep.progress import Silent
from kvprep.reuse.load import load_stretches
from kvprep.reuse.prefix import StoredPrefixes
from kvprep.store.counted import write_event
from kvprep.store.entry import Deferral, DocumentRecord, EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, Prompt, PromptTags


@dataclass(frozen=True, slots=True)
class Late:
    """A document's keys and values, on their way into the store."""

    buffer: KVBuffer
    """Holds all of the document; tokens after it may be written."""
    tally: Tally
    """What was computed for it; the rest was loaded."""


@dataclass(frozen=True, slots=True)
class LateJob:
    """A deferred document that is to be computed."""

    document: ContentHash
    prompt: Prompt
    deferral: Deferral
    tags: PromptTags
    codec: str
    """Its name, as in the settings of an ingest."""


@contextmanager
def computed_late(namespace: Namespace, files: ModelFiles, engine: Engine, late: LateJob) -> Iterator[Late]:
    """Compute a deferred document in the pieces of an ingest; at the context's end it is stored.

    The namespace's lease is taken without waiting, and given back as soon as all is written.

    Raises:
        PolicyDenied: the holder may not write; nothing is computed.
        StoreLocked: an ingest holds the lease; nothing is computed.
        StoreFull: it does not fit; nothing is computed, or at the end, nothing is stored.
        StoreError: it is not there, or not deferred any more; or at the end: it could not be stored.
    """
    tokens = late.prompt.token_ids
    namespace.check_may_write()
    with ExitStack() as lease, Writer() as writer:
        lease.enter_context(namespace.lease(wait_seconds=0.0))
        _record(namespace, late)
        prefixes = StoredPrefixes(namespace, files.identity, BLOCK_SIZE)
        (turn,) = plan([tokens], BLOCK_SIZE, lambda wanted: prefixes.longest(wanted).num_tokens)
        _check_room(namespace, (len(tokens) - turn.start) * files.shape.token_bytes)
        ttl = late.deferral.ttl_seconds
        expires_at = None if ttl is None else time.time() + ttl
        job = Job(late.document, late.prompt, expires_at, prefixes.exactly(tokens, turn.stored))
        computer = Computer(
            namespace,
            files,
            engine,
            late.tags,
            BLOCK_SIZE,
            len(tokens) + ANSWER_ROOM_TOKENS,
            codec_of(late.codec, namespace.store.path),
            Silent(),
            writer,
        )

        def put(entry: EntryRecord, computed: int) -> None:
            namespace.put(_record(namespace, late), entry)
            namespace.store.usage.record(write_event(namespace, entry, computed))

        computer.run(turn, job, put)
        writer.submit(lease.close)  # an ingest need not wait for the end of an answer
        yield Late(computer.buffer or _loaded(namespace, engine, job), computer.tally)


def _record(namespace: Namespace, late: LateJob) -> DocumentRecord:
    """Open the document as it is now."""
    record = namespace.document_or_none(namespace.document_id(late.document))
    if record is None or not record.sources or record.deferral(late.deferral.model) is None:
        raise StoreError("it was stored, replaced or removed meanwhile")
    return record


def _loaded(namespace: Namespace, engine: Engine, job: Job) -> KVBuffer:
    """Load a document of which other documents have stored every block."""
    buffer = engine.new_buffer(len(job.prompt.token_ids) + ANSWER_ROOM_TOKENS)
    assert job.stored.entry is not None
    load_stretches(namespace, job.stored.entry, buffer, len(job.prompt.token_ids))
    return buffer


def _check_room(namespace: Namespace, num_bytes: int) -> None:
    if num_bytes > byte_budget(None, free_bytes(namespace.store.path)):
        raise StoreFull(f"{num_bytes:,} bytes of keys and values do not fit")
