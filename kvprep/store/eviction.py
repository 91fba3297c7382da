"""Which entries go although they may be used: those that nobody used for too long, and over a limit the least worth.

What an entry is worth is said by whoever calls; here it is only compared. Source: docs/maintenance.md, "What is kept".
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, groupby

from kvprep.store.entry import Deferral, EntryRecord
from kvprep.store.events import Event, EventKind
from kvprep.store.holdings import Holding, Holdings
from kvprep.store.layout import Layout
from kvprep.store.namespace import Namespace
from kvprep.store.needs import LiveEntry, Needs
from kvprep.store.pins import pinned
from kvprep.store.store import Store
from kvprep.types import EntryId, SegmentId

SHORTEST_IDLE_SECONDS = 86_400.0
"""Nothing goes for idleness that was written or used within a day, whatever it is worth."""


_BATCH = 32
"""Entries that are removed while the commit lock is held."""


class Reason(StrEnum):
    """Why an entry was evicted."""

    IDLE = "idle"
    """Keeping it any longer costs more than the next use saves."""
    LIMIT = "limit"
    """There was no room for it."""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What an entry is worth."""

    last_used_at: float
    """Or from when on it is known what was used; seconds since 1970, 0: never."""
    is_proven: bool
    """Whether anybody asked for it. What nobody asked for yet goes before what somebody did."""
    longest_idle_s: float | None
    """How long it may be idle; None: for ever."""
    density: float
    """What a byte of it earns in a month."""


Appraise = Callable[[Namespace, Holding], Appraisal]


@dataclass(frozen=True, slots=True)
class Eviction:
    """An entry that goes, and why."""

    namespace: Namespace
    holding: Holding
    appraisal: Appraisal
    reason: Reason


_Found = tuple[Holding, Appraisal]
_Rank = tuple[bool, float, float, float]
_Ranked = tuple[_Rank, int, Holdings, _Found]
"""A place in the order in which entries go, a number that is in no other, and what stands there."""


class Choice:
    """Chooses what goes from all namespaces; what was chosen is needed no more."""

    def __init__(
        self, all_needs: Iterable[Needs], layout: Layout, appraise: Appraise, spared: Iterable[SegmentId], now: float
    ) -> None:
        """Choose nothing yet.

        Args:
            all_needs: of the namespaces from which something may go; they are told of what goes.
            layout: of the store.
            appraise: says what an entry is worth, by what it holds alone.
            spared: pinned segments; whose entry needs one stays.
            now: seconds since 1970.
        """
        self._all = [Holdings(needs, layout) for needs in all_needs]
        self._appraise, self._spared, self._now = appraise, frozenset(spared), now
        self._numbers = count()
        self.evictions: list[Eviction] = []

    def idle(self) -> None:
        """Choose what has been idle for too long."""
        for holdings in self._all:
            pending = list(holdings.needs.alive)
            while pending:
                found = self._appraised(holdings, pending.pop())
                if found is not None and self._is_idle(*found):
                    pending += self._evict(holdings, *found, Reason.IDLE)

    def lighten(self, num_bytes: int) -> None:
        """Choose what is worth least until this many bytes are free, or nothing more can go."""
        heap = [ranked for holdings in self._all for ranked in self._ranked(holdings, holdings.needs.alive)]
        heapq.heapify(heap)
        while heap and num_bytes > 0:
            _, _, holdings, found = heapq.heappop(heap)
            if self._appraised(holdings, found[0].entry.ident) != found:
                continue  # gone, or it holds more by now and stands elsewhere in the heap
            num_bytes -= found[0].num_bytes
            for ranked in self._ranked(holdings, self._evict(holdings, *found, Reason.LIMIT)):
                heapq.heappush(heap, ranked)

    def _ranked(self, holdings: Holdings, entries: Iterable[EntryId]) -> Iterator[_Ranked]:
        for ident in entries:
            if (found := self._appraised(holdings, ident)) is not None:
                yield _rank(*found), next(self._numbers), holdings, found

    def _appraised(self, holdings: Holdings, ident: EntryId) -> _Found | None:
        """Tell what an entry holds and is worth; None where it must stay, or has gone."""
        entry = holdings.needs.alive.get(ident)
        if entry is None or any(stretch.segment in self._spared for stretch in entry.stretches):
            return None
        holding = holdings.of(ident)
        return None if holding is None else (holding, self._appraise(holdings.needs.namespace, holding))

    def _is_idle(self, holding: Holding, appraisal: Appraisal) -> bool:
        longest = appraisal.longest_idle_s
        idle_s = self._now - last_use(holding.entry, appraisal)
        return longest is not None and idle_s > max(longest, SHORTEST_IDLE_SECONDS)

    def _evict(self, holdings: Holdings, holding: Holding, appraisal: Appraisal, reason: Reason) -> set[EntryId]:
        self.evictions.append(Eviction(holdings.needs.namespace, holding, appraisal, reason))
        return holdings.remove(holding.entry.ident)


def carry_out(store: Store, evictions: Sequence[Eviction], now: float) -> list[Eviction]:
    """Evict what was chosen, a few at a time, and note it; what was put anew or pinned meanwhile stays.

    Returns:
        What was evicted.
    """
    return [done for batch in _batches(evictions) for done in _evict_batch(store, batch, now)]


def _batches(evictions: Sequence[Eviction]) -> Iterator[list[Eviction]]:
    """Put together what stands together, is of one namespace and goes for one reason."""
    for _, group in groupby(evictions, key=lambda eviction: (eviction.namespace.ident, eviction.reason)):
        alike = list(group)
        yield from (alike[at : at + _BATCH] for at in range(0, len(alike), _BATCH))


def _evict_batch(store: Store, batch: Sequence[Eviction], now: float) -> list[Eviction]:
    namespace, reason = batch[0].namespace, batch[0].reason
    chosen = {eviction.holding.entry.ident: eviction for eviction in batch}

    def still(ident: EntryId, entry: EntryRecord) -> bool:
        spared = pinned(store.layout, live_only=False)
        is_same = entry.created_at == chosen[ident].holding.entry.created_at
        return is_same and all(stretch.segment not in spared for stretch in entry.stretches)

    deferrals = {ident: _deferral(eviction, now) for ident, eviction in chosen.items()}
    evicted = [chosen[ident] for ident in namespace.evict(deferrals, why=str(reason), still=still)]
    for eviction in evicted:
        store.usage.record(_event(eviction), at=now)
    return evicted


def _event(eviction: Eviction) -> Event:
    namespace, holding = eviction.namespace, eviction.holding
    return Event(
        EventKind.EVICTION,
        namespace=namespace.ident.hex(),
        model=holding.entry.fingerprint.hex(),
        document=namespace.document_id(holding.entry.document).hex(),
        result=str(eviction.reason),
        num_bytes=holding.num_bytes,
    )


def _deferral(eviction: Eviction, now: float) -> Deferral:
    entry = eviction.holding.entry
    model = eviction.namespace.index.model_id(entry.fingerprint, entry.tags)
    ttl = None if entry.expires_at is None else entry.expires_at - entry.created_at
    return Deferral(model, now, 0, ttl)


def _rank(holding: Holding, appraisal: Appraisal) -> _Rank:
    """What goes first comes first; what nobody asked for yet, in the order in which it came."""
    density = appraisal.density if appraisal.is_proven else 0.0
    return appraisal.is_proven, density, last_use(holding.entry, appraisal), holding.entry.created_at


def last_use(entry: LiveEntry, appraisal: Appraisal) -> float:
    """When an entry was used last; what nobody used yet was when it was written. Seconds since 1970."""
    return max(appraisal.last_used_at, entry.created_at)
