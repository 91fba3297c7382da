"""A look-up among a million blocks, beside the same rows asked of bare sqlite3."""

import os
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np

from kvprep.hashing import fingerprint
from kvprep.prefill.models import BLOCK_SIZE
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.namespace import Namespace
from kvprep.types import (
    BlockHash,
    CacheShape,
    ContentHash,
    EntryId,
    LayerShape,
    ModelIdentity,
    Piece,
    PrefillCost,
    PromptTags,
    SegmentId,
)

NUM_BLOCKS = 1_000_000
PREFIX_BLOCKS = 125
NUM_LOOKUPS = 1000
_SHARED_BLOCKS = 2
"""Every document begins alike, as under one preamble."""


def fill(namespace: Namespace, num_blocks: int = NUM_BLOCKS) -> list[list[BlockHash]]:
    """Put rows of entries into the index, with no file behind them; return the block hashes of each."""
    shared = [_draw() for _ in range(_SHARED_BLOCKS)]
    prefixes = [
        [*shared, *(_draw() for _ in range(PREFIX_BLOCKS - len(shared)))] for _ in range(num_blocks // PREFIX_BLOCKS)
    ]
    first, index = SegmentId(os.urandom(32)), namespace.index
    with index.transaction():
        for hashes in prefixes:
            index.put_entry(EntryId(os.urandom(32)), _entry(first), hashes, BlockHash(bytes(32)))
    return prefixes


def _draw() -> BlockHash:
    return BlockHash(os.urandom(32))


def _entry(first: SegmentId) -> EntryRecord:
    own = StretchRef(SegmentId(os.urandom(32)), bytes(32), _SHARED_BLOCKS, PREFIX_BLOCKS)
    return EntryRecord(
        document=ContentHash(os.urandom(32)),
        model=ModelIdentity("bench", (), fingerprint({})),
        tags=PromptTags("", "", ""),
        shape=CacheShape((LayerShape(1, 1, 1),), "bfloat16"),
        block_size=BLOCK_SIZE,
        stretches=(StretchRef(first, bytes(32), 0, _SHARED_BLOCKS), own),
        pieces=(Piece(0, PREFIX_BLOCKS * BLOCK_SIZE),),
        created_at=time.time(),
        expires_at=None,
        generation=0,
        cost=PrefillCost(0, 0.0, 0.0),
        prompt="",
        token_ids=np.zeros(PREFIX_BLOCKS * BLOCK_SIZE, dtype=np.uint32),
    )


def measure(
    namespace: Namespace, database: Path, prefixes: list[list[BlockHash]], rounds: int = NUM_LOOKUPS
) -> dict[str, list[float]]:
    """Look whole prefixes up, drawn at random, each way in turn; check that they are found.

    Args:
        database: the index's file, for bare sqlite3.
    """
    times: dict[str, list[float]] = {"look-up": [], "bare sqlite3": []}
    bare, draw = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True), random.Random(0)
    sql = f"SELECT hash, segment, position FROM blocks WHERE hash IN ({','.join('?' * PREFIX_BLOCKS)})"
    for hashes in draw.choices(prefixes, k=rounds):
        began = time.perf_counter()
        found = next(namespace.index.longest_match(hashes))
        between = time.perf_counter()
        rows = bare.execute(sql, hashes).fetchall()
        ended = time.perf_counter()
        if found.num_blocks != PREFIX_BLOCKS or len(rows) != PREFIX_BLOCKS:
            raise RuntimeError("a prefix that is there was not found")
        times["look-up"].append(between - began)
        times["bare sqlite3"].append(ended - between)
    bare.close()
    return times


def targets(times: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Judge target 8."""
    late = {name: sorted(seconds)[int(0.99 * len(seconds))] for name, seconds in times.items()}
    half = {name: sorted(seconds)[len(seconds) // 2] for name, seconds in times.items()}
    value = late["look-up"] / late["bare sqlite3"]
    return {
        "8": {
            "value": round(value, 2),
            "target": 2.0,
            "met": value <= 2.0,
            "detail": f"99th of {len(times['look-up'])} look-ups each, {late['look-up'] * 1e3:.2f} ms ÷ "
            f"{late['bare sqlite3'] * 1e3:.2f} ms; medians {half['look-up'] / half['bare sqlite3']:.2f}; "
            f"{NUM_BLOCKS // PREFIX_BLOCKS:,} documents that begin alike",
        }
    }
