import pytest

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.furniture import drop_repeats, join_line_end_hyphens
from kvprep.types import TextFinding


def pages(*texts: str) -> list[Block]:
    """Make the lines of pages; ` / ` stands between lines."""
    return [
        Block(line, BlockKind.LINE, number) for number, text in enumerate(texts, start=1) for line in text.split(" / ")
    ]


def kept(*texts: str) -> list[str]:
    return [block.text for block in drop_repeats(pages(*texts))[0]]


def joined(*texts: str) -> list[str]:
    return [block.text for block in join_line_end_hyphens([Block(text, BlockKind.LINE, 1) for text in texts])[0]]


def test_running_headers_stay_once_at_the_top_and_footers_once_at_the_end() -> None:
    blocks, findings = drop_repeats(
        pages(
            "ACME Ltd / Invoice 17 / one / IBAN DE89 / Page 1 of 3",
            "ACME Ltd / Invoice 17 / two / IBAN DE89 / Page 2 of 3",
            "ACME Ltd / Invoice 17 / three / IBAN DE89 / Page 3 of 3",
        )
    )
    assert [block.text for block in blocks] == "ACME Ltd|Invoice 17|one|two|three|IBAN DE89|Page 1 of 3".split("|")
    assert findings == [TextFinding("running-lines", 8, "page edges")]


def test_headers_of_left_and_right_pages_are_found_on_half_of_the_pages() -> None:
    assert kept("Left / a", "Right / b", "Left / c", "Right / d") == ["Left", "a", "Right", "b", "c", "d"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("- 1 -", "- 2 -"),
        ("7", "8"),
        ("1/2", "2/2"),
        ("Seite 1 von 2", "Seite 2 von 2"),
        ("Rev 3, p. 1", "Rev 3, p. 2"),
    ],
)
def test_folios_count_with_the_pages(first: str, second: str) -> None:
    assert kept(f"one / {first}", f"two / {second}") == ["one", "two", first]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Consulting 5 100,00", "Consulting 6 120,00"),
        ("1 Consulting 100,00", "2 Consulting 100,00"),
        ("Carried over 100,00", "Carried over 200,00"),
        ("100,00", "200,00"),
        ("Clause 1", "Clause 2"),
        ("Page 1 of 4", "Page 9 of 4"),
    ],
)
def test_lines_at_the_edge_that_differ_in_figures_are_no_furniture(first: str, second: str) -> None:
    assert kept(f"one / {first}", f"two / {second}") == ["one", first, "two", second]


def test_equal_lines_inside_pages_stay() -> None:
    assert kept("a / Total 5 / b", "c / Total 5 / d") == ["a", "Total 5", "b", "c", "Total 5", "d"]


def test_a_line_on_few_pages_stays() -> None:
    texts = ["Draft / a", "Draft / b", "c", "d", "e"]
    assert kept(*texts) == ["Draft", "a", "Draft", "b", "c", "d", "e"]


def test_a_single_page_keeps_everything() -> None:
    assert kept("Header / text / 1") == ["Header", "text", "1"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("the inter-", "national bank", ["the international bank"]),
        ("Umsatz-", "steuer", ["Umsatzsteuer"]),
        ("soft\u00ad", "ware", ["software"]),
        ("An-", "oder Ausbauten", ["An-", "oder Ausbauten"]),
        ("pre-", "and post-war", ["pre-", "and post-war"]),
        ("Meier-", "Schulze", ["Meier-", "Schulze"]),
        ("COVID-", "19", ["COVID-", "19"]),
        ("2020-", "bis", ["2020-", "bis"]),
        ("see -", "that", ["see -", "that"]),
        ("a dash –", "not", ["a dash –", "not"]),
    ],
)
def test_line_end_hyphens_join_only_what_a_line_end_cut(first: str, second: str, expected: list[str]) -> None:
    assert joined(first, second) == expected


def test_joined_hyphens_are_counted() -> None:
    _, findings = join_line_end_hyphens([Block("inter-"), Block("natio-"), Block("nal")])
    assert findings == [TextFinding("line-end-hyphens", 2, "line ends")]


def test_a_compound_keeps_its_hyphen_at_a_line_end_if_it_has_it_elsewhere() -> None:
    assert joined("a chat-", "optimized model", "Chat-optimized models", "the inter-", "national trade") == [
        "a chat-optimized model",
        "Chat-optimized models",
        "the international trade",
    ]
