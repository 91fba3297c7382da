"""Whether a document has paid for itself, from what was spent on it and what its reads saved.

Source: docs/economics.md, "Worth".
"""

import math
from dataclasses import dataclass

from kvprep.economics.prices import Prices
from kvprep.economics.value import (
    Kept,
    break_even_reads,
    idle_break_even_s,
    load_price,
    prefill_price,
    rent,
)


@dataclass(frozen=True, slots=True)
class Uses:
    """The reads of a document so far, in sum."""

    reads: int = 0
    tokens: int = 0
    """Loaded, over all reads."""
    prefill_s: float = 0.0
    """Seconds of prefill that they spared."""
    load_s: float = 0.0
    """Seconds that the loads took."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What was spent on a document, what it saved, and how many reads it takes. Money in the prices' currency."""

    spent_prefill: float
    """Computing and storing it, once."""
    spent_rent: float
    """Keeping it, so far."""
    saved: float
    """Prefills spared less loads."""
    break_even_reads: float | None
    """Reads that pay for what was spent so far; None: a read saves nothing."""
    idle_break_even_s: float | None
    """T*; None: keeping costs nothing."""
    reads: int

    @property
    def spent(self) -> float:
        """All that it cost."""
        return self.spent_prefill + self.spent_rent

    @property
    def net(self) -> float:
        """What it saved less what it cost."""
        return self.saved - self.spent

    @property
    def state(self) -> str:
        """`unread`, `paying` (read, and not yet paid back) or `paid`."""
        if not self.reads:
            return "unread"
        return "paid" if self.net >= 0 else "paying"


def worth(prices: Prices, kept: Kept, uses: Uses, *, spent_s: float, spent_tokens: int, held_s: float) -> Worth:
    """Judge a document.

    Args:
        prices: what things cost.
        kept: what is stored of it.
        uses: its reads so far.
        spent_s: seconds of computing and storing it; less than a whole prefill where it shares blocks.
        spent_tokens: tokens computed for it.
        held_s: seconds since it was stored.
    """
    bytes_loaded = kept.num_bytes * uses.tokens / kept.tokens if kept.tokens else 0.0
    return Worth(
        spent_prefill=prefill_price(prices, spent_s, spent_tokens),
        spent_rent=rent(prices, kept.num_bytes, held_s),
        saved=prefill_price(prices, uses.prefill_s, uses.tokens)
        - load_price(prices, uses.load_s, uses.tokens, bytes_loaded),
        break_even_reads=break_even_reads(prices, kept, spent_s=spent_s, spent_tokens=spent_tokens, held_s=held_s),
        idle_break_even_s=idle_break_even_s(prices, kept.num_bytes, kept.prefill_s, kept.load_s, tokens=kept.tokens),
        reads=uses.reads,
    )


def paying_read(reads: float | None) -> int | None:
    """Name the read after which something has paid, the first being 1; None: none."""
    return None if reads is None else max(1, math.ceil(reads))
