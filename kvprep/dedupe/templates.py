"""Template groups: families of documents that were made from one template, such as a vendor's invoices. Report only.

Words that hold digits are masked, so that what is compared is the form and not what was filled in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kvprep.dedupe.likeness import Features, group_alike
from kvprep.dedupe.words import WORD, fold, hash_runs, is_sign
from kvprep.types import ContentHash

FAMILY = 0.4
"""Least Jaccard similarity, of runs of three masked words, of a member to its group's principal.

Source: docs/canonical-text.md, "Templates".
"""
_RUN_WORDS = 3
"""Short, so that a name or a line that was filled in parts two runs of the template and not more."""
_BANDS = (42, 3)
"""Proposes 94 % of the pairs at a similarity of 0.4, 99.8 % at 0.5."""
_MASK = "#"

Document = tuple[ContentHash, str]
"""A content hash and the canonical text."""


@dataclass(frozen=True, slots=True)
class TemplateGroup:
    """Documents of one template, which is what more than half of them have."""

    members: tuple[ContentHash, ...]
    """In the order given."""
    forms: Features = field(repr=False)
    """Hashes of the template's runs of masked words."""
    wordings: Features = field(repr=False)
    """Hashes of its runs of words as they stand: a template has figures of its own."""

    def fixed_text(self, text: str) -> str:
        """Leave of a member's text what is the template's, without what was filled in."""
        words = list(_words(text))
        is_form = _covered([word.form for word in words], self.forms)
        is_wording = _covered([word.key for word in words], self.wordings)
        ends = [*(word.start for word in words[1:]), len(text)]
        fixed = (at for at, word in enumerate(words) if is_wording[at] or (is_form[at] and word.form != _MASK))
        return "".join(text[words[at].start : ends[at]] for at in fixed)


def template_groups(documents: Sequence[Document]) -> list[TemplateGroup]:
    """Find documents whose forms are alike; time grows nearly as their number does.

    Args:
        documents: no document twice.
    """
    alike = group_alike(len(documents), lambda number: _forms(documents[number][1]), threshold=FAMILY, bands=_BANDS)
    groups = (sorted([group.principal, *(number for number, _ in group.members)]) for group in alike)
    return [_group([documents[number] for number in numbers]) for numbers in groups]


def _group(documents: Sequence[Document]) -> TemplateGroup:
    members = tuple(document for document, _ in documents)
    texts = [text for _, text in documents]
    return TemplateGroup(members, _common(texts, _forms), _common(texts, _wordings))


def _common(texts: Sequence[str], features: Callable[[str], Features]) -> Features:
    """Give the features that more than half of the texts have."""
    found, counts = np.unique(np.concatenate([features(text) for text in texts]), return_counts=True)
    return found[counts > len(texts) / 2]


def _forms(text: str) -> Features:
    return np.unique(hash_runs((word.form for word in _words(text)), _RUN_WORDS))


def _wordings(text: str) -> Features:
    return np.unique(hash_runs((word.key for word in _words(text)), _RUN_WORDS))


def _covered(words: Sequence[str], runs: Features) -> NDArray[np.bool_]:
    """Tell of each word whether it is in one of the runs."""
    covered = np.zeros(len(words), dtype=bool)
    starts = np.flatnonzero(np.isin(hash_runs(words, _RUN_WORDS), runs))
    for offset in range(_RUN_WORDS):
        covered[np.minimum(starts + offset, len(words) - 1)] = True
    return covered


class _Word(NamedTuple):
    key: str
    form: str
    """The key, masked where it holds a digit."""
    start: int


def _words(text: str) -> Iterator[_Word]:
    for match in WORD.finditer(text):
        if not is_sign(match[0]):
            key = fold(match[0])
            yield _Word(key, _MASK if any(char.isdigit() for char in key) else key, match.start())
