"""What was spent and saved from a time on, over everything, what is gone included.

Source: docs/figures.md, "Money".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kvprep.economics.prices import Prices
from kvprep.economics.value import MONTH_SECONDS, load_price, prefill_price, rent
from kvprep.report.stock import Held
from kvprep.report.traffic import Tally, look_ups, tally
from kvprep.store.usage import EventKind, Sum


@dataclass(frozen=True, slots=True)
class Spending:
    """Money, in the prices' currency."""

    prefill: float
    """Computing what was written."""
    rent: float
    """Keeping what is there now, since it was written."""
    rent_month: float
    """Keeping what is there now for another 30 days."""
    saved: float
    """Prefills spared less the loads in their place."""

    @property
    def spent(self) -> float:
        """All that it cost."""
        return self.prefill + self.rent

    @property
    def net(self) -> float:
        """What it saved less what it cost."""
        return self.saved - self.spent


def spending(prices: Prices, holdings: Sequence[Held], sums: Iterable[Sum], *, since: float, now: float) -> Spending:
    """Add up what was spent and saved.

    Args:
        prices: what things cost.
        holdings: everything that is kept now.
        sums: of the events from `since` on.
        since: seconds since 1970.
        now: until when rent is due.
    """
    rows = list(sums)
    return Spending(
        prefill=_written(prices, holdings, rows, since),
        rent=sum(rent(prices, held.num_bytes, max(now - max(held.created_at, since), 0.0)) for held in holdings),
        rent_month=sum(rent(prices, held.num_bytes, MONTH_SECONDS) for held in holdings),
        saved=money_saved(prices, tally(look_ups(rows)), bytes_per_token(holdings)),
    )


def money_saved(prices: Prices, used: Tally, bytes_a_token: float) -> float:
    """Price what look-ups saved: the prefills that they spared less the loads in their place."""
    spared = prefill_price(prices, used.saved_s, used.reused)
    return spared - load_price(prices, used.load_s, used.reused, used.reused * bytes_a_token)


def _written(prices: Prices, holdings: Sequence[Held], rows: Sequence[Sum], since: float) -> float:
    """Price what was computed to be stored; of entries that were written before writes were counted, their own part."""
    writes = [row for row in rows if row.kind == EventKind.WRITE]
    counted = {(row.namespace, row.document) for row in writes}
    untold = [held for held in holdings if held.created_at >= since and (held.namespace, held.ident) not in counted]
    seconds = sum(row.prefill_seconds for row in writes) + sum(held.own_prefill_s for held in untold)
    tokens = sum(row.tokens_requested - row.tokens_reused for row in writes) + sum(h.own_tokens for h in untold)
    return prefill_price(prices, seconds, tokens)


def bytes_per_token(holdings: Sequence[Held]) -> float:
    """Say what loading a token moves, on the average of what is kept; 0 where nothing is."""
    tokens = sum(held.own_tokens for held in holdings)
    return sum(held.num_bytes for held in holdings) / tokens if tokens else 0.0
