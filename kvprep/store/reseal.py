"""Re-sealing: what live entries need of a segment moves to one of its own, under a new key, and the rest can go.

A segment may hold a removed document's own blocks behind blocks that other documents begin with too. Their entries name
the segment's key, so as long as it is there the removed document's keys and values can be read with it.

Source: docs/format.md, "Order of writes".
"""

import time
from dataclasses import replace

from kvprep.errors import UnsupportedFormat
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.manifest import NO_CODEC, Manifest
from kvprep.store.namespace import Namespace
from kvprep.store.needs import Use
from kvprep.store.segment import Codec, FindCodec, SegmentReader


def no_codec(name: str) -> Codec:
    """Know no codec; stands for `FindCodec`."""
    raise UnsupportedFormat(f"codec {name!r} is not at hand")


def reseal(namespace: Namespace, use: Use, find_codec: FindCodec) -> bool:
    """Write the needed front of a segment anew, and let every entry name the new segment, one by one.

    Killed at any step, each entry names one of two segments that are both there.

    Returns:
        Whether no entry needs the old segment any more; else it must stay.

    Raises:
        IntegrityError: the segment is damaged.
        UnsupportedFormat: a codec that `find_codec` does not know.
        StoreFull: no room for the copy.
    """
    entry = _witness(namespace, use)
    if entry is None:
        return False
    with namespace.open_segment(use.stretch, entry) as reader:
        copy = _copy_front(namespace, reader, use.stretch, find_codec)
    moved = [namespace.repoint(ident, use.stretch.segment, copy) for ident in use.entries]
    return all(moved)


def _witness(namespace: Namespace, use: Use) -> EntryRecord | None:
    """Open an entry that needs the whole front; None where all of them have changed meanwhile."""
    opened = (namespace.entry(ident) for ident in use.entries)
    return next((entry for entry in opened if entry and use.stretch in entry.stretches), None)


def _copy_front(namespace: Namespace, reader: SegmentReader, stretch: StretchRef, find_codec: FindCodec) -> StretchRef:
    manifest = front(reader.manifest, stretch.last_block - stretch.first_block)
    codec = None if reader.manifest.codec == NO_CODEC else find_codec(reader.manifest.codec)
    return namespace.write_segment(namespace.seal(manifest, reader.place(find_codec), codec))


def front(manifest: Manifest, num_blocks: int) -> Manifest:
    """Describe a segment's first blocks as a segment of their own.

    Pieces stay uncut, since a pass's length shapes its numbers; of the cost goes with them what their tokens took.
    """
    num_tokens = num_blocks * manifest.block_size
    end, share = manifest.first_token + num_tokens, num_tokens / manifest.num_tokens
    cost = replace(
        manifest.cost, tokens=num_tokens, seconds=manifest.cost.seconds * share, flops=manifest.cost.flops * share
    )
    return replace(
        manifest,
        pieces=tuple(piece for piece in manifest.pieces if piece.start < end),
        cost=cost,
        created_at=time.time(),
        block_hashes=manifest.block_hashes[:num_blocks],
        token_ids=manifest.token_ids[:num_tokens],
        codec=NO_CODEC,
        stored_bytes=(),
    )
