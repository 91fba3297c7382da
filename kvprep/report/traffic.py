"""What the events of a time add up to: look-ups by result, day, namespace, model and principal."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from statistics import median
from typing import Any

from kvprep.config import DAY_SECONDS
from kvprep.store.usage import HITS, EventKind, Sum

RESULTS = ("hit", "partial", "miss", "stale", "expired", "mismatch", "denied", "corrupt")
_PREVENTED = ("stale", "expired", "mismatch")
_UNUSUAL_FACTOR = 3
_UNUSUAL_LEAST = 50
"""Look-ups on one day. Fewer prove nothing: a person asks that many."""


@dataclass
class Tally:
    """Look-ups added up."""

    look_ups: int = 0
    hits: int = 0
    """Whole and partial ones."""
    requested: int = 0
    """Tokens."""
    reused: int = 0
    """Tokens."""
    saved_s: float = 0.0
    """Of prefill."""
    saved_flops: float = 0.0
    load_s: float = 0.0

    def add(self, row: Sum) -> None:
        """Add a sum of look-ups."""
        self.look_ups += row.count
        self.hits += row.count if row.result in HITS else 0
        self.requested += row.tokens_requested
        self.reused += row.tokens_reused
        self.saved_s += row.saved_seconds
        self.saved_flops += row.saved_flops
        self.load_s += row.load_seconds

    @property
    def hit_rate(self) -> float | None:
        """The share of tokens that were reused; None where none were asked for."""
        return min(self.reused / self.requested, 1.0) if self.requested else None


def look_ups(rows: Iterable[Sum]) -> list[Sum]:
    """Keep look-ups alone."""
    return [row for row in rows if row.kind == EventKind.LOOK_UP]


def tally(rows: Iterable[Sum]) -> Tally:
    """Add look-ups up."""
    total = Tally()
    for row in rows:
        total.add(row)
    return total


def tallies(rows: Iterable[Sum], group: Callable[[Sum], str]) -> dict[str, Tally]:
    """Add look-ups up by what `group` gives, in no certain order."""
    groups: dict[str, Tally] = defaultdict(Tally)
    for row in rows:
        groups[group(row)].add(row)
    return dict(groups)


def by_result(rows: Iterable[Sum], kind: EventKind) -> Counter[str]:
    """Count what events of a kind stand for, by result."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row.kind == kind:
            counts[row.result] += row.count
    return counts


def staleness_prevented(counts: Mapping[str, int]) -> int:
    """Count the look-ups that were refused although something was stored."""
    return sum(counts[result] for result in _PREVENTED)


def day_of(at: float) -> str:
    """Name the day of a time, in UTC."""
    return _day(int(at // DAY_SECONDS))


@lru_cache(maxsize=10_000)
def _day(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


def days_between(first: str, last: str) -> list[str]:
    """Name all days from one to another, both included; empty where the last is before the first."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(begin + timedelta(days=number)).isoformat() for number in range((end - begin).days + 1)]


def principals(rows: Sequence[Sum]) -> list[dict[str, Any]]:
    """Compare each principal's busiest day with the usual day of the others; busiest first.

    A day counts as unusual with at least 50 look-ups and more than three times the median over the days on which the
    others looked something up. Who is alone is compared with the other days of his own.
    """
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        days[row.principal][day_of(row.start)] += row.count
    found = []
    for principal, counts in days.items():
        busiest, most = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
        others = [count for name, other in days.items() if name != principal for count in other.values()]
        usual = median(others or [n for day, n in counts.items() if day != busiest] or [most])
        found.append(
            {
                "principal": principal,
                "lookups": counts.total(),
                "per_day": most,
                "busiest_day": busiest,
                "usual_per_day": usual,
                "unusual": most >= _UNUSUAL_LEAST and most > _UNUSUAL_FACTOR * usual,
            }
        )
    return sorted(found, key=lambda facts: (-facts["per_day"], facts["principal"]))
