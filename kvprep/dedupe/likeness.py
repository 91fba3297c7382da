"""Groups of sets that are much alike, found in nearly linear time: MinHash and LSH propose, the sets themselves decide.

Jaccard similarity of two sets: what they share, divided by what they have together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.uint64]
"""Hashes of what a document consists of, sorted, each once."""

_NUM_PERMUTATIONS = 128
_SLACK = 0.12
"""Three standard deviations of what 128 permutations estimate: a pair estimated lower is not looked at."""
_MOST_COMPARED = 32
_MOST_NEIGHBOURS = 8
"""A set that has so many neighbours is found through them, and needs no place of its own in the LSH tables."""
_MINHASH_BATCH = 4096
_SETS_IN_MEMORY = 64


@dataclass(frozen=True, slots=True)
class Alike:
    """Sets that are like their principal, by their numbers in the order given."""

    principal: int
    members: tuple[tuple[int, float], ...]
    """The others, in order, each with its similarity to the principal."""


def jaccard(left: Features, right: Features) -> float:
    """Give the similarity of two sets, from 0 to 1; two empty ones share nothing."""
    shared = len(np.intersect1d(left, right, assume_unique=True))
    together = len(left) + len(right) - shared
    return shared / together if together else 0.0


def group_alike(
    count: int, features: Callable[[int], Features], *, threshold: float, bands: tuple[int, int]
) -> list[Alike]:
    """Group sets around principals: each member is at least `threshold` similar to its principal.

    The principal is the set that the others resemble most, the first of equals. A set is in one group at most. Each
    set is compared with at most 32 others of those that LSH proposes, besides its group's principals.

    Args:
        count: how many sets there are.
        features: gives the set of a number below `count`; called again rather than kept, for the sake of memory.
        threshold: least Jaccard similarity.
        bands: LSH's bands and rows of a band, together at most 128; 1 - (1 - s^rows)^bands of the pairs of
            similarity s are proposed.

    Returns:
        Groups of two and more, in the order of their first sets. The same for the same sets on every machine.
    """
    kept = lru_cache(maxsize=_SETS_IN_MEMORY)(features)
    sketches = _Sketches(count, kept, threshold)
    components = sketches.components(bands)
    groups = [group for component in components for group in sketches.stars(component)]
    return sorted(groups, key=lambda group: min(group.principal, *(member for member, _ in group.members)))


class _Sketches:
    """MinHash signatures of sets: 128 numbers each, however large the set."""

    def __init__(self, count: int, features: Callable[[int], Features], threshold: float) -> None:
        self._features, self._threshold = features, threshold
        self._minhashes = [_minhash(features(number)) for number in range(count)]
        rows = [minhash.hashvalues for minhash in self._minhashes]
        self._signatures: NDArray[Any] = np.array(rows, dtype=np.uint64).reshape(count, _NUM_PERMUTATIONS)

    def components(self, bands: tuple[int, int]) -> list[list[int]]:
        """Connect sets by similar pairs; of the components with two sets or more, give the numbers in order."""
        from datasketch import MinHashLSH  # type: ignore[import-untyped]

        lsh = MinHashLSH(num_perm=_NUM_PERMUTATIONS, params=bands)
        links = _Links(len(self._minhashes))
        for number, minhash in enumerate(self._minhashes):
            if minhash.is_empty():
                continue
            proposed = self._likeliest(number, sorted(lsh.query(minhash)), _MOST_COMPARED)
            for other in proposed:
                if links.root(number) != links.root(other) and self._are_similar(number, other):
                    links.join(number, other)
            if sum(links.root(number) == links.root(other) for other in proposed) < _MOST_NEIGHBOURS:
                lsh.insert(number, minhash, check_duplication=False)
        return links.components()

    def stars(self, component: list[int]) -> Iterator[Alike]:
        """Divide a component into principals with what is like them."""
        affinity = _affinity(self._signatures[component])
        free = dict.fromkeys(component)
        for principal in [component[at] for at in np.argsort(-affinity, kind="stable")]:
            if principal not in free:
                continue
            del free[principal]
            near = self._likeliest(principal, list(free), len(free))
            similarities = ((other, self._similarity(principal, other)) for other in sorted(near))
            members = tuple((other, value) for other, value in similarities if value >= self._threshold)
            for other, _ in members:
                del free[other]
            if members:
                yield Alike(principal, members)

    def _likeliest(self, number: int, others: Sequence[int], most: int) -> list[int]:
        """Choose those that may be similar by their signatures, the likeliest first."""
        if not others:
            return []
        estimates = (self._signatures[list(others)] == self._signatures[number]).mean(axis=1)
        order = np.argsort(-estimates, kind="stable")[:most]
        return [others[at] for at in order if estimates[at] >= self._threshold - _SLACK]

    def _similarity(self, left: int, right: int) -> float:
        return jaccard(self._features(left), self._features(right))

    def _are_similar(self, left: int, right: int) -> bool:
        return self._similarity(left, right) >= self._threshold


class _Links:
    """Which sets are connected (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number

    def join(self, left: int, right: int) -> None:
        roots = sorted((self.root(left), self.root(right)))
        self._parents[roots[1]] = roots[0]

    def components(self) -> list[list[int]]:
        found = defaultdict(list)
        for number in range(len(self._parents)):
            found[self.root(number)].append(number)
        return [component for component in found.values() if len(component) > 1]


def _minhash(features: Features) -> Any:
    from datasketch import MinHash

    minhash = MinHash(num_perm=_NUM_PERMUTATIONS, hashfunc=int)
    for start in range(0, len(features), _MINHASH_BATCH):
        minhash.update_batch(features[start : start + _MINHASH_BATCH].astype(np.uint32).tolist())
    return minhash


def _affinity(signatures: NDArray[Any]) -> NDArray[Any]:
    """Sum, for each of some signatures, its estimated similarity to all of them; linear in their number."""
    total = np.zeros(len(signatures), dtype=np.int64)
    for column in signatures.T:
        _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        total += counts[inverse]
    return total
