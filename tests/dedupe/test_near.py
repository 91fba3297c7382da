import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvprep.dedupe.likeness import group_alike, jaccard
from kvprep.dedupe.near import NearGroup, near_groups, similarity
from kvprep.dedupe.words import match_words
from kvprep.hashing import content_hash
from kvprep.types import ContentHash

WORDS = [
    f"{first}{second}" for first in ("bar", "cor", "del", "fen", "gal", "hul") for second in ("do", "ma", "ri", "to")
]


def _prose(seed: int, count: int = 120) -> list[str]:
    return random.Random(seed).choices(WORDS, k=count)


def _named(texts: list[str]) -> list[tuple[ContentHash, str]]:
    return [(content_hash(text), text) for text in texts]


def _numbers(texts: list[str], groups: list[NearGroup]) -> list[list[int]]:
    """The groups as numbers of texts, principal first."""
    number = {content_hash(text): at for at, text in enumerate(texts)}
    return [[number[group.principal], *(number[member] for member, _ in group.members)] for group in groups]


def test_the_match_key_knows_neither_case_nor_punctuation_nor_white_space_and_keeps_figures_whole() -> None:
    assert match_words("The RENT,\nof 1.234,56 (net)\u00a0- due 01/02/2026!") == [
        "the", "rent", "of", "1.234,56", "net", "due", "01/02/2026",
    ]  # fmt: skip
    assert match_words("ﬁne €40 R-2025/17") == match_words("Fine €40  R-2025/17")


def test_figures_are_never_masked() -> None:
    text = " ".join(_prose(1)) + " Amount due 4,736.00"
    assert similarity(text, text.replace("4,736.00", "4,592.00")) < 1
    assert similarity(text, text.replace(" ", "\n").upper()) == 1


def test_similarity_is_what_the_runs_of_five_words_share() -> None:
    words = _prose(2, 104)
    changed = [*words[:-1], "other"]
    assert similarity(" ".join(words), " ".join(changed)) == pytest.approx(99 / 101)
    assert similarity("two words", "two words") == 1
    assert similarity("two words", "two others") == similarity("", "") == 0


def test_the_principal_is_the_one_that_the_others_resemble_most() -> None:
    middle = _prose(3, 200)
    left, right = [*middle], [*middle]
    left[20], right[180] = "left", "right"
    texts = [" ".join(words) for words in (left, right, middle, _prose(4))]
    (group,) = near_groups(_named(texts))
    assert _numbers(texts, [group]) == [[2, 0, 1]]
    assert [value for _, value in group.members] == [similarity(texts[2], texts[0]), similarity(texts[2], texts[1])]


def test_of_equals_the_first_is_the_principal() -> None:
    first, second = _prose(5), _prose(5)
    first[60], second[60] = "spring", "autumn"
    texts = [" ".join(first), " ".join(second)]
    assert _numbers(texts, near_groups(_named(texts))) == [[0, 1]]


def test_what_is_less_alike_than_the_threshold_stays_apart() -> None:
    words = _prose(6)
    texts = [" ".join(words), " ".join(words[:60] + _prose(7, 60))]
    assert near_groups(_named(texts)) == []


def test_documents_without_words_are_like_nothing() -> None:
    assert near_groups(_named(["—", "…", "!"])) == []


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_every_document_is_in_one_group_at_most_and_the_order_does_not_change_who_is_alike(
    seeds: list[int], rng: random.Random
) -> None:
    texts = [" ".join([*_prose(seed), f"number {copy}"]) for seed in seeds for copy in range(2)]
    rng.shuffle(texts)
    groups = _numbers(texts, near_groups(_named(texts)))
    assert sorted(number for group in groups for number in group) == list(range(len(texts)))
    assert {frozenset(texts[number].rpartition(" number ")[0] for number in group) for group in groups} == {
        frozenset([" ".join(_prose(seed))]) for seed in seeds
    }


def _family(seed: int, members: int) -> Iterator[str]:
    base = _prose(seed, 40)
    for member in range(members):
        yield " ".join([*base, f"invoice {seed}-{member}", f"{member}.00"])


def test_ten_thousand_short_documents_give_their_families_and_nothing_else() -> None:
    families = [list(_family(seed, 2 + seed % 9)) for seed in range(700)]
    alone = [" ".join(_prose(seed, 40)) for seed in range(1000, 6810)]
    texts = [text for family in families for text in family] + alone
    assert len(texts) >= 10_000
    random.Random(0).shuffle(texts)
    number = {text: at for at, text in enumerate(texts)}
    found = {frozenset(group) for group in _numbers(texts, near_groups(_named(texts)))}
    assert found == {frozenset(number[text] for text in family) for family in families}


def test_a_large_family_is_one_group_and_few_of_its_sets_are_compared() -> None:
    common = np.arange(60, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    asked = 0

    def features(number: int) -> np.ndarray:
        nonlocal asked
        asked += 1
        return np.unique(np.append(common, np.uint64(number + 1)))

    (group,) = group_alike(2000, features, threshold=0.6, bands=(32, 4))
    assert len(group.members) == 1999
    assert asked < 4 * 2000, "once for its signature, once to be linked, once beside the principal"


def test_jaccard_of_sets() -> None:
    left, right = np.array([1, 2, 3], dtype=np.uint64), np.array([2, 3, 4, 5], dtype=np.uint64)
    assert jaccard(left, right) == 2 / 5
    assert jaccard(left, left) == 1
