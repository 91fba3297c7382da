"""Pages rebuilt from places, whatever the places are."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from kvprep.documents.layout.page import page_blocks
from kvprep.documents.layout.rows import Run

GRID = st.integers(0, 30)
WORDS = st.from_regex(r"[A-Za-z]{1,9}|\d{1,4},\d\d|\d{1,3}", fullmatch=True)
PIECES = st.lists(
    st.tuples(GRID, GRID, WORDS, st.sampled_from([6.0, 9.0, 12.0]), st.sampled_from([0, 0, 0, 90])), max_size=60
)


def runs_of(pieces: list[tuple[int, int, str, float, int]]) -> list[Run]:
    """Put words on a grid of 18 by 13 points."""
    return [
        Run(text, 18.0 * x, 18.0 * x + 0.5 * size * len(text), 13.0 * y, size, angle)
        for x, y, text, size, angle in pieces
    ]


@given(PIECES)
def test_no_letter_is_lost_or_added(pieces: list[tuple[int, int, str, float, int]]) -> None:
    pieces = list({(x, y, angle): (x, y, text, size, angle) for x, y, text, size, angle in pieces}.values())
    blocks = page_blocks(runs_of(pieces), 1)
    printed = "".join(char for block in blocks for char in block.text if char not in " |-\n")
    assert sorted(printed) == sorted("".join(piece[2] for piece in pieces))


@given(PIECES, st.randoms())
def test_the_order_of_drawing_does_not_matter(pieces: list[tuple[int, int, str, float, int]], chance: Random) -> None:
    first, second = runs_of(pieces), runs_of(pieces)
    chance.shuffle(second)
    assert list(page_blocks(first, 1)) == list(page_blocks(second, 1))


@given(
    st.lists(st.builds(Run, WORDS, *[st.floats(-1e9, 1e9)] * 3, st.floats(1, 1e4), st.integers(0, 359)), max_size=40)
)
def test_no_place_is_too_odd(runs: list[Run]) -> None:
    assert bool(list(page_blocks(runs, 1))) == bool(runs)
