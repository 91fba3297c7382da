"""gc and what an entry is worth: what goes, in which order, and what stays whatever it is worth."""

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import BLOCK, MODEL, TAGS, Meanwhile, Put, load, make_document, make_entry, put, put_branch

from kvprep.errors import StoreFull
from kvprep.store.charter import Trust
from kvprep.store.entry import Deferral
from kvprep.store.events import EventKind
from kvprep.store.eviction import SHORTEST_IDLE_SECONDS, Appraisal, Appraise, Eviction
from kvprep.store.gc import Collected, collect
from kvprep.store.holder import Role
from kvprep.store.holdings import Holding, Holdings
from kvprep.store.keychanges import NewKey, add_key_file
from kvprep.store.namespace import Namespace
from kvprep.store.needs import Needs
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import ContentHash, Severity

DAY = SHORTEST_IDLE_SECONDS
NOW = 1_000 * DAY
KEEP = Appraisal(last_used_at=0.0, is_proven=False, longest_idle_s=None, density=0.0)
IDLE = replace(KEEP, longest_idle_s=0.0)


def aged(ns: Namespace, made: Put, *, days: float) -> Put:
    """Let an entry have been written so many days before `NOW`."""
    entry = replace(made.entry, created_at=NOW - days * DAY)
    ns.put(made.document, entry)
    return replace(made, entry=entry)


def by_document(appraisals: Mapping[ContentHash, Appraisal], others: Appraisal = KEEP) -> Appraise:
    return lambda namespace, holding: appraisals.get(holding.entry.document, others)


def of(made: Put) -> ContentHash:
    return made.document.content_hash


def gc(store: Store, appraise: Appraise, *, dry_run: bool = False, max_bytes: int | None = None) -> Collected:
    return collect(store, dry_run=dry_run, now=NOW, appraise=appraise, max_bytes=max_bytes)


def told(evictions: tuple[Eviction, ...]) -> list[tuple[ContentHash, str]]:
    return [(eviction.holding.entry.document, str(eviction.reason)) for eviction in evictions]


def kept_bytes(store: Store) -> int:
    kinds = ("entries", "documents", "segments")
    return sum(path.stat().st_size for kind in kinds for path in store.layout.all_files(kind))


def one_bytes(store: Store, made: Put) -> int:
    files = [store.layout.file("segments", stretch.segment) for stretch in made.entry.stretches]
    return sum(path.stat().st_size for path in (store.layout.file("entries", made.ident), *files))


# Idleness


def test_what_was_idle_for_too_long_goes_with_its_segments_and_leaves_its_document(ns: Namespace, store: Store) -> None:
    idle, other = aged(ns, put(ns), days=2), aged(ns, put(ns, "other", seed=1, path="/x/o.txt"), days=2)
    collected = gc(store, by_document({of(idle): IDLE}))
    assert told(collected.evicted) == [(of(idle), "idle")]
    assert (collected.entries, collected.segments) == (0, 1)
    assert load(ns, idle.ident) is None
    assert load(ns, other.ident) == other.memory.first(200)
    document = ns.document(of(idle))
    assert document is not None and document.text == "hello" and document.sources == idle.document.sources
    assert document.deferral(ns.index.model_id(MODEL.fingerprint, TAGS)) == Deferral(
        ns.index.model_id(MODEL.fingerprint, TAGS), NOW, 0, None
    )
    assert verify(store).findings == ()


@pytest.mark.parametrize(("days", "goes"), [(0.99, False), (1.01, True)])
def test_what_was_written_within_a_day_never_goes_for_idleness(
    ns: Namespace, store: Store, days: float, goes: bool
) -> None:
    aged(ns, put(ns), days=days)
    assert len(gc(store, by_document({}, IDLE)).evicted) == goes


@pytest.mark.parametrize(("longest", "goes"), [(4.9 * DAY, True), (5.1 * DAY, False), (None, False)])
def test_it_is_idle_since_its_last_use(ns: Namespace, store: Store, longest: float | None, goes: bool) -> None:
    made = aged(ns, put(ns), days=100)
    used = replace(KEEP, last_used_at=NOW - 5 * DAY, longest_idle_s=longest)
    assert len(gc(store, by_document({of(made): used})).evicted) == goes


def test_what_is_stored_when_the_life_of_its_keys_ends_is_deferred_with_that_life(ns: Namespace, store: Store) -> None:
    made = put(ns)
    entry = replace(made.entry, created_at=NOW - 2 * DAY, expires_at=NOW + 3 * DAY)
    ns.put(made.document, entry)
    gc(store, by_document({}, IDLE))
    (known,) = ns.index.deferred_sources(ns.index.model_id(MODEL.fingerprint, TAGS))
    assert known.deferral is not None and known.deferral.ttl_seconds == 5 * DAY


def test_evictions_are_events_and_in_the_audit_log(ns: Namespace, store: Store) -> None:
    idle = aged(ns, put(ns), days=2)
    least = aged(ns, put(ns, "other", seed=1, path="/x/o.txt"), days=2)
    size = one_bytes(store, least)
    gc(store, by_document({of(idle): IDLE}), max_bytes=0)
    rows = [row for row in store.usage.sums() if row.kind is EventKind.EVICTION]
    assert {(row.document, row.result, row.count, row.model) for row in rows} == {
        (ns.document_id(of(idle)).hex(), "idle", 1, MODEL.fingerprint.hex()),
        (ns.document_id(of(least)).hex(), "limit", 1, MODEL.fingerprint.hex()),
    }
    assert {row.num_bytes for row in rows} == {size}
    store.audit.flush()
    logged = [(r.verb, r.outcome, r.subject) for r in store.audit.records() if r.verb == "evict"]
    documents = [ns.document_id(of(each)) for each in (idle, least)]
    assert logged == [("evict", "idle", documents[0]), ("evict", "limit", documents[1])]


# A limit


def many(ns: Namespace, count: int) -> list[Put]:
    """Entries alike in size, the first written first."""
    made = [put(ns, f"text {i}", seed=i, path=f"/x/{i}.txt") for i in range(count)]
    return [aged(ns, one, days=count + 1 - i) for i, one in enumerate(made)]


def test_what_nobody_asked_for_goes_first_and_in_the_order_in_which_it_came(ns: Namespace, store: Store) -> None:
    first, proven, second, third = many(ns, 4)
    worthless = replace(KEEP, is_proven=True, density=1e-12)
    limit = kept_bytes(store) - 2 * one_bytes(store, first)
    collected = gc(store, by_document({of(proven): worthless}, replace(KEEP, density=9.0)), max_bytes=limit)
    assert told(collected.evicted) == [(of(first), "limit"), (of(second), "limit")]
    assert load(ns, proven.ident) and load(ns, third.ident)


def test_of_what_was_asked_for_the_least_dense_goes_first(ns: Namespace, store: Store) -> None:
    made = many(ns, 4)
    densities = {of(one): replace(KEEP, is_proven=True, density=d) for one, d in zip(made, (3, 1, 4, 2), strict=True)}
    limit = kept_bytes(store) - 3 * one_bytes(store, made[0])
    collected = gc(store, by_document(densities), max_bytes=limit)
    assert [document for document, _ in told(collected.evicted)] == [of(made[1]), of(made[3]), of(made[0])]


@pytest.mark.parametrize(("less", "gone"), [(0, 0), (1, 1), (None, 1)])
def test_it_stops_as_soon_as_the_rest_fits(ns: Namespace, store: Store, less: int | None, gone: int) -> None:
    made = many(ns, 3)
    limit = kept_bytes(store) - (one_bytes(store, made[0]) if less is None else less)
    collected = gc(store, by_document({}), max_bytes=limit)
    assert len(collected.evicted) == gone
    assert collected.kept_bytes <= limit
    # What was noted of the documents takes a few bytes more.
    assert kept_bytes(store) <= collected.kept_bytes + 200 * gone


def test_what_goes_for_idleness_makes_room_first(ns: Namespace, store: Store) -> None:
    made = many(ns, 3)
    limit = kept_bytes(store) - one_bytes(store, made[0])
    collected = gc(store, by_document({of(made[1]): IDLE}), max_bytes=limit)
    assert told(collected.evicted) == [(of(made[1]), "idle")]


def test_all_that_can_go_goes_where_it_never_fits(ns: Namespace, store: Store) -> None:
    many(ns, 3)
    collected = gc(store, by_document({}), max_bytes=0)
    assert len(collected.evicted) == 3
    assert [*store.layout.all_files("segments"), *store.layout.all_files("entries")] == []
    assert collected.kept_bytes > 0  # the texts


# What others need


def put_prefix(ns: Namespace, longer: Put, text: str, *, blocks: int = 2) -> Put:
    """Put a document whose tokens are the first blocks of another's."""
    document = make_document(text, f"/x/{text}.txt")
    stretch = replace(longer.entry.stretches[0], last_block=blocks)
    entry = make_entry(document, longer.entry.token_ids[: blocks * BLOCK], (stretch,))
    return Put(ns.put(document, entry), document, entry, longer.memory)


def test_what_a_longer_document_begins_with_stays_while_that_is_there(ns: Namespace, store: Store) -> None:
    longer = aged(ns, put(ns), days=2)
    prefix = aged(ns, put_prefix(ns, longer, "prefix"), days=2)
    kept = gc(store, by_document({of(prefix): IDLE}), max_bytes=kept_bytes(store) - 1)
    assert told(kept.evicted) == [(of(longer), "limit")]
    assert load(ns, prefix.ident) == prefix.memory.first(2 * BLOCK)
    assert verify(store).findings == ()


def test_once_the_longer_one_goes_it_may_go_as_well(ns: Namespace, store: Store) -> None:
    longer = aged(ns, put(ns), days=2)
    prefix = aged(ns, put_prefix(ns, longer, "prefix"), days=3)
    assert told(gc(store, by_document({of(prefix): IDLE})).evicted) == []
    collected = gc(store, by_document({}, IDLE))
    assert told(collected.evicted) == [(of(longer), "idle"), (of(prefix), "idle")]
    assert list(store.layout.all_files("segments")) == []


def test_what_others_share_is_not_counted_as_room_and_is_kept_for_them(ns: Namespace, store: Store) -> None:
    trunk = aged(ns, put(ns, count=5_000), days=3)
    branch = aged(ns, put_branch(ns, trunk, "branch"), days=2)
    before, whole = kept_bytes(store), one_bytes(store, trunk)
    collected = gc(store, by_document({of(trunk): IDLE}))
    assert (len(collected.evicted), collected.resealed) == (1, 1)
    (eviction,) = collected.evicted
    segment = store.layout.file("segments", trunk.entry.stretches[0].segment)
    assert not segment.exists()
    assert eviction.holding.num_tokens == 5_000 - 2 * BLOCK
    assert eviction.holding.num_bytes < whole
    assert load(ns, branch.ident) == branch.memory.first(200)
    freed = before - kept_bytes(store)
    assert 0.95 < freed / collected.num_bytes < 1.05  # the copy's header and table are not estimated
    assert verify(store).findings == ()


def test_holdings_of_all_entries_add_up_to_the_files_in_whatever_order_they_go(ns: Namespace, store: Store) -> None:
    trunk = put(ns)
    put_branch(ns, trunk, "one", path="/x/1")
    put_prefix(ns, trunk, "prefix")
    put(ns, "other", seed=5, path="/x/5")
    total = sum(path.stat().st_size for kind in ("entries", "segments") for path in store.layout.all_files(kind))
    for order in (sorted, lambda idents: sorted(idents, reverse=True)):
        needs = Needs(ns, 0)
        holdings, freed = Holdings(needs, store.layout), []
        while needs.alive:
            held = [holding for ident in order(needs.alive) if (holding := holdings.of(ident))]
            freed.append(held[0].num_bytes)
            holdings.remove(held[0].entry.ident)
        assert abs(sum(freed) - total) <= 2 * len(freed)
        assert len(freed) == 4


def test_of_documents_that_differ_in_their_last_short_block_one_can_go(ns: Namespace, store: Store) -> None:
    one = put(ns)
    put_branch(ns, one, "two", blocks=3, count=199)
    needs = Needs(ns, 0)
    holdings = Holdings(needs, store.layout)
    held = [holding for ident in needs.alive if (holding := holdings.of(ident))]
    assert [holding.entry.ident for holding in held] == [one.ident]
    assert len(holdings.remove(one.ident)) == 1
    assert holdings.of(next(iter(needs.alive))) is not None


def test_all_of_many_that_differ_in_their_last_short_block_can_go_one_after_the_other(
    ns: Namespace, store: Store
) -> None:
    one = aged(ns, put(ns), days=9)
    for count in range(194, 200):
        aged(ns, put_branch(ns, one, f"{count}", blocks=3, count=count, path=f"/x/{count}"), days=2)
    assert len(gc(store, by_document({}), max_bytes=0).evicted) == 7
    assert list(store.layout.all_files("segments")) == []


def test_what_holds_more_once_another_has_gone_is_weighed_anew(ns: Namespace, store: Store) -> None:
    trunk = put(ns, count=5_000)
    branch = aged(ns, put_branch(ns, trunk, "branch", blocks=70, count=4_600), days=9)
    trunk, other = aged(ns, trunk, days=5), aged(ns, put(ns, "other", seed=9, path="/x/o"), days=2)
    limit = kept_bytes(store) - one_bytes(store, trunk)
    collected = gc(store, by_document({}), max_bytes=limit)
    assert told(collected.evicted) == [(of(branch), "limit"), (of(trunk), "limit")]
    assert load(ns, other.ident) == other.memory.first(200)


# What is at work


def test_what_an_ingest_relies_on_is_not_evicted(ns: Namespace, store: Store) -> None:
    made = aged(ns, put(ns), days=2)
    with ns.lease():
        ns.pin(made.entry)
        for dry_run in (True, False):
            assert gc(store, by_document({}, IDLE), max_bytes=0, dry_run=dry_run).evicted == ()
    assert load(ns, made.ident) == made.memory.first(200)
    assert len(gc(store, by_document({}, IDLE)).evicted) == 1


def test_what_is_put_anew_or_pinned_while_gc_looks_stays(
    ns: Namespace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, relied_on, gone = many(ns, 3)

    def work() -> None:
        put(ns, "text 0", seed=0, path="/x/0.txt")
        with ns.lease():
            ns.pin(relied_on.entry)

    index = ns.index  # its making takes the lock
    Meanwhile(store, monkeypatch, work)
    collected = gc(store, by_document({}, replace(IDLE, longest_idle_s=0.0)))
    assert told(collected.evicted) == [(of(gone), "idle")]
    assert load(ns, renewed.ident) == renewed.memory.first(200)
    assert load(ns, relied_on.ident) == relied_on.memory.first(200)
    assert len(index.deferred_sources(index.model_id(MODEL.fingerprint, TAGS))) == 1
    assert not [f for f in verify(store).findings if "lacks" in f.problem]


@pytest.mark.parametrize("pinned", [slice(0, 1), slice(1, 2)], ids=["shared", "own"])
def test_what_stays_since_one_of_its_segments_was_pinned_meanwhile_keeps_its_others(
    ns: Namespace, store: Store, monkeypatch: pytest.MonkeyPatch, pinned: slice
) -> None:
    trunk = aged(ns, put(ns), days=3)
    branch = aged(ns, put_branch(ns, trunk, "branch"), days=2)
    shared, own = (stretch.segment for stretch in branch.entry.stretches)

    def work() -> None:
        with ns.lease():
            ns.pin(replace(branch.entry, stretches=branch.entry.stretches[pinned]))

    assert ns.index.built  # its making takes the lock
    Meanwhile(store, monkeypatch, work)
    collected = gc(store, by_document({}, IDLE))
    assert of(branch) not in dict(told(collected.evicted))
    assert load(ns, branch.ident) == branch.memory.first(200)
    assert {path.stem for path in store.layout.all_files("segments")} == {shared.hex(), own.hex()}
    assert not [finding for finding in verify(store).findings if finding.severity is Severity.ERROR]


def test_what_is_garbage_anyhow_goes_also_where_the_disk_has_no_room_for_an_eviction(
    ns: Namespace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle, removed = aged(ns, put(ns), days=2), put(ns, "removed", seed=1, path="/x/r.txt")
    ns.remove([removed.ident])
    replace_file = os.replace

    def full(source: str, target: Path) -> None:
        if "/documents/" in str(target):
            raise OSError(errno.ENOSPC, "full")
        replace_file(source, target)

    with monkeypatch.context() as disk, pytest.raises(StoreFull):
        disk.setattr(os, "replace", full)
        gc(store, by_document({}, IDLE))
    left = [stretch.segment.hex() for stretch in idle.entry.stretches]
    assert [path.stem for path in store.layout.all_files("segments")] == left
    assert load(ns, idle.ident) == idle.memory.first(200)


def test_nothing_is_evicted_while_an_entry_does_not_open(ns: Namespace, store: Store) -> None:
    """Its going would free nothing: every segment stays until it is known which one that entry needs."""
    made = many(ns, 2)
    path = store.layout.file("entries", made[0].ident)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert gc(store, by_document({}, IDLE), max_bytes=0).evicted == ()
    assert load(ns, made[1].ident) == made[1].memory.first(200)


def test_an_entry_whose_segment_is_damaged_is_left_to_verify(ns: Namespace, store: Store) -> None:
    made = aged(ns, put(ns), days=2)
    path = store.layout.file("segments", made.entry.stretches[0].segment)
    path.write_bytes(b"?" * path.stat().st_size)
    assert gc(store, by_document({}, IDLE), max_bytes=0).evicted == ()


def test_a_dry_run_says_the_same_and_does_nothing(ns: Namespace, store: Store) -> None:
    made = many(ns, 3)
    before = {path: path.read_bytes() for kind in ("entries", "documents") for path in store.layout.all_files(kind)}
    appraise = by_document({of(made[2]): IDLE})
    limit = kept_bytes(store) - 2 * one_bytes(store, made[0])
    said = gc(store, appraise, dry_run=True, max_bytes=limit)
    assert {path: path.read_bytes() for path in before} == before
    done = gc(store, appraise, max_bytes=limit)
    assert told(said.evicted) == told(done.evicted) == [(of(made[2]), "idle"), (of(made[0]), "limit")]
    assert replace(said, evicted=()) == replace(done, evicted=())


def test_without_an_appraisal_nothing_is_evicted(ns: Namespace, store: Store) -> None:
    aged(ns, put(ns), days=999)
    assert collect(store, dry_run=False, now=NOW, max_bytes=0).evicted == ()


def test_entries_that_begin_alike_are_weighed_with_few_appraisals(ns: Namespace, store: Store) -> None:
    """What shares a beginning with many is not appraised anew for each of them."""
    trunk = put(ns)
    for number in range(40):
        put_branch(ns, trunk, f"branch {number}", path=f"/x/{number}")
    asked: list[Holding] = []

    def appraise(namespace: Namespace, holding: Holding) -> Appraisal:
        asked.append(holding)
        return KEEP

    collected = collect(store, dry_run=True, now=sys.maxsize, appraise=appraise, max_bytes=0)
    assert len(collected.evicted) == 41
    assert len(asked) <= 5 * 41


def test_the_key_of_some_namespaces_evicts_nothing(ns: Namespace, store: Store, tmp_path: Path) -> None:
    """Its going would free nothing: others may need what this key knows nothing of."""
    made = aged(ns, put(ns), days=2)
    add_key_file(store, NewKey("clerk", Role.WRITER, only=("default",)), tmp_path / "clerk.key")
    with Store.open(store.path, key_file=tmp_path / "clerk.key") as theirs:
        assert gc(theirs, by_document({}, IDLE), max_bytes=0).evicted == ()
    assert load(ns, made.ident) == made.memory.first(200)


def test_nothing_is_evicted_where_the_key_may_not_write(ns: Namespace, store: Store, tmp_path: Path) -> None:
    made = aged(ns, put(ns), days=2)
    add_key_file(store, NewKey("reader", Role.READER), tmp_path / "reader.key")
    ns.amend(lambda charter: replace(charter, trust=Trust.SIGNED))
    with Store.open(store.path, key_file=tmp_path / "reader.key") as theirs:
        assert gc(theirs, by_document({}, IDLE), max_bytes=0).evicted == ()
    ns.amend(lambda charter: replace(charter, trust=Trust.AEAD))
    assert load(ns, made.ident) == made.memory.first(200)
