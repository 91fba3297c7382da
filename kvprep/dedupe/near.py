"""Near-duplicate groups, as in e-discovery: documents that read alike. Shown, never merged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kvprep.dedupe.likeness import Features, group_alike, jaccard
from kvprep.dedupe.words import hash_runs, match_words
from kvprep.types import ContentHash

NEAR = 0.6
"""Least similarity of a near-duplicate to its principal. Source: docs/canonical-text.md, "Near-duplicates"."""
_RUN_WORDS = 5
_BANDS = (32, 4)
"""Proposes 99 % of the pairs at a similarity of 0.6, 99.98 % at 0.7, 56 % at 0.4."""


@dataclass(frozen=True, slots=True)
class NearGroup:
    """Documents that read like their principal, the one that the others resemble most."""

    principal: ContentHash
    members: tuple[tuple[ContentHash, float], ...]
    """The others, in the order given, each with its similarity to the principal."""


def near_groups(documents: Sequence[tuple[ContentHash, str]]) -> list[NearGroup]:
    """Find documents whose words are nearly the same; time grows nearly as their number does.

    Args:
        documents: content hash and canonical text of each, no document twice.
    """
    alike = group_alike(len(documents), lambda number: _shingles(documents[number][1]), threshold=NEAR, bands=_BANDS)
    return [
        NearGroup(
            documents[group.principal][0],
            tuple((documents[number][0], similarity) for number, similarity in group.members),
        )
        for group in alike
    ]


def similarity(left: str, right: str) -> float:
    """Compare two texts: the Jaccard similarity of the runs of five words of their match keys, from 0 to 1.

    Digits count as they are: an invoice of another number or amount is never at 1.
    """
    return jaccard(_shingles(left), _shingles(right))


def _shingles(text: str) -> Features:
    return np.unique(hash_runs(match_words(text), _RUN_WORDS))
