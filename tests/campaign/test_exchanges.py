"""Row 7: a chunk is accepted at its own place in its own segment, and nowhere else."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from blake3 import blake3
from store_makers import BLOCK, COST, MODEL, Memory, put, tokens, with_new_footer

from kvprep.codec import find_codec
from kvprep.errors import IntegrityError
from kvprep.hashing import fingerprint
from kvprep.store.manifest import Manifest
from kvprep.store.namespace import Namespace
from kvprep.store.sealing import SealedSegment
from kvprep.store.segment import SegmentReader
from kvprep.store.segmentheader import DIGEST, align
from kvprep.store.store import Store
from kvprep.types import CacheShape, Fingerprint, LayerShape, Piece

SHAPE = CacheShape((LayerShape(2, 4, 4), LayerShape(2, 4, 4)), "bfloat16")
"""Keys and values, layers and heads all of one size, so that any chunk fits in the place of any other."""
BLOCKS = 3
CHUNK_BYTES = BLOCK * 4 * 2 + 16


@dataclass(frozen=True)
class Chunks:
    """A segment, its file, and where its sealed chunks lie in it."""

    origin: tuple[str, ...]
    """Store, namespace, model, document and generation."""
    path: Path
    sealed: SealedSegment
    data: bytes
    first: int

    def at(self, index: int) -> int:
        return self.first + index * align(CHUNK_BYTES)

    def chunk(self, index: int) -> bytes:
        return self.data[self.at(index) : self.at(index) + CHUNK_BYTES]

    def with_chunk(self, index: int, chunk: bytes) -> bytes:
        """The file with another chunk at a place, its digest and the checksum mended."""
        data, row = bytearray(self.data), self.at(NUM_CHUNKS) + index * DIGEST.size
        data[self.at(index) : self.at(index) + CHUNK_BYTES] = chunk
        data[row : row + DIGEST.size] = DIGEST.pack(CHUNK_BYTES, blake3(chunk).digest())
        return with_new_footer(bytes(data))


PLACES = [
    (block, layer, part, head)
    for block in range(BLOCKS)
    for layer in range(2)
    for part in range(2)
    for head in range(2)
]
NUM_CHUNKS = len(PLACES)
ORIGINS = ("store", "namespace", "model", "document", "generation")
AXES = ("block", "layer", "keys or values", "head")


def seal(ns: Namespace, model: Fingerprint, seed: int, *origin: str) -> Chunks:
    token_ids = tokens(BLOCKS * BLOCK, seed)
    hashes = ns.block_hashes(model, token_ids, BLOCK)
    manifest = Manifest(
        namespace=ns.ident,  # type: ignore[arg-type]
        fingerprint=model,
        parent=ns.root(model),
        first_token=0,
        block_size=BLOCK,
        chunk_tokens=BLOCK,
        shape=SHAPE,
        pieces=(Piece(0, len(token_ids)),),
        cost=COST,
        created_at=1.0,
        block_hashes=tuple(hashes),
        token_ids=token_ids,
    )
    sealed = ns.seal(manifest, Memory(SHAPE, len(token_ids), seed=seed).place)
    ns.write_segment(sealed)
    path = ns.store.layout.file("segments", sealed.ident)
    data = path.read_bytes()
    first = int.from_bytes(data[96:104], "little")
    assert align(CHUNK_BYTES) == CHUNK_BYTES + (-CHUNK_BYTES) % 64
    return Chunks(origin, path, sealed, data, first)


def accepted(target: Chunks, changed: bytes) -> bool:
    """Whether a check or a load takes a changed file."""
    target.path.write_bytes(changed)
    taken = 0
    for read in (
        lambda r: r.check(),
        lambda r: r.load(BLOCKS * BLOCK, Memory(SHAPE, BLOCKS * BLOCK).place, find_codec),
    ):
        try:
            with SegmentReader(target.path, target.sealed.data_key, subject="segment") as reader:
                read(reader)
            taken += 1
        except IntegrityError:
            continue
    return taken > 0


def test_no_chunk_is_accepted_in_the_place_of_another(
    tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    other_model = fingerprint({"weights": "other"})
    with Store.create(tmp_path / "one") as one, Store.create(tmp_path / "two") as two:
        ns, elsewhere = one.namespace("default"), one.namespace("elsewhere", create=True)
        same = ("one", "default", "model", "document", "first")
        first = seal(ns, MODEL.fingerprint, 0, *same)
        generation = ns.state().generation
        ns.remove([put(ns, "gone").ident])
        assert ns.state().generation > generation
        segments = [
            first,
            seal(ns, MODEL.fingerprint, 0, *same[:4], "second"),
            seal(ns, MODEL.fingerprint, 1, *same[:3], "other", "first"),
            seal(ns, other_model, 0, *same[:2], "other", *same[3:]),
            seal(elsewhere, MODEL.fingerprint, 0, "one", "elsewhere", *same[2:]),
            seal(two.namespace("default"), MODEL.fingerprint, 0, "two", *same[1:]),
        ]
        whole_files = [accepted(segment, segment.data) for segment in segments]
        counts = exchange_all(segments, 1 if whole else 29)
    assert all(whole_files)
    assert counts["accepted"] == 0
    assert all(counts[f"across {name}"] for name in (*ORIGINS, *AXES))
    assert counts["pairs"] >= (10_000 if whole else 700)
    figures("7", "ordered pairs", **counts)


def exchange_all(segments: list[Chunks], step: int) -> Counter[str]:
    counts: Counter[str] = Counter({"pairs": 0, "accepted": 0})
    places = [(segment, index) for segment in segments for index in range(NUM_CHUNKS)]
    pairs = [(a, b) for a in places for b in places if a != b]
    for (source, source_index), (target, target_index) in pairs[::step]:
        counts["pairs"] += 1
        changed = target.with_chunk(target_index, source.chunk(source_index))
        counts["accepted"] += accepted(target, changed)
        across = zip(ORIGINS, source.origin, target.origin, strict=True)
        within = zip(AXES, PLACES[source_index], PLACES[target_index], strict=True)
        counts.update(f"across {name}" for name, ours, theirs in (*across, *within) if ours != theirs)
        target.path.write_bytes(target.data)
    return counts


def test_no_segment_is_accepted_under_the_name_of_another(tmp_path: Path) -> None:
    with Store.create(tmp_path / "one") as one:
        ns = one.namespace("default")
        first, second = (seal(ns, MODEL.fingerprint, seed, str(seed)) for seed in (0, 1))
        assert not accepted(first, second.data)
        assert not accepted(replace(first, sealed=second.sealed), second.data)
