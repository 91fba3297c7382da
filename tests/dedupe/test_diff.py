from hypothesis import given
from hypothesis import strategies as st

from kvprep.dedupe import diff
from kvprep.dedupe.diff import Change, diff_texts

texts = st.text(st.sampled_from("ab1. \n,€"), max_size=60)


def _rebuilt(a: str, b: str) -> tuple[str, str]:
    """Both texts as the parts of a diff have them, where lines that are the same are taken from neither."""
    result = diff_texts(a, b)
    return "".join(p.old for h in result.hunks for p in h.parts), "".join(p.new for h in result.hunks for p in h.parts)


def test_figures_dates_and_amounts_are_one_word_each() -> None:
    result = diff_texts("Pay 1.234,56 by 01/02/2026.\n", "Pay 1.234,65 by 01/03/2026.\n")
    assert result.changes == [Change(1, 1, "1.234,56", "1.234,65"), Change(1, 1, "01/02/2026", "01/03/2026")]
    assert result.num_words == 2
    assert diff_texts("a €40 b", "a $40 b").changes == [Change(1, 1, "€40", "$40")]


def test_changes_know_their_lines_in_both_texts() -> None:
    a = "one\ntwo\nthree\nfour\nfive\n"
    b = "one\nthree\nfour\nfive and\nsix\n"
    assert diff_texts(a, b).changes == [Change(2, 2, "two", ""), Change(6, 4, "", "and\nsix")]


def test_white_space_alone_makes_no_difference_but_the_texts_are_not_equal() -> None:
    result = diff_texts("the rent\nis due", "the  rent is\ndue")
    assert (result.equal, result.changes, result.num_words, result.similarity) == (False, [], 0, 1)
    assert diff_texts("x", "x").equal


def test_case_and_punctuation_are_differences() -> None:
    assert diff_texts("The rent.", "the rent!").changes == [Change(1, 1, "The", "the"), Change(1, 1, ".", "!")]


def test_a_text_beside_an_empty_one_is_all_new() -> None:
    assert diff_texts("", "one two").changes == [Change(1, 1, "", "one two")]
    assert diff_texts("one two", "").changes == [Change(1, 1, "one two", "")]


def test_what_is_too_much_to_compare_is_exchanged_as_a_whole(monkeypatch) -> None:
    monkeypatch.setattr(diff, "_MOST_CELLS", 8)
    result = diff_texts("same a b c d same", "same e b f g same")
    assert result.changes == [Change(1, 1, "a b c d", "e b f g")]


@given(texts, texts)
def test_what_changes_turns_one_text_into_the_other(a: str, b: str) -> None:
    result = diff_texts(a, b)
    old, new = _rebuilt(a, b)
    for hunk in result.hunks:
        assert "".join(p.old for p in hunk.parts) in a
        assert "".join(p.new for p in hunk.parts) in b
        assert all(p.old.split() == p.new.split() or not p.is_same or p.old.strip() for p in hunk.parts)
    # Words outside the hunks are the same in both, so words within them differ by as many as the texts do.
    assert len(diff.WORD.findall(a)) - len(diff.WORD.findall(old)) == len(diff.WORD.findall(b)) - len(
        diff.WORD.findall(new)
    )


@given(texts, texts)
def test_the_other_way_round_old_is_new(a: str, b: str) -> None:
    there, back = diff_texts(a, b), diff_texts(b, a)
    assert there.num_words == 0 if a == b else (there.num_words == 0) == (back.num_words == 0)
    assert there.similarity == back.similarity
