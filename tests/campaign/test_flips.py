"""Row 6: every single bit flipped, as it falls and with the checksum mended, is found, and nothing is returned."""

import mmap
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
import xxhash
from store_makers import BLOCK, Memory, Put, put

from kvprep.codec import find_codec
from kvprep.errors import StoreError
from kvprep.store.audit import Audit
from kvprep.store.auditcheck import check_audit
from kvprep.store.charter import SourceCheck, Trust
from kvprep.store.envelope import FOOTER, SIGNATURE_BYTES
from kvprep.store.keyfile import read_key_file
from kvprep.store.segment import SegmentReader
from kvprep.store.slots import open_slot
from kvprep.store.state import read_state
from kvprep.store.store import Store, default_key_path
from kvprep.types import CacheShape, LayerShape

SHAPE = CacheShape((LayerShape(2, 32, 32),), "float16")
COUNT = 260
"""Tokens whose segment has more than 64 KiB."""
CHECKED = FOOTER.size - SIGNATURE_BYTES
"""Bytes at the end of a file that are not under its checksum."""
WORKERS = 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as made:
        yield made


class Flipper:
    """A file in which one bit after the other is another one, for as long as a block of code runs."""

    def __init__(self, path: Path) -> None:
        with open(path, "r+b") as file:
            self.data = mmap.mmap(file.fileno(), 0)
        self.num_bits = 8 * len(self.data)

    def flip(self, bit: int, *, mended: bool) -> None:
        """Flip one bit; `mended` writes the checksum anew, as somebody does who knows the format, but no key."""
        self.data[bit // 8] ^= 1 << bit % 8
        if mended:
            self.mend()

    def mend(self) -> None:
        with memoryview(self.data) as view, view[:-CHECKED] as checked:
            digest = xxhash.xxh3_128_digest(checked)
        self.data[-CHECKED:-8] = digest


def refuses(call: Callable[[], object]) -> bool:
    """Whether a call ends in a named error; anything that it returned would be what leaves it."""
    try:
        call()
    except StoreError:
        return True
    return False


def flipped_bits(path: Path, call: Callable[[], object], step: int) -> tuple[int, int]:
    """Flip the bits of a file; return how many flips were tried, and how many were found."""
    flipper, tried, found = Flipper(path), 0, 0
    for bit in range(0, flipper.num_bits, step):
        for mended in (False, True) if bit < 8 * (len(flipper.data) - CHECKED) else (False,):
            flipper.flip(bit, mended=mended)
            tried, found = tried + 1, found + refuses(call)
            flipper.flip(bit, mended=mended)
    return tried, found


def loaded(path: Path, made: Put, trusted: frozenset[bytes] | None) -> list[bytes]:
    stretch = made.entry.stretches[0]
    with SegmentReader(path, stretch.data_key, subject="segment", trusted=trusted) as reader:
        memory = Memory(SHAPE, COUNT)
        reader.load(COUNT, memory.place, find_codec)
    return memory.first(COUNT)


def checked(path: Path, made: Put, trusted: frozenset[bytes] | None) -> None:
    with SegmentReader(path, made.entry.stretches[0].data_key, subject="segment", trusted=trusted) as reader:
        reader.check()


def flipped_segment(path: Path, made: Put, trusted: frozenset[bytes] | None, bits: range) -> tuple[int, int, int, int]:
    """Flip bits of a segment; return flips tried, found by a check, refused by a load, and loads of other bytes."""
    flipper, right = Flipper(path), made.memory.first(COUNT)
    tried = found = refused = wrong = 0
    for bit in bits:
        for mended in (False, True) if bit < 8 * (len(flipper.data) - CHECKED) else (False,):
            flipper.flip(bit, mended=mended)
            tried, found = tried + 1, found + refuses(lambda: checked(path, made, trusted))
            if not mended:  # a load does not look at the checksum
                try:
                    wrong += loaded(path, made, trusted) != right
                except StoreError:
                    refused += 1
            flipper.flip(bit, mended=mended)
    assert loaded(path, made, trusted) == right
    return tried, found, refused, wrong


@pytest.mark.parametrize("trust", list(Trust))
def test_every_flipped_bit_of_a_segment_is_found(
    store: Store, tmp_path: Path, whole: bool, figures: Callable[..., None], trust: Trust
) -> None:
    ns = store.create_namespace("mine", trust=trust, source_check=SourceCheck.STAT)
    made = put(ns, count=COUNT, shape=SHAPE)
    path, trusted = store.layout.file("segments", made.entry.stretches[0].segment), ns.state().charter.trusted
    num_bits = 8 * path.stat().st_size
    assert num_bits >= 8 * (64 << 10)
    copies = []
    for worker in range(WORKERS if whole else 1):
        copies.append(tmp_path / str(worker) / path.name)
        copies[-1].parent.mkdir()
        shutil.copy(path, copies[-1])
    step = 1 if whole else 1009
    ranges = [range(start * step, num_bits, len(copies) * step) for start in range(len(copies))]
    if whole:
        with ProcessPoolExecutor(WORKERS, get_context("fork")) as pool:
            runs = [
                pool.submit(flipped_segment, copy, made, trusted, bits)
                for copy, bits in zip(copies, ranges, strict=True)
            ]
            counts = [run.result() for run in runs]
    else:
        counts = [flipped_segment(copies[0], made, trusted, ranges[0])]
    tried, found, refused, wrong = map(sum, zip(*counts, strict=True))
    assert found == tried and wrong == 0 and refused > tried // 4
    figures("6", f"segment ({trust})", flips=tried, found=found, loads_of_other_bytes=wrong)


def test_every_flipped_bit_of_a_sealed_file_is_found(store: Store, whole: bool, figures: Callable[..., None]) -> None:
    ns = store.create_namespace("mine", trust=Trust.SIGNED, source_check=SourceCheck.STAT)
    made = put(ns, "A text that is secret.", count=BLOCK + 3)
    other = put(ns, "Removed.", count=BLOCK, seed=1, path="/x/b.txt")
    ns.remove([other.ident])
    layout, document = store.layout, ns.document_id(made.document.content_hash)
    secret = read_key_file(default_key_path(layout.store_id))
    keys = store.keyring.open_namespace(ns.ident)
    assert keys is not None
    calls: dict[str, tuple[Path, Callable[[], object]]] = {
        "entry": (layout.file("entries", made.ident), lambda: ns.entry(made.ident)),
        "document": (layout.file("documents", document), lambda: ns.document_by_id(document)),
        "namespace": (layout.file("namespaces", ns.ident), lambda: read_state(layout, keys, store.holder.admin_public)),
        "namespace keys": (layout.file("keys", ns.ident), lambda: store.keyring.open_namespace(ns.ident)),
        "key slot": (layout.file("keys", store.holder.slot), lambda: open_slot(layout, secret)),
    }
    for name, (path, call) in calls.items():
        assert call() is not None
        tried, found = flipped_bits(path, call, 1 if whole else 101)
        assert found == tried, name
        figures("6", name, flips=tried, found=found)


def test_every_flipped_bit_of_the_audit_log_is_found_or_no_part_of_a_record(
    store: Store, tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    for number in range(12):
        store.audit.record("look-up", "hit", namespace=b"n" * 32, subject=bytes([number]) * 32, tokens=number)
    head, key = store.audit.flush(), store.holder.audit_key
    path = tmp_path / "audit.sqlite"
    with closing(sqlite3.connect(store.path / "audit.sqlite")) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    data = path.read_bytes()
    right = read_log(path)
    found = elsewhere = 0
    bits = range(0, 8 * len(data), 1 if whole else 211)
    for bit in bits:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        remove_journals(path)
        path.write_bytes(changed)
        try:
            log = Audit(path, key, "ann")
            try:
                records = list(log.records())
            finally:
                log.close()
        except StoreError:
            found += 1
            continue
        if records == right:
            elsewhere += 1  # between the records: nothing of what is read has changed
        else:
            assert not check_audit(records, key, [head]).ok
            found += 1
    assert found + elsewhere == len(bits) and found > len(bits) // 20
    figures("6", "audit log", flips=len(bits), found=found, outside_of_records=elsewhere)


def read_log(path: Path) -> list[object]:
    log = Audit(path, bytes(32), "ann")
    try:
        return list(log.records())
    finally:
        log.close()


def remove_journals(path: Path) -> None:
    for ending in ("-wal", "-shm", "-journal"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
