"""What entries are worth by the look-ups of the past, and what gc keeps of a month of work."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import MODEL, SHAPE, Memory, Put, load, make_document, make_entry, put, tokens, write_stretch

from kvprep.economics.prices import Prices
from kvprep.economics.value import MONTH_SECONDS
from kvprep.pipeline.appraisal import HALF_LIFE_SECONDS, Appraiser, Valuation
from kvprep.store.events import Event, EventKind
from kvprep.store.eviction import Reason
from kvprep.store.gc import Collected, collect
from kvprep.store.holdings import Holding, Holdings
from kvprep.store.namespace import Namespace
from kvprep.store.needs import Needs
from kvprep.store.store import Store

DAY = 86_400.0
START = 1_700_000_000.0
NOW = START + 30 * DAY
PRICES = Prices(
    device_hour=3.6,
    storage_gb_month=0.1,
    transfer_gb=0.0,
    input_mtok=None,
    cached_input_mtok=None,
    currency="USD",
    dated="",
    sources=(),
)
"""A second costs 0.001; what `store_makers` put took 1.5 s."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store", key_file=tmp_path / "key") as made:
        yield made


@pytest.fixture
def ns(store: Store) -> Namespace:
    return store.namespace("default")


def written(ns: Namespace, name: str, *, at: float, seed: int) -> Put:
    """Put a document with its entry, both of them at a time of the past."""
    token_ids, memory = tokens(200, seed), Memory(SHAPE, 200, seed=seed)
    document = replace(make_document(name, f"/x/{name}.txt"), created_at=at)
    stretch = write_stretch(ns, token_ids, memory, SHAPE)
    entry = replace(make_entry(document, token_ids, (stretch,)), created_at=at)
    return Put(ns.put(document, entry), document, entry, memory)


def look_up(ns: Namespace, made: Put, at: float, result: str = "hit", model: str = MODEL.fingerprint.hex()) -> None:
    served = {"tokens_reused": 200, "saved_seconds": 1.5, "load_seconds": 0.01} if result == "hit" else {}
    event = Event(
        EventKind.LOOK_UP,
        namespace=ns.ident.hex(),
        model=model,
        document=ns.document_id(made.document.content_hash).hex(),
        result=result,
        tokens_requested=210,
        **served,  # type: ignore[arg-type]
    )
    ns.store.usage.record(event, at=at)


def count_from(ns: Namespace, at: float) -> None:
    """Let there be figures from a time on."""
    ns.store.usage.record(Event(EventKind.WRITE, namespace=ns.ident.hex(), result="stored"), at=at)


def holding_of(ns: Namespace, made: Put) -> Holding:
    holding = Holdings(Needs(ns, 0), ns.store.layout).of(made.ident)
    assert holding is not None
    return holding


def value_of(ns: Namespace, made: Put, now: float = NOW) -> Valuation:
    return Appraiser(PRICES, now).value(ns, holding_of(ns, made))


def gc(store: Store, *, now: float = NOW, max_bytes: int | None = None, idle: bool = True) -> Collected:
    return collect(store, dry_run=False, now=now, appraise=Appraiser(PRICES, now, idle=idle), max_bytes=max_bytes)


def text_bytes(store: Store) -> int:
    return sum(path.stat().st_size for path in store.layout.all_files("documents"))


def test_a_look_up_counts_half_as_much_after_each_half_life(ns: Namespace) -> None:
    made = written(ns, "a", at=START - 100 * DAY, seed=1)
    look_up(ns, made, NOW)
    now = value_of(ns, made).asked_a_month
    assert value_of(ns, made, NOW + HALF_LIFE_SECONDS).asked_a_month == pytest.approx(now / 2)
    assert value_of(ns, made, NOW + 3 * HALF_LIFE_SECONDS).asked_a_month == pytest.approx(now / 8)


def test_steady_look_ups_come_to_their_rate(ns: Namespace) -> None:
    made = written(ns, "a", at=NOW - 400 * DAY, seed=1)
    for day in range(0, 400, 3):
        look_up(ns, made, NOW - day * DAY)
    assert value_of(ns, made).asked_a_month == pytest.approx(10, rel=0.05)


def test_whoever_was_refused_or_used_another_model_has_not_asked_for_it(ns: Namespace) -> None:
    made = written(ns, "a", at=START, seed=1)
    look_up(ns, made, NOW - DAY, "denied")
    look_up(ns, made, NOW - DAY, model="ab" * 32)
    value = value_of(ns, made)
    assert (value.asked_a_month, value.uses.reads, value.last_used_at) == (0, 0, 0)


def test_what_was_asked_for_in_vain_is_proven_and_has_no_reads(ns: Namespace) -> None:
    """gc had evicted it, somebody asked, and it was written again: it does not start anew."""
    made = written(ns, "a", at=START, seed=1)
    look_up(ns, made, START + DAY, "hit")
    look_up(ns, made, START + 9 * DAY, "miss")
    entry = replace(made.entry, created_at=START + 10 * DAY)
    ns.put(made.document, entry)
    assert value_of(ns, made).uses.reads == 0
    assert Appraiser(PRICES, NOW)(ns, holding_of(ns, made)).is_proven


def test_what_somebody_asked_before_the_document_came_proves_nothing(ns: Namespace) -> None:
    made = written(ns, "a", at=START, seed=1)
    look_up(ns, made, START - DAY, "miss")
    assert not Appraiser(PRICES, NOW)(ns, holding_of(ns, made)).is_proven


def test_a_new_version_goes_on_with_what_its_earlier_ones_were_asked(ns: Namespace) -> None:
    former = written(ns, "a", at=START, seed=1)
    look_up(ns, former, START + DAY)
    newer = put(ns, "a, changed", seed=2, path="/x/a.txt")
    document = replace(
        newer.document, supersedes=(former.document.content_hash,), version=2, created_at=START + 2 * DAY
    )
    ns.put(document, replace(newer.entry, created_at=START + 2 * DAY))
    value = value_of(ns, newer)
    assert value.asked_a_month > 0 and value.uses.reads == 0


def test_its_net_is_what_reads_saved_less_prefill_and_rent(ns: Namespace) -> None:
    made = written(ns, "a", at=START, seed=1)
    for day in range(3):
        look_up(ns, made, START + day * DAY)
    holding, value = holding_of(ns, made), value_of(ns, made)
    rent = holding.num_bytes / 1e9 * 0.1 * (NOW - START) / MONTH_SECONDS
    assert value.title == "Title"
    assert value.worth.net == pytest.approx(3 * (1.5 - 0.01) * 0.001 - 1.5 * 0.001 - rent)


def test_idleness_ends_where_the_rent_has_eaten_what_a_load_saves(ns: Namespace, store: Store) -> None:
    made, other = written(ns, "a", at=START, seed=1), written(ns, "b", at=START, seed=2)
    count_from(ns, START)
    look_up(ns, other, START + 20 * DAY)
    saved, gigabytes = 0.001 * (1.5 - 0.01), holding_of(ns, made).num_bytes / 1e9

    def went(longest_days: float) -> int:
        storage = saved / gigabytes * MONTH_SECONDS / (longest_days * DAY)
        appraise = Appraiser(replace(PRICES, storage_gb_month=storage), NOW)
        return len(collect(store, dry_run=True, now=NOW, appraise=appraise).evicted)

    assert [went(days) for days in (29, 31, 9, 11)] == [1, 0, 2, 1]
    assert collect(store, dry_run=True, now=NOW, appraise=Appraiser(PRICES, NOW, idle=False)).evicted == ()


def test_where_figures_were_lost_nothing_is_idle_from_before(ns: Namespace, store: Store) -> None:
    made = written(ns, "a", at=START, seed=1)
    gigabytes = holding_of(ns, made).num_bytes / 1e9
    dear = replace(PRICES, storage_gb_month=0.0015 / gigabytes * 10)  # three days
    assert collect(store, dry_run=True, now=NOW, appraise=Appraiser(dear, NOW)).evicted == ()
    count_from(ns, NOW - 2 * DAY)
    assert collect(store, dry_run=True, now=NOW, appraise=Appraiser(dear, NOW)).evicted == ()
    later = NOW + 2 * DAY
    assert len(collect(store, dry_run=True, now=later, appraise=Appraiser(dear, later)).evicted) == 1


def test_a_nightly_pre_warm_cannot_push_out_what_has_proven_itself(ns: Namespace, store: Store) -> None:
    """A month: ten contracts read again and again, two of them seldom; then a hundred new texts in one night."""
    proven = [written(ns, f"contract {i}", at=START, seed=i) for i in range(10)]
    for day in range(30):
        for number, one in enumerate(proven):
            if day % (10 if number < 2 else 1 + number % 3) == 0:
                look_up(ns, one, START + day * DAY + 3600 * number)
    fresh = [written(ns, f"fresh {i}", at=NOW - 3600 + i, seed=100 + i) for i in range(100)]
    one_bytes = holding_of(ns, fresh[0]).num_bytes
    collected = gc(store, max_bytes=text_bytes(store) + 30 * one_bytes + one_bytes // 2)
    assert {eviction.reason for eviction in collected.evicted} == {Reason.LIMIT}
    assert all(load(ns, one.ident) == one.memory.first(200) for one in proven)
    gone = [one.ident for one in fresh if ns.entry(one.ident) is None]
    assert gone == [one.ident for one in fresh[:80]]  # those that came first, and no more than were needed

    collected = gc(store, max_bytes=text_bytes(store) + 8 * one_bytes + one_bytes // 2)
    assert [one for one in proven if ns.entry(one.ident) is None] == proven[:2]
    assert len(collected.evicted) == 20 + 2


def test_what_was_read_long_ago_gives_way_to_what_is_read_now(ns: Namespace, store: Store) -> None:
    former, current = (written(ns, name, at=START - 300 * DAY, seed=i) for i, name in enumerate(("former", "current")))
    for hour in range(20):
        look_up(ns, former, START - 200 * DAY + hour * 3600)
    look_up(ns, current, NOW - DAY)
    held = holding_of(ns, former)
    gc(store, max_bytes=text_bytes(store) + held.num_bytes + 10, idle=False)
    assert ns.entry(former.ident) is None and ns.entry(current.ident) is not None


def test_sums_by_hour_and_by_day_give_the_same_order(ns: Namespace, store: Store) -> None:
    often, seldom = (written(ns, name, at=START - 300 * DAY, seed=i) for i, name in enumerate(("often", "seldom")))
    for day in range(200):
        look_up(ns, often, START - day * DAY)
        if day % 5 == 0:
            look_up(ns, seldom, START - day * DAY)
    before = [value_of(ns, one).asked_a_month for one in (often, seldom)]
    store.usage.compact(NOW)
    assert [value_of(ns, one).asked_a_month for one in (often, seldom)] == pytest.approx(before, rel=0.05)
    assert before[0] == pytest.approx(5 * before[1], rel=0.1)


def test_the_title_of_a_document_that_is_gone_is_empty(ns: Namespace) -> None:
    made = written(ns, "a", at=START, seed=1)
    holding = holding_of(ns, made)
    ns.remove_document(make_document("a").content_hash)
    assert Appraiser(PRICES, NOW).value(ns, holding).title == ""
