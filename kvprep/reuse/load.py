"""From an entry to a buffer that an engine continues: loaded, or computed again in the same pieces.

Source: docs/format.md, "What a hit checks"; store-format decision "Exactness": the reference of a load is its replay.
"""

from kvprep.codec import find_codec
from kvprep.errors import DanglingEntry, EntryGone, IntegrityError, StoreError, UntrustedWriter
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.namespace import Namespace
from kvprep.types import MissReason


def load(
    namespace: Namespace,
    entry: EntryRecord,
    engine: Engine,
    *,
    tokens: int,
    room: int = 0,
    buffer: KVBuffer | None = None,
) -> KVBuffer:
    """Load the first `tokens` tokens of an entry.

    Every byte is authenticated at its place before it counts. An entry whose segments gc replaces meanwhile is read
    from the new ones.

    Args:
        namespace, entry, engine: from where, what, and for whom.
        tokens: how many.
        room: tokens that will follow, so that the buffer need not grow.
        buffer: an earlier one of this engine, to be loaded into and returned, whatever it holds; memory that was used
            before takes a load faster than new memory. None: a new one.

    Raises:
        EntryGone: it was removed meanwhile.
        IntegrityError: a segment is gone or damaged; nothing of it is used.
        RuntimeError: another prefill, load or answer uses the buffer.
    """
    buffer, subject = _emptied(buffer, engine, tokens + room), namespace.document_id(entry.document)
    try:
        _load_current(namespace, entry, buffer, tokens)
    except StoreError as error:
        outcome = reason_of(error) if isinstance(error, IntegrityError) else "failed"
        namespace.note("load", outcome, subject=subject)
        raise
    namespace.note("load", "done", subject=subject, tokens=tokens)
    return buffer


def _load_current(namespace: Namespace, entry: EntryRecord, buffer: KVBuffer, tokens: int) -> None:
    while True:
        try:
            load_stretches(namespace, entry, buffer, tokens)
            return
        except DanglingEntry:
            current = namespace.reopened(entry)
            if current is None:
                raise EntryGone("the entry was removed while it was being read", hint="Ask again.") from None
            if current.stretches == entry.stretches:
                raise
            # Computed again meanwhile, it may differ in the last bits from what has been read so far.
            entry = current
            buffer.truncate(0)


def reason_of(error: IntegrityError) -> MissReason:
    """Tell what somebody wrote who may not from what is damaged."""
    return MissReason.DENIED if isinstance(error, UntrustedWriter) else MissReason.CORRUPT


def load_stretches(namespace: Namespace, entry: EntryRecord, buffer: KVBuffer, end: int) -> int:
    """Load tokens [buffer.length, end) of an entry into a buffer; return the bytes read.

    Raises:
        IntegrityError: a segment is gone or damaged; the buffer is truncated to what is sound before it.
    """
    num_bytes = 0
    for stretch in clip(entry.stretches, end, entry.block_size):
        stretch_end = min(stretch.last_block * entry.block_size, end)
        if stretch_end <= buffer.length:
            continue
        try:
            num_bytes += _load_stretch(namespace, entry, stretch, buffer, stretch_end)
        except IntegrityError:
            # A stretch is read from its start, over tokens that the buffer may have held already.
            buffer.truncate(min(buffer.length, stretch.first_block * entry.block_size))
            raise
    return num_bytes


def _load_stretch(
    namespace: Namespace, entry: EntryRecord, stretch: StretchRef, buffer: KVBuffer, stretch_end: int
) -> int:
    with namespace.open_segment(stretch, entry) as reader:
        buffer.reserve(reader.chunk_end(stretch_end))
        with buffer.filling() as target:
            num_bytes = reader.load(stretch_end, target, find_codec)
    buffer.set_length(stretch_end)
    return num_bytes


def replay(entry: EntryRecord, engine: Engine, *, room: int = 0, buffer: KVBuffer | None = None) -> KVBuffer:
    """Compute an entry's prefix again, in the pieces in which it was computed first.

    Args:
        entry, engine: what, and by whom.
        room, buffer: as in `load`.
    """
    buffer = _emptied(buffer, engine, entry.num_tokens + room)
    engine.prefill(buffer, entry.token_ids, entry.pieces)
    return buffer


def _emptied(buffer: KVBuffer | None, engine: Engine, capacity: int) -> KVBuffer:
    if buffer is None:
        return engine.new_buffer(capacity)
    with buffer.filling():  # an answer that still reads it is not disturbed: this is refused
        buffer.truncate(0)
        buffer.reserve(capacity)
    return buffer


def clip(stretches: tuple[StretchRef, ...], end: int, block_size: int) -> tuple[StretchRef, ...]:
    """Keep of stretches what lies before token `end`."""
    last = -(-end // block_size)
    kept = (s for s in stretches if s.first_block < last)
    return tuple(StretchRef(s.segment, s.data_key, s.first_block, min(s.last_block, last)) for s in kept)
