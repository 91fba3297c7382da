from kvprep.cli import glyphs


def test_only_nothing_is_an_empty_bar_and_only_all_a_full_one() -> None:
    assert glyphs.bar(0, width=4) == "░░░░"
    assert glyphs.bar(0.001, width=4) == "█░░░"
    assert glyphs.bar(0.5, width=4) == "██░░"
    assert glyphs.bar(0.999, width=4) == "███░"
    assert glyphs.bar(1, width=4) == "████"


def test_a_sparkline_reaches_from_nothing_to_the_largest_value() -> None:
    assert glyphs.sparkline([0, 1, 50, 100]) == " ▁▅█"
    assert glyphs.sparkline([0, 0]) == "  "
    assert glyphs.sparkline([]) == ""


def test_of_more_values_than_fit_a_sparkline_shows_the_latest() -> None:
    assert glyphs.sparkline([100, 1, 1], width=2) == "██"


def test_glyphs_are_not_shown_where_stdout_is_no_terminal() -> None:
    assert not glyphs.are_shown()
