"""The measures themselves: each must be able to fail, and must not be fooled."""

import json
from pathlib import Path

import pytest
from document_makers import docx_of, p, r

from bench.corpus import agreements, anew, docling, groups, invoices, report, whole
from bench.corpus.files import Measured, all_files, read
from bench.corpus.words import likeness, markdown_words, word_recall, words_in_order
from bench.corpus.wordxml import accepted_text
from kvprep.types import Skipped

INVOICE = "invoice-x+invoice2data/a.pdf"


def corpus_with(folder: Path, **files: object) -> Path:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Total 10,00 EUR", 1),
        ("Total 10.00", 1),
        ("Total 110,00", 0),
        ("Total 10,005", 0),
        ("Total 1.10,00", 0),
        ("Total 10", 0),
    ],
)
def test_an_amount_is_found_as_a_whole_number_only(tmp_path: Path, text: str, found: int) -> None:
    corpus = corpus_with(tmp_path, fields={"a.pdf": [{"kind": "amount", "printed": ["10,00", "10.00"]}]})
    assert invoices.field_recall({"a.pdf": text}, corpus).found == found


def test_a_value_must_stand_in_one_piece_whatever_its_white_space(tmp_path: Path) -> None:
    corpus = corpus_with(tmp_path, fields={"a.pdf": [{"kind": "text", "printed": ["Max\nMuster"]}]})
    assert invoices.field_recall({"a.pdf": "Herr Max   Muster"}, corpus).share == 1
    assert invoices.field_recall({"a.pdf": "Max 12,00 Muster"}, corpus).share == 0
    assert invoices.field_recall({"a.pdf": ""}, corpus).share == 0
    assert invoices.field_recall({}, corpus).total == 0


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("| 2 | Oak desk, large | 1 | 1.250,00 € |", 1),
        ("Oak desk, large 1,00 x 1,250.00", 1),
        ("Oak desk, large 1 1250", 1),
        ("Oak desk, large 1 1 250,00", 1),
        ("Oak desk 1 1250", 0),
        ("Oak desk, large 1", 0),
        ("Oak desk, large 1250", 0),
        ("Oak desk, large\n1 1250", 0),
    ],
)
def test_a_line_item_stands_in_one_line_with_quantity_and_amount(tmp_path: Path, line: str, found: int) -> None:
    golden = tmp_path / INVOICE
    golden.parent.mkdir()
    golden.touch()
    items = [{"name": "Oak desk\nlarge", "qty": 1.0, "price_subtotal": 1250.0}, {"name": "a heading"}]
    golden.with_suffix(".json").write_text(json.dumps([{"lines": items}]))
    assert invoices.line_items({INVOICE: line}, tmp_path) == Measured(
        found, 1, () if found else (f"{INVOICE}: line item 'Oak desk large'",)
    )


def test_a_group_of_two_texts_and_one_without_text_both_fail(tmp_path: Path) -> None:
    corpus = corpus_with(tmp_path, oracle={"same_text_groups": [["a", "b"], ["c", "d"], ["e", "f"]]})
    texts = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "", "f": ""}
    assert groups.same_text(texts, corpus).found == 1
    assert groups.same_text({"a": "x"}, corpus).total == 0


def test_a_merged_pair_is_seen_and_two_empty_texts_are_none(tmp_path: Path) -> None:
    corpus = corpus_with(tmp_path, oracle={"near_duplicates_never_merge": [[0.9, "a", "b"], [0.8, "c", "d"]]})
    measured = groups.kept_apart({"a": "x", "b": "x", "c": "", "d": ""}, corpus)
    assert (measured.found, measured.total) == (1, 2)


def test_markdown_gives_the_words_that_it_shows() -> None:
    shown = '# A *b* **c**\n\n1. d\\_e [f](http://g.example/h_(i) "j") ![k](l.png)\n\n| m &amp; n |\n| --- |\n'
    assert markdown_words(shown + "<!-- o -->") == "A b c 1 d e f k m n".split()
    assert markdown_words("$$\\frac{a}{b}$$ and a `c`\n```python\nd\n```") == "a b and a c d".split()


def test_a_cell_that_repeats_its_neighbour_can_be_left_out_of_the_count() -> None:
    merged = "| a | a |\n| --- | --- |\n| a | b |\n| c | b |"
    assert markdown_words(merged) == "a a a b c b".split()
    assert docling.words_of_merged_cells_once(merged) == "a b c".split()


def test_words_count_as_often_as_they_are_expected() -> None:
    assert word_recall("x", ["a", "a", "b"], ["b", "a", "c"]).found == 2


def test_words_in_another_order_are_not_in_order() -> None:
    assert words_in_order("x", list("abcd"), list("acdb")).found == 3
    assert likeness(list("abcd"), list("abcd")) == 1
    assert likeness(list("abcd"), list("abcdabcd")) == 0.5


def test_accepted_text_is_what_word_shows_with_all_changes_accepted() -> None:
    data = docx_of(
        p(r("kept "), f"<w:ins>{r('added ')}</w:ins>", f"<w:del>{r('gone')}</w:del>", r("unseen", "<w:vanish/>")),
        p('<w:fldSimple w:instr=" PAGE ">' + r("7") + "</w:fldSimple>", r("last")),
    )
    assert accepted_text(data).split() == ["kept", "added", "last"]


def test_a_word_that_a_reader_drops_is_missed(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(docx_of(p(r("one two"))))
    assert agreements.docx_words({"a.docx": "two"}, tmp_path).found == 1


def test_a_fragile_character_that_is_lost_is_missed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("7½ % on 10 m²")
    assert whole.fragile_characters({"a.md": "71⁄2 % on 10 m²"}, tmp_path).found == 1


def test_a_text_that_the_rules_would_change_is_not_stable() -> None:
    assert whole.stable({"a": "fine\n", "b": "two  \n", "c": ""}).found == 1


def test_a_crash_is_no_outcome() -> None:
    readings = {"a": Skipped("crashed", "", failed=True), "b": Skipped("needs-ocr", "")}
    assert whole.outcomes(readings).found == 1


def test_a_copy_that_reads_otherwise_is_seen(tmp_path: Path) -> None:
    for name in ("a.docx", "b.docx"):
        (tmp_path / name).write_bytes(docx_of(p(r(f"text of {name}"))))
    readings = read(tmp_path, ["a.docx", "b.docx"])
    assert anew.saved_anew(readings, tmp_path).found == 2
    assert anew.saved_anew(readings | {"a.docx": readings["b.docx"]}, tmp_path).found == 1


def test_order_is_the_mean_over_files(tmp_path: Path) -> None:
    for name, text in (("a", "one two"), ("b", "three")):
        for part in ("groundtruth", "sources"):
            path = tmp_path / f"docling-project+docling/tests/data/csv/{part}/{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"{name}.csv{'.md' if part == 'groundtruth' else ''}").write_text(text)
    base = "docling-project+docling/tests/data/csv/sources"
    texts = {f"{base}/a.csv": "one two", f"{base}/b.csv": ""}
    assert docling.order(texts, tmp_path, "csv").share == 0.5


def test_every_file_is_read_once_and_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.txt").write_text("hello")
    (tmp_path / "README.md").write_text("the corpus's own")
    assert list(read(tmp_path, all_files(tmp_path))) == ["sub/a.txt"]


def test_the_document_shows_the_last_results() -> None:
    assert report.table(json.loads(report.RESULTS.read_text())) in report.DOCUMENT.read_text()
