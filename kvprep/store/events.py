"""What is counted: events, and what they add up to."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

HITS = ("hit", "partial")
_MOST = 1e13
_MOST_SECONDS = 1e8
_FLOPS_A_SECOND = 1e12
"""An event says less: so the sums of very many fit into 64 bits, with microseconds and millions of FLOPs as units."""
_MOST_CHARACTERS = 200


class EventKind(StrEnum):
    """What happened."""

    LOOK_UP = "look-up"
    WRITE = "write"
    INVALIDATION = "invalidation"
    EVICTION = "eviction"
    VERIFICATION = "verification"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, or several alike. Nothing in it is readable: ids are keyed, as in the audit log."""

    kind: EventKind
    namespace: str = ""
    """Hex of its id; empty: the whole store."""
    model: str = ""
    """Hex of the fingerprint."""
    document: str = ""
    """Hex of the keyed id, `Namespace.document_id`; never a content hash, which would confirm a guessed text."""
    principal: str = ""
    """Who, as the audit log names him; empty: who opened the store."""
    result: str = ""
    """How it went. Of a look-up: hit, partial, miss, stale, expired, mismatch, denied, corrupt. Of a write: stored. Of
    an invalidation, why: invalidated, superseded, pruned, expired. Of an eviction: idle, limit. Of a verification: ok,
    or the kind of file that failed. Of a shadow check: equal, differs, stale."""
    count: int = 1
    """How many things it stands for, such as entries."""
    tokens_requested: int = 0
    tokens_reused: int = 0
    num_bytes: int = 0
    load_seconds: float = 0.0
    first_token_seconds: float = 0.0
    prefill_seconds: float = 0.0
    """Of look-ups and writes: what computing that many tokens takes here."""
    saved_seconds: float = 0.0
    saved_flops: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would spoil the sums of others.

        Raises:
            ValueError: a number is negative, endless or none, or a text is long.
        """
        counts = (self.count, self.tokens_requested, self.tokens_reused, self.num_bytes)
        seconds = (self.load_seconds, self.first_token_seconds, self.prefill_seconds, self.saved_seconds)
        texts = (self.namespace, self.model, self.document, self.principal, self.result)
        are_short = max(map(len, texts)) <= _MOST_CHARACTERS
        if not (
            are_short
            and _within(_MOST, *counts)
            and _within(_MOST_SECONDS, *seconds, self.saved_flops / _FLOPS_A_SECOND)
        ):
            raise ValueError("an event's numbers are finite and not negative, and its texts are short")


def _within(most: float, *numbers: float) -> bool:
    return all(0 <= number <= most for number in numbers)  # false of what is no number


@dataclass(frozen=True, slots=True)
class Sum:
    """Events of one period that differ in nothing but time and numbers, added up."""

    start: float
    """Seconds since 1970."""
    seconds: int
    """The period's length: an hour, or a day for what is old."""
    kind: EventKind
    namespace: str
    model: str
    document: str
    principal: str
    result: str
    events: int
    last_at: float
    """When the youngest of them happened, in seconds since 1970."""
    count: int
    tokens_requested: int
    tokens_reused: int
    num_bytes: int
    load_seconds: float
    first_token_seconds: float
    prefill_seconds: float
    saved_seconds: float
    saved_flops: float


@dataclass(frozen=True, slots=True)
class Reads:
    """The look-ups of one document."""

    hits: int = 0
    """Whole and partial ones."""
    look_ups: int = 0
    last_at: float = 0.0
    """When it was looked up last, in seconds since 1970."""
    saved_seconds: float = 0.0
    load_seconds: float = 0.0
    tokens: int = 0
    """That were reused."""


_STEP = math.log(1.05)


def bucket_of(microseconds: int) -> int | None:
    """Number the bucket that a duration falls into, each 5 % wider than the one before; None of no duration."""
    return math.ceil(math.log(microseconds) / _STEP) if microseconds > 0 else None


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long things took, to within 2.5 %: the same before events are added up and after."""

    buckets: Counter[int] = field(default_factory=Counter)
    """How many fell into each."""
    total: float = 0.0
    """Seconds, exactly."""

    @property
    def count(self) -> int:
        """How many there were."""
        return self.buckets.total()

    def percentile(self, share: float) -> float | None:
        """Give the seconds that this share of them, 0 to 1, did not exceed; None without any."""
        rank = max(math.ceil(share * self.count), 1)
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return math.exp((bucket - 0.5) * _STEP) / 1e6
        return None

    def count_up_to(self, seconds: float) -> int:
        """Count those in buckets that end at or before `seconds`."""
        return sum(count for bucket, count in self.buckets.items() if math.exp(bucket * _STEP) <= seconds * 1e6)


def merged(parts: Iterable[Histogram]) -> Histogram:
    """Put histograms together."""
    buckets: Counter[int] = Counter()
    total = 0.0
    for part in parts:
        buckets.update(part.buckets)
        total += part.total
    return Histogram(buckets, total)
