"""docs/format.md is enough: a reader written from it alone reads what kvprep reads, and refuses what it refuses."""

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import second_reader
from second_reader import Refused, SecondNamespace, SecondReader
from store_makers import (
    BLOCK,
    MODEL,
    Memory,
    Put,
    flipped,
    load,
    make_document,
    make_entry,
    put,
    put_branch,
    tokens,
)

from kvprep.codec import Lossless
from kvprep.store.charter import SourceCheck, Trust
from kvprep.store.holder import Role
from kvprep.store.keychanges import NewKey, add_key_file, add_passphrase
from kvprep.store.namespace import Namespace
from kvprep.store.reseal import no_codec
from kvprep.store.rewrite import _begin, _Move, rewrite
from kvprep.store.rotation import rotate
from kvprep.store.store import Store, default_key_path
from kvprep.types import CacheShape, LayerShape, Piece, PrefillCost


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as made:
        yield made


def second(store: Store, name: str = "default", key_file: Path | None = None) -> SecondNamespace:
    reader = SecondReader(store.path, key_file=key_file or default_key_path(store.layout.store_id))
    return reader.namespace(name)


def put_encoded(ns: Namespace, text: str, dtype: str) -> Put:
    """Put an entry whose numbers a codec makes fewer: small ones, as keys and values are."""
    shape = CacheShape((LayerShape(2, 64, 32), LayerShape(1, 64, 64)), dtype)
    count, rng = 150, np.random.default_rng(5)
    memory = Memory(shape, count)
    for key, run in memory.runs.items():
        heads, rows, width = run.shape
        numbers = rng.normal(size=(heads, rows, width // shape.itemsize)).astype(np.float32)
        if dtype == "bfloat16":
            memory.runs[key] = (numbers.view("<u4") >> 16).astype("<u2").view(np.uint8)
        else:
            memory.runs[key] = numbers.astype(dtype).view(np.uint8)
    token_ids = tokens(count, 5)
    sealed = ns.seal_segment(
        fingerprint=MODEL.fingerprint,
        shape=shape,
        block_size=BLOCK,
        token_ids=token_ids,
        hashes=ns.block_hashes(MODEL.fingerprint, token_ids, BLOCK),
        start=0,
        end=count,
        pieces=[Piece(0, count)],
        cost=PrefillCost(count, 1.0, 1.0),
        place=memory.place,
        codec=Lossless(),
    )
    document = make_document(text, "/x/encoded.txt")
    entry = make_entry(document, token_ids, (ns.write_segment(sealed),), shape)
    return Put(ns.put(document, entry), document, entry, memory)


def assert_read_alike(ns: Namespace, other: SecondNamespace, *puts: Put) -> None:
    assert other.documents() == {each.document.content_hash.hex(): each.document.text for each in puts}
    entries = other.entries()
    assert set(entries) == {each.document.content_hash.hex() for each in puts}
    for each in puts:
        runs = other.load(entries[each.document.content_hash.hex()])
        joined: dict[tuple[int, int], bytes] = {}
        for (layer, part, _), run in sorted(runs.items()):
            joined[layer, part] = joined.get((layer, part), b"") + run
        assert [joined[place] for place in sorted(joined)] == load(ns, each.ident)


def test_the_second_reader_shares_no_code() -> None:
    tree = ast.parse(Path(second_reader.__file__).read_text("utf-8"))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {a.name for n in imports if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module) for n in imports if isinstance(n, ast.ImportFrom)}
    assert len(names) > 10 and not any(name.startswith(("kvprep", "store_makers")) for name in names)


@pytest.mark.parametrize("trust", list(Trust))
def test_it_reads_what_kvprep_reads(store: Store, trust: Trust) -> None:
    ns = store.create_namespace("mine", trust=trust, source_check=SourceCheck.STAT)
    trunk = put(ns, "Grüße\n")
    assert_read_alike(ns, second(store, "mine"), trunk, put_branch(ns, trunk, "branch"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_it_decodes_what_the_codec_made(store: Store, dtype: str) -> None:
    ns = store.namespace("default")
    encoded = put_encoded(ns, "encoded", dtype)
    with ns.open_segment(encoded.entry.stretches[0], encoded.entry) as segment:
        assert any(chunk.is_encoded for chunk in segment.chunks)
    assert_read_alike(ns, second(store), encoded)


def test_it_leaves_out_what_was_removed(store: Store) -> None:
    ns = store.namespace("default")
    kept, gone = put(ns), put(ns, "gone", seed=1, path="/x/gone.txt")
    path = store.layout.file("entries", gone.ident)
    data = path.read_bytes()
    ns.remove([gone.ident])
    path.write_bytes(data)
    assert set(second(store).entries()) == {kept.document.content_hash.hex()}


def test_it_opens_with_a_passphrase_a_single_namespace_s_key_and_after_a_rotation(store: Store, tmp_path: Path) -> None:
    ns = store.namespace("default")
    made = put(ns)
    add_passphrase(store, NewKey("words", Role.READER), "Grüße an alle Leser")
    assert_read_alike(ns, SecondReader(store.path, passphrase="Grüße an alle Leser").namespace("default"), made)
    add_key_file(store, NewKey("one", Role.READER, ("default",)), tmp_path / "one.key")
    assert_read_alike(ns, second(store, key_file=tmp_path / "one.key"), made)
    rotate(store, default_key_path(store.layout.store_id))
    assert_read_alike(ns, second(store), made)


def test_it_reads_while_a_rewrite_is_cut_short_and_after_it(store: Store) -> None:
    path, key_file = store.path, default_key_path(store.layout.store_id)
    made = {name: put(store.namespace(name, create=True), name, seed=seed) for name, seed in (("one", 1), ("two", 2))}
    rotate(store, key_file)
    _begin(store, key_file)
    with Store.open(path) as opened:
        keys = opened.keyring.open_namespace(opened.namespace_id("one"))
        assert keys is not None
        _Move(opened, keys, no_codec).carry_out()
        assert_both_read_alike(opened, made)
        rewrite(opened, key_file, no_codec)
    with Store.open(path) as opened:
        assert_both_read_alike(opened, made)


def assert_both_read_alike(store: Store, made: dict[str, Put]) -> None:
    for name, one in made.items():
        ns = store.namespace(name)
        (ident,) = ns.index.entries_of(one.document.content_hash)  # a rewrite gives it another name
        assert_read_alike(ns, second(store, name), replace(one, ident=ident))


def test_it_refuses_a_flipped_bit_anywhere(store: Store) -> None:
    ns = store.create_namespace("mine", trust=Trust.SIGNED, source_check=SourceCheck.STAT)
    made = put(ns, count=70)
    files = [store.layout.file("segments", made.entry.stretches[0].segment), store.layout.file("entries", made.ident)]
    for path in files:
        data = path.read_bytes()
        for at in range(0, len(data), 97):
            path.write_bytes(flipped(data, at, at % 8))
            with suppress(Refused):
                other = second(store, "mine")
                # A changed commitment makes an entry one of another key, which is passed over.
                assert not [other.load(entry) for entry in other.entries().values()]
        path.write_bytes(data)
    assert_read_alike(ns, second(store, "mine"), made)
