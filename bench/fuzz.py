"""Coverage-guided fuzzing of what is read of a segment before and after it is opened: `make fuzz`.

atheris makes the inputs from a valid header and manifest, and follows which of their bytes reach new code. Anything
but a named error ends the run with the input that led there; the counts go to the campaign's table.
"""

import argparse
import json
import sys
import time
from contextlib import suppress
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["kvprep"]):
    from kvprep.errors import StoreError
    from kvprep.hashing import block_hashes, block_root, fingerprint
    from kvprep.store.manifest import Manifest, chunks_of, count_chunks, manifest_from_bytes, manifest_to_bytes
    from kvprep.store.sealing import seal_segment
    from kvprep.store.segmentheader import HEADER, check_segment_header
    from kvprep.types import CacheShape, LayerShape, NamespaceId, Piece, PrefillCost

from bench import campaign

MEMORY_MIB = 1024
SECONDS_AN_INPUT = 10
MAX_CHUNKS = 10_000
KEY = b"k" * 32


def header(data: bytes) -> None:
    """Read bytes as a segment's header; the file is as long as it says, or one byte longer."""
    if len(data) < HEADER.size:
        return
    fields = HEADER.unpack(data[: HEADER.size])
    path = Path(f"{fields[6].hex()}.kvs")
    for num_bytes in (fields[-2], fields[-2] + 1):
        try:
            check_segment_header(data, num_bytes, path, subject="segment")
        except StoreError:
            continue


def manifest(data: bytes) -> None:
    """Read bytes as an opened manifest, and list its chunks."""
    try:
        opened = manifest_from_bytes(data, subject="segment")
    except StoreError:
        return
    if count_chunks(opened) <= MAX_CHUNKS:  # the header, and so the file's own length, says how many there are
        with suppress(ValueError):
            chunks_of(opened)


TARGETS = {"header": header, "manifest": manifest}


def _valid(target: str) -> bytes:
    """A small segment's header or manifest."""
    model, token_ids = fingerprint({"weights": "w"}), np.arange(3, dtype=np.uint32)
    root = block_root(KEY, model)
    made = Manifest(
        namespace=NamespaceId(KEY),
        fingerprint=model,
        parent=root,
        first_token=0,
        block_size=2,
        chunk_tokens=2,
        shape=CacheShape((LayerShape(1, 2, 2),), "float16"),
        pieces=(Piece(0, 3),),
        cost=PrefillCost(3, 1.0, 1.0),
        created_at=1.0,
        block_hashes=tuple(block_hashes(root, token_ids, 2)),
        token_ids=token_ids,
    )
    if target == "manifest":
        return manifest_to_bytes(made)
    memory = memoryview(bytearray(64))
    sealed = seal_segment(made, KEY, lambda layer, part, head, start, end: memory[: (end - start) * 4])
    return b"".join(bytes(part) for part in sealed.take_parts())[: HEADER.size]


class _Run:
    """Counts executions, and keeps the figures when the last is done: atheris itself never returns."""

    def __init__(self, name: str, runs: int) -> None:
        self._name, self._runs, self._done = name, runs, 0
        self._began = time.monotonic()

    def __call__(self, data: bytes) -> None:
        TARGETS[self._name](data)
        self._done += 1
        if self._done == self._runs:
            self.keep()

    def keep(self) -> None:
        counts = {"executions": self._done, "s": round(time.monotonic() - self._began, 1)}
        print(json.dumps({self._name: counts}))
        campaign.record("13", f"atheris, {self._name}", counts)


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of inputs; valid ones are put there first")
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    (options.corpus / "valid").write_bytes(_valid(options.target))
    limits = [f"-rss_limit_mb={MEMORY_MIB}", f"-timeout={SECONDS_AN_INPUT}", "-max_len=4096", "-verbosity=1"]
    arguments = [sys.argv[0], f"-runs={options.runs}", *limits, str(options.corpus)]
    atheris.Setup(arguments, _Run(options.target, options.runs))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
