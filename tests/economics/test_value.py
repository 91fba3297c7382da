"""Each formula, by a figure that was worked out by hand."""

import pytest

from kvprep.economics.prices import Prices, load_prices
from kvprep.economics.value import (
    MONTH_SECONDS,
    Kept,
    break_even_bandwidth,
    break_even_reads,
    break_even_reuses,
    idle_break_even_s,
    load_price,
    prefill_price,
    rent,
    saved_price,
    transfer_price,
    value_density,
)
from kvprep.economics.worth import Uses, paying_read, worth

OWN = Prices(3.6, 0.1, 0.0, None, None, "USD", "", ())
HOSTED = Prices(3.6, 0.1, 0.02, 2.0, 0.5, "USD", "", ())
FREE = Prices(0.0, 0.0, 0.0, None, None, "USD", "", ())
KEPT = Kept(num_bytes=2_000_000_000, tokens=10_000, prefill_s=20.0, load_s=1.0)


def test_a_prefill_costs_its_seconds_or_its_tokens() -> None:
    assert prefill_price(OWN, 20, 10_000) == pytest.approx(0.02)
    assert prefill_price(HOSTED, 20, 10_000) == pytest.approx(0.02)
    assert prefill_price(HOSTED, 0, 1_000_000) == 2.0


def test_a_load_costs_its_seconds_or_cached_input_and_the_way() -> None:
    assert load_price(OWN, 1, 10_000, 2e9) == pytest.approx(0.001)
    assert load_price(HOSTED, 1, 10_000, 2e9) == pytest.approx(0.005 + 0.04)
    assert transfer_price(HOSTED, 5e8) == pytest.approx(0.01)
    assert saved_price(OWN, KEPT) == pytest.approx(0.019)
    assert saved_price(HOSTED, KEPT) < 0


def test_rent_grows_with_bytes_and_time() -> None:
    assert rent(OWN, 2e9, MONTH_SECONDS / 2) == pytest.approx(0.1)


def test_at_t_star_the_rent_is_what_a_load_saves() -> None:
    idle = idle_break_even_s(OWN, KEPT.num_bytes, KEPT.prefill_s, KEPT.load_s, tokens=KEPT.tokens)
    assert idle is not None
    assert rent(OWN, KEPT.num_bytes, idle) == pytest.approx(saved_price(OWN, KEPT))


def test_t_star_is_endless_without_rent_and_nothing_where_a_load_costs_more_than_computing() -> None:
    assert idle_break_even_s(FREE, 1e9, 10, 1, tokens=100) is None
    assert idle_break_even_s(OWN, 1e9, 1, 2, tokens=100) == 0


def test_on_a_disk_of_ones_own_a_document_of_the_bundled_model_is_worth_keeping_for_weeks() -> None:
    prices = load_prices({"device": "cpu", "device_hour": 0.0816, "storage": "nvme"})
    weeks = {
        tokens: idle_break_even_s(prices, tokens * 23_040, seconds, 0.025, tokens=tokens) / (7 * 86_400)  # type: ignore[operator]
        for tokens, seconds in ((1024, 1.1), (4096, 8.8), (8000, 25.6))
    }
    assert 1 < weeks[1024] < weeks[4096] < weeks[8000] < 6


def test_a_document_computed_ahead_pays_with_its_second_read() -> None:
    reads = break_even_reads(OWN, KEPT, spent_s=21, spent_tokens=10_000, held_s=0)
    assert reads == pytest.approx(21 / 19)
    assert paying_read(reads) == 2
    with_rent = break_even_reads(OWN, KEPT, spent_s=21, spent_tokens=10_000, held_s=MONTH_SECONDS)
    assert with_rent == pytest.approx((0.021 + 0.2) / 0.019)


def test_what_shares_its_blocks_pays_with_its_first_read() -> None:
    assert paying_read(break_even_reads(OWN, KEPT, spent_s=3, spent_tokens=1000, held_s=0)) == 1


def test_what_saves_nothing_never_pays() -> None:
    assert break_even_reads(OWN, Kept(1, 10, 1.0, 1.0), spent_s=1, spent_tokens=10, held_s=0) is None
    assert paying_read(None) is None
    assert break_even_reuses(prefill_s=2, load_s=2, store_s=4) is None


def test_in_seconds_storing_pays_once_what_it_costs_is_saved() -> None:
    assert break_even_reuses(prefill_s=10, load_s=2, store_s=4) == 0.5


def test_below_the_break_even_bandwidth_computing_is_faster() -> None:
    assert break_even_bandwidth(2e9, 20) == 1e8
    assert break_even_bandwidth(2e9, 0) is None


def test_density_is_money_a_byte_and_month() -> None:
    assert value_density(OWN, 4, 19, 2_000_000_000, tokens=10_000) == pytest.approx(4 * 0.019 / 2e9)
    assert value_density(OWN, 4, 19, 0, tokens=10_000) == pytest.approx(4 * 0.019)
    assert value_density(HOSTED, 4, 19, 1000, tokens=10_000) == pytest.approx(4 * (0.02 - 0.005) / 1000, rel=1e-4)


def test_a_document_is_unread_then_paying_then_paid() -> None:
    def judged(reads: int) -> str:
        uses = Uses(reads, reads * 10_000, reads * 20.0, reads * 1.0)
        return worth(OWN, KEPT, uses, spent_s=21, spent_tokens=10_000, held_s=86_400).state

    assert [judged(reads) for reads in (0, 1, 2)] == ["unread", "paying", "paid"]


def test_worth_adds_up() -> None:
    told = worth(OWN, KEPT, Uses(2, 20_000, 40.0, 2.0), spent_s=21, spent_tokens=10_000, held_s=MONTH_SECONDS)
    assert told.spent_prefill == pytest.approx(0.021)
    assert told.spent_rent == pytest.approx(0.2)
    assert told.saved == pytest.approx(2 * 0.019)
    assert told.net == pytest.approx(told.saved - told.spent)
    assert told.reads == 2
