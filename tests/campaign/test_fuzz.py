"""Row 13: any bytes, and changed valid files, wherever kvprep reads: a named error, memory bounded, no hang."""

import copy
import json
import sqlite3
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_makers import BLOCK, TINY, put, with_new_footer

from kvprep.config import read_settings
from kvprep.errors import KvprepError
from kvprep.hashing import derive_key, key_commitment
from kvprep.store import envelope, remembered
from kvprep.store.audit import Audit, Head
from kvprep.store.auditcheck import check_audit
from kvprep.store.charter import SourceCheck, Trust, read_charter
from kvprep.store.crypto import TAG_BYTES, Cipher
from kvprep.store.entry import document_from_sealed, document_to_facts, entry_from_sealed, entry_to_facts
from kvprep.store.keyfile import read_key_file
from kvprep.store.layout import FORMAT_VERSION, open_layout
from kvprep.store.manifest import manifest_to_bytes
from kvprep.store.segment import SegmentReader
from kvprep.store.signing import CHARTER, Signer
from kvprep.store.slots import open_slot
from kvprep.store.state import read_state
from kvprep.store.store import Store, default_key_path
from kvprep.types import NamespaceId

KEY, IDENT = b"k" * 32, b"i" * 32
MAX_BYTES = 16 << 20
"""What reading a file of some kilobytes may take at its peak."""
SAMPLE, WHOLE = 25, 5000
NESTED = 20_000
WEIRD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.sampled_from([0, -1, 1 << 31, 1 << 40, 1 << 63, 10**400, float("inf"), float("nan"), 1e308]),
    st.text(max_size=40),
    st.just("00" * 32),
    st.lists(st.integers(), max_size=3),
    st.just([[1 << 40, 1, 1]]),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


@pytest.fixture(autouse=True)
def _examples(whole: bool) -> Iterator[None]:
    """More of them in a whole run."""
    name = "whole" if whole else "sample"
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    settings.register_profile(
        name, max_examples=WHOLE if whole else SAMPLE, deadline=None, suppress_health_check=quiet, database=None
    )
    settings.load_profile(name)
    yield
    settings.load_profile("default")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as made:
        yield made


class Tally:
    """Calls what reads, and counts how often; only a named error gets out of it alive, and only little memory goes."""

    def __init__(self) -> None:
        self.read = self.refused = 0

    def __call__(self, call: Callable[[], object]) -> bool:
        """Whether the call was refused."""
        self.read += 1
        with bounded():
            try:
                call()
            except KvprepError as error:
                assert str(error)
                self.refused += 1
                return True
        return False


@contextmanager
def bounded() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MAX_BYTES
    finally:
        tracemalloc.stop()


@st.composite
def mutants(draw: st.DrawFn, valid: bytes) -> bytes:
    """Any bytes, or a valid file with some bytes overwritten, left out, put in, doubled, or its end cut off."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.binary(max_size=600))
    data = valid
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        new = draw(st.binary(max_size=40))
        change = draw(st.integers(0, 4))
        if change == 0:
            data = data[:at] + new + data[at + len(new) :]
        elif change == 1:
            data = data[:at] + data[at + length :]
        elif change == 2:
            data = data[:at] + new + data[at:]
        elif change == 3:
            data = data[:at] + data[at : at + length] * 2 + data[at + length :]
        else:
            data = data[:at]
    return data


def places(facts: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    pairs = facts.items() if isinstance(facts, dict) else enumerate(facts) if isinstance(facts, list) else ()
    for key, value in pairs:
        yield from places(value, (*path, key))


@st.composite
def changed_facts(draw: st.DrawFn, facts: Any) -> Any:
    """The same JSON with one value, at any depth, that is another one or gone."""
    facts = copy.deepcopy(facts)
    *above, last = draw(st.sampled_from([place for place in places(facts) if place]))
    holder = facts
    for key in above:
        holder = holder[key]
    if draw(st.booleans()):
        holder[last] = draw(WEIRD)
    else:
        del holder[last]
    return facts


def body_of(facts: Any, tail: bytes) -> bytes:
    """The body of a sealed file, of facts that ours would refuse to write."""
    text = json.dumps(facts).replace("Infinity", "1e999").encode()
    return struct.pack("<I", len(text)) + text + tail


def sealed_file(kind: str, key: bytes, ident: bytes, body: bytes) -> bytes:
    """A file that authenticates: what a holder of the key may write who means harm."""
    salt = bytes(32)
    file_key = derive_key(key, f"file {kind}", salt=salt)
    magic = envelope.MAGIC + kind.encode()
    header = envelope.HEADER.pack(magic, FORMAT_VERSION, 0, len(body) + TAG_BYTES, 0, salt, key_commitment(file_key))
    sealed = header + Cipher(file_key).seal(0, body, header + ident)
    return sealed + envelope.footer([sealed])


def test_no_bytes_of_a_sealed_file_end_in_anything_but_a_named_error(figures: Callable[..., None]) -> None:
    valid, tally = envelope.seal("e", KEY, IDENT, {"a": [1, "x"]}, b"tail"), Tally()

    @given(mutants(valid), st.booleans())
    def run(data: bytes, mended: bool) -> None:
        data = with_new_footer(data) if mended and len(data) > envelope.FOOTER.size else data
        if data != valid:
            assert tally(lambda: envelope.unseal(data, "e", KEY, IDENT, subject="file"))
            tally(lambda: envelope.check_signature(data, [KEY], IDENT, subject="file"))

    run()
    figures("13", "sealed file", mutants=tally.read, refused=tally.refused)


@pytest.mark.parametrize(
    "text", [b"[" * NESTED, b'{"a":' * NESTED, b"9" * 5000, b'{"a":' + b"9" * 5000 + b"}", b"[]", b'"\\ud800"', b""]
)
def test_no_text_in_a_sealed_file_is_more_than_a_named_error(text: bytes) -> None:
    data = sealed_file("e", KEY, IDENT, struct.pack("<I", len(text)) + text)
    assert Tally()(lambda: envelope.unseal(data, "e", KEY, IDENT, subject="file"))


def test_no_facts_of_an_entry_or_a_document_end_in_anything_but_a_named_error(
    store: Store, figures: Callable[..., None]
) -> None:
    made, tally = put(store.namespace("default"), count=BLOCK + 3, shape=TINY), Tally()
    for (facts, tail), read in (
        (entry_to_facts(made.entry), entry_from_sealed),
        (document_to_facts(made.document), document_from_sealed),
    ):
        plain = json.loads(json.dumps(facts))

        @given(changed_facts(plain))
        def run(tail: bytes, read: Callable[..., object], changed: Any) -> None:
            tally(lambda: read(envelope.parse_body(body_of(changed, tail), subject="file"), subject="file"))

        run(tail, read)
    assert tally.refused > tally.read // 4
    figures("13", "entry and document", mutants=tally.read, refused=tally.refused)


def test_no_bytes_of_a_segment_end_in_anything_but_a_named_error(store: Store, figures: Callable[..., None]) -> None:
    made, tally = put(store.namespace("default"), count=BLOCK + 3, shape=TINY), Tally()
    path, key = store.layout.file("segments", made.entry.stretches[0].segment), made.entry.stretches[0].data_key
    valid = path.read_bytes()

    def read() -> None:
        with SegmentReader(path, key, subject="segment") as reader:
            reader.check()

    @given(mutants(valid), st.booleans())
    def run(data: bytes, mended: bool) -> None:
        data = with_new_footer(data) if mended and len(data) > envelope.FOOTER.size else data
        if data != valid:
            path.write_bytes(data)
            assert tally(read)

    run()
    figures("13", "segment", mutants=tally.read, refused=tally.refused)


def test_no_manifest_ends_in_anything_but_a_named_error(
    store: Store, tmp_path: Path, figures: Callable[..., None]
) -> None:
    made, tally = put(store.namespace("default"), count=BLOCK + 3, shape=TINY), Tally()
    path, key = store.layout.file("segments", made.entry.stretches[0].segment), made.entry.stretches[0].data_key
    with SegmentReader(path, key, subject="segment") as reader:
        body = manifest_to_bytes(reader.manifest)
    opened, valid = envelope.parse_body(body, subject="segment"), path.read_bytes()

    @given(changed_facts(opened.facts), mutants(body), st.booleans())
    def run(changed: Any, other: bytes, as_facts: bool) -> None:
        new = body_of(changed, opened.tail) if as_facts else other
        path.write_bytes(resealed_segment(valid, key, new))
        tally(lambda: SegmentReader(path, key, subject="segment").close())

    run()
    assert tally.refused > tally.read // 2
    figures("13", "manifest", mutants=tally.read, refused=tally.refused)


def resealed_segment(data: bytes, key: bytes, body: bytes) -> bytes:
    """A segment with another manifest that authenticates."""
    from kvprep.store.segmentheader import HEADER, align

    fields = list(HEADER.unpack(data[: HEADER.size]))
    first, digests_at, total = fields[8], fields[9], fields[10]
    moved = align(HEADER.size + len(body) + TAG_BYTES) - first
    fields[3], fields[8], fields[9], fields[10] = (
        len(body) + TAG_BYTES,
        first + moved,
        digests_at + moved,
        total + moved,
    )
    header = HEADER.pack(*fields)
    start = header + Cipher(key).seal(0, body, header)
    return with_new_footer(start + bytes(first + moved - len(start)) + data[first:])


def test_no_namespace_file_slot_or_wrapped_keys_end_in_anything_but_a_named_error(
    store: Store, figures: Callable[..., None]
) -> None:
    ns, layout, tally = store.namespace("default"), store.layout, Tally()
    keys = store.keyring.open_namespace(ns.ident)
    secret = read_key_file(default_key_path(layout.store_id))
    slot, master = store.holder.slot, open_slot(layout, secret).access.master
    files = {
        "namespaces": ("n", keys.entry_key, ns.ident, lambda: read_state(layout, keys, store.holder.admin_public)),
        "keys": ("k", derive_key(master, "namespace keys"), ns.ident, lambda: store.keyring.open_namespace(ns.ident)),
        "slot": ("m", derive_key(secret, "slot"), slot, lambda: open_slot(layout, secret)),
    }
    for name, (kind, key, ident, read) in files.items():
        path = layout.file("namespaces" if name == "namespaces" else "keys", ident)
        valid = path.read_bytes()
        opened = envelope.unseal(valid, kind, key, ident, subject="file")

        @given(changed_facts(opened.facts), mutants(valid), st.booleans())
        def run(
            path: Path, read: Callable[[], object], seal: Callable[[Any], bytes], changed: Any, other: bytes, own: bool
        ) -> None:
            path.write_bytes(seal(changed) if own else other)
            tally(read)

        run(path, read, partial(resealed, kind, key, ident, opened.tail))
        path.write_bytes(valid)
    assert tally.refused > tally.read // 2
    figures("13", "namespace file, wrapped keys, key slot", mutants=tally.read, refused=tally.refused)


def resealed(kind: str, key: bytes, ident: bytes, tail: bytes, facts: Any) -> bytes:
    return sealed_file(kind, key, ident, body_of(facts, tail))


def test_no_charter_of_an_admin_ends_in_anything_but_a_named_error(store: Store, figures: Callable[..., None]) -> None:
    ns, signer, tally = store.namespace("default"), Signer(KEY), Tally()
    facts = json.loads(store.namespace("default").state().charter.text)
    assert facts["policy"] == {"trust": Trust.AEAD, "source_check": SourceCheck.STAT}

    @given(changed_facts(facts), mutants(json.dumps(facts).encode()), st.booleans())
    def run(changed: Any, other: bytes, as_facts: bool) -> None:
        text = json.dumps(changed).replace("Infinity", "1e999") if as_facts else other.decode("utf-8", "replace")
        signature = signer.sign(CHARTER + text.encode("utf-8"))
        tally(lambda: read_charter(text, signature, signer.public, NamespaceId(ns.ident), subject="file"))
        assert tally(lambda: read_charter(text, bytes(64), signer.public, NamespaceId(ns.ident), subject="file"))

    run()
    figures("13", "charter", mutants=tally.read, refused=tally.refused)


def test_no_key_file_ends_in_anything_but_a_named_error(store: Store, figures: Callable[..., None]) -> None:
    path, tally = default_key_path(store.layout.store_id), Tally()
    valid = path.read_bytes()

    @given(mutants(valid))
    def run(data: bytes) -> None:
        path.write_bytes(data)
        assert tally(lambda: read_key_file(path)) or data == valid

    run()
    figures("13", "key file", mutants=tally.read, refused=tally.refused)


DEEP = b"a = " + b"[" * NESTED
TOML = [
    DEEP,
    b"format = inf",
    b"format = [1]",
    b"format = {}",
    b"format = 1979-05-27",
    b"format = nan",
    b"\xff",
    b"id = 1",
]


def test_no_store_toml_ends_in_anything_but_a_named_error(store: Store, figures: Callable[..., None]) -> None:
    path, tally = store.path / "store.toml", Tally()
    valid = path.read_bytes()

    def read(data: bytes) -> bool:
        path.write_bytes(data)
        return tally(lambda: open_layout(store.path))

    @given(mutants(valid))
    def run(data: bytes) -> None:
        read(data)

    run()
    for data in TOML:
        assert read(data + b"\n" + valid.partition(b"\n")[2])
    figures("13", "store.toml", mutants=tally.read, refused=tally.refused)


SETTINGS = b"""store = "x"
[model]
name = "m"
[ingest]
jobs = 2
include = ["*.pdf"]
max_bytes = "20GB"
[ttl]
default = "30d"
"*.txt" = "1h"
[ask]
max_new_tokens = 9
"""
WRONG_SETTINGS = [
    DEEP,
    b"[ingest]\nmax_bytes = '" + b"9" * 400 + b"GB'",
    b"[ttl]\ndefault = '" + b"9" * 400 + b"d'",
    b"[ingest]\nmax_bytes = inf",
    b"[ingest]\ncodec = []",
    b"[ingest]\ncodec = {}",
    b"store = '~no-such-user-here/x'",
    b'store = "a\\u0000b"',
    b"\xff",
]


def test_no_settings_end_in_anything_but_a_named_error(tmp_path: Path, figures: Callable[..., None]) -> None:
    path, tally = tmp_path / "kvprep.toml", Tally()

    def read(data: bytes) -> bool:
        path.write_bytes(data)
        return tally(lambda: read_settings(path, {}))

    @given(mutants(SETTINGS))
    def run(data: bytes) -> None:
        read(data)

    run()
    assert not read(SETTINGS)
    for data in WRONG_SETTINGS:
        assert read(data), data[:60]
    figures("13", "kvprep.toml", mutants=tally.read, refused=tally.refused)


def test_no_memory_of_stores_ends_in_anything_but_a_named_error(figures: Callable[..., None]) -> None:
    path, tally, root, ident = remembered.memory_file(), Tally(), Path("/x"), "ab" * 16
    calls: list[Callable[[], object]] = [
        lambda: remembered.was_remembered(root),
        lambda: remembered.recall(ident, KEY).check(generation=9, charter=9, subject="file"),
        lambda: remembered.last_audit(ident),
        lambda: remembered.remember_store(root, ident),
        lambda: remembered.remember_state(ident, KEY, generation=9, charter=9),
        lambda: remembered.remember_audit(ident, Head(3, KEY)),
    ]
    for call in calls[3:]:
        call()
    valid = path.read_bytes()
    facts = json.loads(valid)

    def read(data: bytes) -> None:
        for call in calls:
            path.write_bytes(data)
            tally(call)

    @given(changed_facts(facts), mutants(valid), st.booleans())
    def run(changed: Any, other: bytes, as_facts: bool) -> None:
        read(json.dumps(changed).replace("Infinity", "1e999").encode() if as_facts else other)

    run()
    for data in (b"[" * NESTED, b"\xff", b'{"a": 1}', b'{"a": {"path": 1}}'):
        read(data)
    figures("13", "stores.json", mutants=tally.read, refused=tally.refused)


COLUMNS = ("at_us", "principal", "verb", "outcome", "namespace", "subject", "tokens", "mac")
VALUES = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1), st.floats(), st.text(max_size=9), st.binary(max_size=40), st.just(1 << 40)
)


def test_no_row_of_the_audit_log_ends_in_anything_but_a_named_error(
    store: Store, tmp_path: Path, figures: Callable[..., None]
) -> None:
    key, tally = store.holder.audit_key, Tally()
    path = tmp_path / "audit.sqlite"

    def read() -> None:
        log = Audit(path, key, "ann")
        try:
            check_audit(list(log.records()), key, [Head(1, KEY)])
            log.record("look-up", "hit")
            log.flush()
        finally:
            log.close()

    @given(st.sampled_from(COLUMNS), VALUES, st.booleans())
    def run(column: str, value: object, as_text: bool) -> None:
        for name in tmp_path.glob("audit.sqlite*"):
            name.unlink()
        first = Audit(path, key, "ann")
        first.record("look-up", "miss")
        first.close()
        cast = "CAST(? AS TEXT)" if as_text else "?"  # text that is no UTF-8, too
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            try:
                database.execute(f"UPDATE records SET {column} = {cast}", (value,))
            except sqlite3.IntegrityError:
                return
        tally(read)

    run()
    figures("13", "audit log", mutants=tally.read, refused=tally.refused)
