"""What a store of ten thousand documents and a million blocks costs to look at: whole processes, in turns."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import report
from bench.start import MAIN, settle
from bench.timing import Stopwatch
from kvprep.store.namespace import Namespace
from kvprep.types import BlockHash

BLOCKS_OF_AN_ENTRY = 100
ROUNDS = 3
_LIST = """
import os, sys, typer
def look(folder):
    with os.scandir(folder) as found:
        for item in found:
            look(item.path) if item.is_dir() else item.stat()
look(sys.argv[1])
"""


def add_blocks(namespace: Namespace, blocks: int = BLOCKS_OF_AN_ENTRY) -> int:
    """Index every entry anew with `blocks` blocks of its first segment, none of which is there; return how many."""
    index = namespace.index
    entries = list(namespace.all_entries())
    with index.transaction():
        for ident, entry in entries:
            long = replace(
                entry,
                stretches=(replace(entry.stretches[0], first_block=0, last_block=blocks),),
                token_ids=np.zeros(blocks * entry.block_size - 1, dtype=np.uint32),  # most end within a block
            )
            hashes = [BlockHash(os.urandom(32)) for _ in range(blocks)]
            index.put_entry(ident, long, hashes, BlockHash(bytes(32)))
    return len(entries) * blocks


def measure(folder: Path, store: Path, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Time whole processes on a store and the tree of files that it knows.

    Raises:
        CalledProcessError: a command failed.
    """
    settle(folder, store)
    place, watch = ("--store", str(store)), Stopwatch()
    commands: Mapping[str, tuple[str, ...]] = {
        report.BARE: ("-c", _LIST, str(store)),
        "kvprep ls --json": ("-c", MAIN, "ls", "--json", *place),
        "kvprep stats --json": ("-c", MAIN, "stats", "--json", *place),
        "kvprep verify --level structure": ("-c", MAIN, "verify", "--level", "structure", "--json", *place),
        "kvprep ingest, unchanged": ("-c", MAIN, "ingest", str(folder), "--quiet", *place),
        "kvprep ingest --json, unchanged": ("-c", MAIN, "ingest", str(folder), "--quiet", "--json", *place),
    }
    for counted in range(-1, rounds):  # the first one warms the page cache and writes bytecode
        for name, arguments in commands.items():
            with watch.measure(name if counted >= 0 else "not counted"):
                subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    del watch.seconds["not counted"]
    return dict(watch.seconds)
