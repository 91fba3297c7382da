"""What prefills, storing, moving and keeping cost, and when keeping pays.

Source: docs/economics.md, which has each formula with its units, its source and a worked example.
"""

from dataclasses import dataclass

from kvprep.economics.prices import Prices

MONTH_SECONDS = 30 * 86400.0
_GB = 1e9
_HOUR_SECONDS = 3600.0
_MTOK = 1e6


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of one document, or will be."""

    num_bytes: int
    """On disk; of what is shared, the document's part."""
    tokens: int
    prefill_s: float
    """Computing all of it."""
    load_s: float = 0.0
    """Loading all of it. 0 where no load was measured: it takes a hundredth of the prefill, or less."""


def prefill_price(prices: Prices, seconds: float, tokens: float) -> float:
    """Price a prefill: by an API's tariff where there is one, else by its seconds."""
    if prices.input_mtok is not None:
        return tokens / _MTOK * prices.input_mtok
    return seconds / _HOUR_SECONDS * prices.device_hour


def load_price(prices: Prices, seconds: float, tokens: float, num_bytes: float) -> float:
    """Price a load: the device waits for it, or the tariff has a price for cached input; bytes may have to be moved."""
    moved = transfer_price(prices, num_bytes)
    if prices.cached_input_mtok is not None:
        return moved + tokens / _MTOK * prices.cached_input_mtok
    return moved + seconds / _HOUR_SECONDS * prices.device_hour


def saved_price(prices: Prices, kept: Kept) -> float:
    """Price what one read saves: the prefill that it spares less the load in its place. Negative: it costs more."""
    spared = prefill_price(prices, kept.prefill_s, kept.tokens)
    return spared - load_price(prices, kept.load_s, kept.tokens, kept.num_bytes)


def rent(prices: Prices, num_bytes: float, seconds: float) -> float:
    """Price keeping bytes for a time."""
    return num_bytes / _GB * prices.storage_gb_month * seconds / MONTH_SECONDS


def transfer_price(prices: Prices, num_bytes: float) -> float:
    """Price moving bytes once."""
    return num_bytes / _GB * prices.transfer_gb


def idle_break_even_s(
    prices: Prices, num_bytes: float, prefill_s: float, load_s: float, *, tokens: int
) -> float | None:
    """Give T*: the idle seconds in which the rent eats what one load saves.

    What is read again within T* is worth keeping; what is not is cheaper to compute again.

    Returns:
        None where keeping costs nothing: it is worth it for ever. 0 where a load saves nothing.

    Source: J. Gray, G. F. Putzolu: The 5 minute rule for trading memory for disc accesses, SIGMOD 1987.
    """
    rent_a_second = rent(prices, num_bytes, 1.0)
    if rent_a_second == 0:
        return None
    saved = saved_price(prices, Kept(round(num_bytes), tokens, prefill_s, load_s))
    return max(saved, 0.0) / rent_a_second


def break_even_reads(prices: Prices, kept: Kept, *, spent_s: float, spent_tokens: int, held_s: float) -> float | None:
    """Count the reads after which computing ahead, storing and keeping have paid: (spent + rent) ÷ saved a read.

    Args:
        prices: what things cost.
        kept: what is stored of the document.
        spent_s: seconds of computing and storing it, once; less than a whole prefill where it shares blocks.
        spent_tokens: tokens computed for it.
        held_s: how long it is kept.

    Returns:
        None where a load saves nothing: it never pays.
    """
    saved = saved_price(prices, kept)
    if saved <= 0:
        return None
    return (prefill_price(prices, spent_s, spent_tokens) + rent(prices, kept.num_bytes, held_s)) / saved


def break_even_reuses(*, prefill_s: float, load_s: float, store_s: float) -> float | None:
    """Count the reuses after which storing has paid in seconds: store ÷ (prefill - load).

    A reuse is a use after the first. The first one must compute in any case; each later one computes again, or loads.

    Args:
        prefill_s: seconds of computing.
        load_s: seconds of loading instead.
        store_s: seconds of sealing and writing, once.

    Returns:
        None where loading takes as long as computing: it never pays.
    """
    saved = prefill_s - load_s
    return store_s / saved if saved > 0 else None


def break_even_bandwidth(num_bytes: float, prefill_s: float) -> float | None:
    """Give the bytes per second below which fetching what is stored takes longer than computing it.

    Returns:
        None where computing takes no time.
    """
    return num_bytes / prefill_s if prefill_s > 0 else None


def value_density(
    prices: Prices, reads_per_month: float, saved_s_per_read: float, num_bytes: float, *, tokens: int
) -> float:
    """Give what a byte earns in a month: reads × money saved by each, per byte, before rent.

    Of two things, the one with the lower density goes first where room is scarce.

    Args:
        prices: what things cost.
        reads_per_month: as they are expected.
        saved_s_per_read: seconds of prefill less seconds of load.
        num_bytes: freed if it went; at least one is counted.
        tokens: saved by a read; what counts under a tariff.
    """
    saved = saved_price(prices, Kept(round(num_bytes), tokens, saved_s_per_read))
    return reads_per_month * saved / max(num_bytes, 1.0)
