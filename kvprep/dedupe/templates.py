"""Template groups: families of documents that were made from one template, such as a vendor's invoices. Report only.

Words that hold digits are masked, so that what is compared is the form and not what was filled in.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kvprep.dedupe.likeness import Features, group_alike
from kvprep.dedupe.words import WORD, fold, hash_runs, is_sign
from kvprep.types import ContentHash

FAMILY = 0.4
"""Least similarity of a family's members. Source: docs/canonical-text.md, "Templates"."""
_RUN_WORDS = 3
"""Short, so that a name or a line that was filled in parts two runs of the template and not more."""
_BANDS = (42, 3)
"""Proposes 94 % of the pairs at a similarity of 0.4, 99.8 % at 0.5."""
_MASK = "#"


@dataclass(frozen=True, slots=True)
class TemplateGroup:
    """Documents of one template."""

    members: tuple[ContentHash, ...]
    """In the order given."""
    runs: Features = field(repr=False)
    """Hashes of the runs of masked words that more than half of the members have: the template."""

    def fixed_text(self, text: str) -> str:
        """Leave of a member's text what is the template's, without the values."""
        words = list(_masked(text))
        hashes = hash_runs((word.key for word in words), _RUN_WORDS)
        covered = np.zeros(len(words), dtype=bool)
        starts = np.flatnonzero(np.isin(hashes, self.runs))
        for offset in range(_RUN_WORDS):
            covered[np.minimum(starts + offset, len(words) - 1)] = True
        ends = [*(word.start for word in words[1:]), len(text)]
        fixed = (at for at, word in enumerate(words) if covered[at] and word.key != _MASK)
        return "".join(text[words[at].start : ends[at]] for at in fixed)


def template_groups(documents: Sequence[tuple[ContentHash, str]], *, threshold: float = FAMILY) -> list[TemplateGroup]:
    """Find documents whose forms are alike; time grows nearly as their number does.

    Args:
        documents: content hash and canonical text of each, no document twice.
        threshold: least Jaccard similarity, of runs of three masked words, of a member to its group's principal.
    """
    alike = group_alike(len(documents), lambda number: _form(documents[number][1]), threshold=threshold, bands=_BANDS)
    groups = (sorted([group.principal, *(number for number, _ in group.members)]) for group in alike)
    return [_group([documents[number] for number in numbers]) for numbers in groups]


def _group(documents: Sequence[tuple[ContentHash, str]]) -> TemplateGroup:
    counts: Counter[int] = Counter()
    for _, text in documents:
        counts.update(_form(text).tolist())
    common = sorted(run for run, count in counts.items() if count > len(documents) / 2)
    return TemplateGroup(tuple(document for document, _ in documents), np.array(common, dtype=np.uint64))


def _form(text: str) -> Features:
    return np.unique(hash_runs((word.key for word in _masked(text)), _RUN_WORDS))


class _Word(NamedTuple):
    key: str
    start: int


def _masked(text: str) -> Iterator[_Word]:
    for match in WORD.finditer(text):
        if not is_sign(match[0]):
            has_digit = any(char.isdigit() for char in match[0])
            yield _Word(_MASK if has_digit else fold(match[0]), match.start())
