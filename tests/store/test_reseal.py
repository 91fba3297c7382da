"""What live entries need of a removed document's segment moves to a new one; the document's own blocks are gone."""

from dataclasses import replace

import pytest
from store_makers import BLOCK, SHAPE, Memory, Put, flipped, load, make_document, make_entry, put_branch, tokens

from kvprep.codec import Lossless, find_codec
from kvprep.errors import AuthenticationFailed, DanglingEntry
from kvprep.store import manifest
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.gc import Collected, collect
from kvprep.store.namespace import Namespace
from kvprep.store.needs import Needs, awaiting_shred
from kvprep.store.reseal import reseal
from kvprep.store.segment import Codec
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import Piece, PrefillCost


def gc(store: Store) -> Collected:
    return collect(store, dry_run=False, now=0, find_codec=find_codec)


def put_long(ns: Namespace, codec: Codec | None, *, count: int = 5 * BLOCK + 8) -> Put:
    """A document of several chunk groups, in pieces, with numbers that a codec makes fewer bytes of."""
    token_ids, memory = tokens(count, seed=3), Memory(SHAPE, count, seed=3)
    for run in memory.runs.values():
        run[:, :, 1::2] = 63  # high bytes that are alike
    hashes = ns.block_hashes(make_entry(make_document("x", "/x"), token_ids, ()).model.fingerprint, token_ids, BLOCK)
    sealed = ns.seal_segment(
        fingerprint=make_entry(make_document("x", "/x"), token_ids, ()).model.fingerprint,
        shape=SHAPE, block_size=BLOCK, token_ids=token_ids, hashes=hashes, start=0, end=count,
        pieces=[Piece(0, 100), Piece(100, count)], cost=PrefillCost(count, 3.28, 6.56), place=memory.place, codec=codec,
    )  # fmt: skip
    document = make_document("long", "/x/long.txt")
    entry = make_entry(document, token_ids, (ns.write_segment(sealed),))
    return Put(ns.put(document, entry), document, entry, memory)


def only_stretch(ns: Namespace, made: Put) -> StretchRef:
    entry = ns.entry(made.ident)
    assert entry is not None
    return entry.stretches[0]


@pytest.mark.parametrize("codec", [None, Lossless()], ids=["plain", "codec"])
@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("chunk_blocks", [1, 2, 500])
def test_survivors_load_the_same_bits_from_a_segment_without_the_dead_blocks(
    ns: Namespace, store: Store, codec: Codec | None, blocks: int, chunk_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "CHUNK_BYTES", chunk_blocks * BLOCK * 8)
    long = put_long(ns, codec)
    branches = [put_branch(ns, long, "one", blocks=blocks), put_branch(ns, long, "two", blocks=1, path="/x/c.txt")]
    before = [load(ns, branch.ident) for branch in branches]
    old = store.layout.file("segments", long.entry.stretches[0].segment)
    ns.remove([long.ident])
    assert (use := Needs(ns, 0).shrinkable()[0]).dead_blocks == 6 - blocks and len(use.entries) == 2
    assert [(u.stretch, u.dead_blocks) for u in awaiting_shred(ns)] == [(use.stretch, use.dead_blocks)]
    gc(store)
    assert awaiting_shred(ns) == []
    assert not old.exists()
    assert Needs(ns, 0).shrinkable() == []
    assert [load(ns, branch.ident) for branch in branches] == before == [b.memory.first(200) for b in branches]
    new = only_stretch(ns, branches[0])
    assert new.data_key != long.entry.stretches[0].data_key
    assert only_stretch(ns, branches[1]).segment == new.segment
    assert verify(store).findings == ()


@pytest.mark.parametrize("codec", [None, Lossless()], ids=["plain", "codec"])
def test_the_copy_says_of_its_blocks_what_the_original_said(ns: Namespace, store: Store, codec: Codec | None) -> None:
    long = put_long(ns, codec)
    branch = put_branch(ns, long, "one", blocks=2)
    with ns.open_segment(long.entry.stretches[0], long.entry) as reader:
        old = reader.manifest
    ns.remove([long.ident])
    gc(store)
    entry = ns.entry(branch.ident)
    assert entry is not None
    with ns.open_segment(entry.stretches[0], entry) as reader:
        new = reader.manifest
    assert new.block_hashes == old.block_hashes[:2]
    assert new.token_ids.tolist() == old.token_ids[: 2 * BLOCK].tolist()
    assert (new.parent, new.fingerprint, new.codec, new.shape) == (old.parent, old.fingerprint, old.codec, old.shape)
    assert new.pieces == (Piece(0, 100), Piece(100, 5 * BLOCK + 8))
    assert new.cost == PrefillCost(128, pytest.approx(1.28), pytest.approx(2.56))
    assert [(s.first_block, s.last_block) for s in entry.stretches] == [(0, 2), (2, 4)]
    assert entry.pieces == branch.entry.pieces
    assert entry.generation == ns.state().generation


def test_an_encoded_segment_waits_where_its_codec_is_not_at_hand(ns: Namespace, store: Store) -> None:
    long = put_long(ns, Lossless())
    branch = put_branch(ns, long, "one", blocks=2)
    ns.remove([long.ident])
    collected = collect(store, dry_run=False, now=0)
    assert (collected.resealed, collected.awaiting) == (0, 1)
    assert load(ns, branch.ident) == branch.memory.first(200)


def test_a_dry_run_tells_what_would_be_freed(ns: Namespace, store: Store) -> None:
    long = put_long(ns, None)
    put_branch(ns, long, "one", blocks=3)
    ns.remove([long.ident])
    size = store.layout.file("segments", long.entry.stretches[0].segment).stat().st_size
    planned = collect(store, dry_run=True, now=0)
    assert (planned.resealed, planned.num_bytes) == (1, size * 3 // 6)
    assert gc(store) == planned


def test_what_an_ingest_has_pinned_is_resealed_after_it(ns: Namespace, store: Store) -> None:
    long = put_long(ns, None)
    branch = put_branch(ns, long, "one")
    with ns.lease():
        ns.pin(long.entry)
        ns.remove([long.ident])
        assert (collect(store, dry_run=False, now=0).awaiting, only_stretch(ns, branch).last_block) == (1, 2)
        again = ns.put(long.document, long.entry)
    assert load(ns, again) == long.memory.first(5 * BLOCK + 8)
    assert collect(store, dry_run=False, now=0).awaiting == 0


def test_a_damaged_segment_stays_for_verify_to_name(ns: Namespace, store: Store) -> None:
    long = put_long(ns, None)
    branch = put_branch(ns, long, "one")
    path = store.layout.file("segments", long.entry.stretches[0].segment)
    with ns.open_segment(long.entry.stretches[0], long.entry) as reader:
        chunk = reader._offsets[0]
    path.write_bytes(flipped(path.read_bytes(), chunk, 0))
    ns.remove([long.ident])
    collected = collect(store, dry_run=False, now=0)
    assert (collected.resealed, collected.awaiting) == (0, 1)
    with pytest.raises(AuthenticationFailed):
        load(ns, branch.ident)
    assert list(store.layout.all_files("segments")) == sorted(
        [path, store.layout.file("segments", branch.entry.stretches[1].segment)]
    )


def test_an_entry_is_not_pointed_at_a_segment_that_lacks_some_of_its_blocks(ns: Namespace) -> None:
    long = put_long(ns, None)
    old = long.entry.stretches[0]
    assert not ns.repoint(long.ident, old.segment, replace(old, last_block=5))
    assert only_stretch(ns, long) == old
    ns.remove([long.ident])
    assert ns.repoint(long.ident, old.segment, replace(old, last_block=5))
    assert load(ns, long.ident) is None


def test_a_kill_before_the_old_segment_goes_leaves_nothing_to_mend(ns: Namespace, store: Store) -> None:
    long = put_long(ns, None)
    branches = [put_branch(ns, long, f"b{i}", path=f"/x/{i}") for i in range(2)]
    ns.remove([long.ident])
    use = Needs(ns, 0).shrinkable()[0]
    use.entries.popitem()  # as if killed between the first and the second entry
    assert reseal(ns, use, find_codec)
    assert verify(store).findings == ()
    assert gc(store).resealed == 1
    for branch in branches:
        assert load(ns, branch.ident) == branch.memory.first(200)
    assert verify(store).findings == ()


def test_an_entry_whose_segment_is_replaced_between_two_looks_is_found(
    ns: Namespace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = put_long(ns, None)
    branch = put_branch(ns, long, "one")
    ns.remove([long.ident])
    check = Namespace.check_segments

    def late(self: Namespace, entry: EntryRecord) -> None:
        monkeypatch.setattr(Namespace, "check_segments", check)
        gc(store)
        check(self, entry)

    monkeypatch.setattr(Namespace, "check_segments", late)
    entry = ns.entry_with_segments(branch.ident)
    assert entry is not None and entry.stretches[0] == only_stretch(ns, branch)
    store.layout.file("segments", entry.stretches[0].segment).unlink()
    with pytest.raises(DanglingEntry):
        ns.entry_with_segments(branch.ident)
    ns.remove([branch.ident])
    assert ns.entry_with_segments(branch.ident) is None
