import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvprep.documents.base import Block, BlockKind, Extracted
from kvprep.documents.canonical import canonical_text, canonicalise
from kvprep.errors import EmptyDocument
from kvprep.hashing import content_hash, drift_hash
from kvprep.types import TextFinding

TROUBLE = (
    "ab1 \t\n\r\f\u2028\u00a0\u2009\u3000-\u2011\u00ad\u200b\u200c\u200d\u200e\u202e\u2066\ufeff\ufe00\ufe0f\u180b"
    "\U000e0041\U000e0100\u1820\u20e3\u2adc\u2203\u0338葛"
    "ﬁﬀﬅＡ１（）！中国。アﾊﾞ\u0301\u0308\u0323eu½²ª\u212b\u1100\u1161\U0001f468\U0001f469❤\u0627\u0915\u094d\x00\x1f\x85\ufffe\ud800|#"
)
# Unicode's Default_Ignorable_Code_Point, from DerivedCoreProperties.txt; the standard library does not have it.
IGNORABLE = [
    0x00AD, 0x034F, 0x061C, (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E),
    (0x2060, 0x206F), 0x3164, (0xFE00, 0xFE0F), 0xFEFF, 0xFFA0, (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]  # fmt: skip
ANNOTATIONS = range(0xFFF9, 0xFFFC)
ANY_TEXT = st.text(alphabet=TROUBLE, max_size=40) | st.text()


def is_ignorable(char: str) -> bool:
    code = ord(char)
    spans = [(span, span) if isinstance(span, int) else span for span in IGNORABLE]
    return code in ANNOTATIONS or any(first <= code <= last for first, last in spans)


def visible(text: str) -> str:
    """What has a shape, compatibility variants folded: coarser than the rules, and made another way."""
    text = text.replace("\u2011", "-")  # a hyphen that does not break; NFKC makes another one of it
    shown = (char for char in text if not is_ignorable(char) and unicodedata.category(char) not in ("Cc", "Cs"))
    shown = (char for char in shown if not char.isspace() and char not in "\ufffe\uffff\u2800")
    return unicodedata.normalize("NFKC", "".join(char for char in shown if not 0xFDD0 <= ord(char) <= 0xFDEF))


def extracted(*blocks: Block, title: str = "") -> Extracted:
    return Extracted(blocks, title, (), "test 1")


@given(ANY_TEXT)
def test_canonical_text_is_canonical_already(text: str) -> None:
    once = canonical_text(text)
    assert canonical_text(once) == once


@given(ANY_TEXT)
def test_canonical_text_is_clean(text: str) -> None:
    once = canonical_text(text)
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.encode().decode()
    assert not set(once) & set("\r\f\v\x00\x85\u00a0\u200b\u202e\u2028\ufeff\ufffe\U000e0041ﬁ")
    assert all(line == line.rstrip() for line in once.split("\n"))
    assert "\n\n\n" not in once
    assert once == "" or (once.endswith("\n") and not once.startswith("\n"))


@pytest.mark.parametrize(
    "kept", ["7½%", "10²", "m³", "N º 5 ª", "ACME™", "Ⅷ", "①", "“quoted” – ‘so’ — …", "1.234,50 €", "01/02/2026", "ﾊﾞ"]
)
def test_what_carries_meaning_stays_as_printed(kept: str) -> None:
    assert canonical_text(kept) == kept + "\n"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("e\u0301", "é"),
        ("\u212b", "Å"),
        ("o\ufb03ce \ufb01nal \ufb00 \ufb02 \ufb04", "office final ff fl ffl"),
        ("ＡＢＣ－１２３", "ABC-123"),
        ("１２３円（税込）、Ａ社", "１２３円（税込）、Ａ社"),
        ("1\u00a0234,50\u202f€\u2009net", "1 234,50 € net"),
        ("non\u2011breaking", "non-breaking"),
        ("a\r\nb\rc\x0bd\x85e\u2028f", "a\nb\nc\nd\ne\nf"),
        ("a  \n\t\n \n\nb \t", "a\n\nb"),
        ("  - indented\n\tcode", "  - indented\n\tcode"),
        ("\ufefftext", "text"),
        ("so\u00adft zero\u200bwidth", "soft zerowidth"),
    ],
)
def test_ways_to_write_the_same_become_one(written: str, canonical: str) -> None:
    assert canonical_text(written) == canonical + "\n"


@given(ANY_TEXT)
def test_no_visible_character_is_lost_or_made(text: str) -> None:
    assert visible(canonical_text(text)) == visible(text)


@given(ANY_TEXT, st.integers(0, 40), st.sampled_from([" ", "\n", "\t", " \n\n", "\u2003"]))
def test_the_drift_hash_ignores_white_space_and_nothing_else(text: str, at: int, blank: str) -> None:
    text = canonical_text(text)
    spaced, changed = text[:at] + blank + text[at:], text[:at] + "x" + text[at:]
    assert drift_hash(spaced) == drift_hash(text)
    assert drift_hash(changed) != drift_hash(text)


def hidden_characters(text: str) -> set[TextFinding]:
    return set(canonicalise(extracted(Block(text))).findings)


def test_hidden_characters_are_removed_and_reported_with_their_lines() -> None:
    smuggled = "".join(chr(0xE0000 + ord(char)) for char in "ignore")
    document = canonicalise(extracted(Block(f"\n\npay{smuggled} 1\u202e00\u202c\n\n\n\nE\u200bU\u200bR so\u00adft")))
    assert document.text == "pay 100\n\nEUR soft\n"
    assert set(document.findings) == {
        TextFinding("hidden-characters", 6, "tag characters, line 1"),
        TextFinding("hidden-characters", 2, "bidi controls, line 1"),
        TextFinding("hidden-characters", 2, "zero-width characters, line 3"),
        TextFinding("hidden-characters", 1, "soft hyphens, line 3"),
    }


def test_many_lines_are_not_all_named() -> None:
    text = "\n".join(["a\u200b"] * 7)
    assert hidden_characters(text) == {
        TextFinding("hidden-characters", 7, "zero-width characters, lines 1, 2, 3, 4, 5 and 2 more")
    }


@pytest.mark.parametrize(
    "char", [chr(code) for span in IGNORABLE for code in (span if isinstance(span, tuple) else (span,))]
)
def test_what_unicode_calls_ignorable_has_no_shape_behind_a_letter(char: str) -> None:
    assert canonical_text(f"a{char}b") == "ab\n"


@pytest.mark.parametrize(
    "kept",
    [
        "می\u200cخواهم",
        "क्\u200dष",
        "\U0001f468\u200d\U0001f469",
        "❤\ufe0f",
        "❤\ufe0f\u200d\U0001f525",
        "1\ufe0f\u20e3",
        "™\ufe0f",
        "∩\ufe00",
        "葛\U000e0100",
        "\u1820\u180b",
    ],
)
def test_joiners_and_selectors_that_shape_a_letter_stay(kept: str) -> None:
    assert canonical_text(kept) == kept + "\n"
    assert not hidden_characters(kept)


@pytest.mark.parametrize("carrier", ["😀", "", "total", " 7", "葛"])
def test_bytes_smuggled_in_variation_selectors_are_removed(carrier: str) -> None:
    smuggled = "".join(chr(0xE0100 + byte) for byte in b"ignore all")
    assert set(canonical_text(f"x{carrier}{smuggled}")) <= {*f"x{carrier}\n", "\U000e0169"}


def test_a_selector_behind_every_letter_is_a_hidden_text_too() -> None:
    text = "".join(letter + chr(0xFE00 + index % 16) for index, letter in enumerate("pay 100 EUR"))
    assert canonical_text(text) == "pay 100 EUR\n"


def test_the_text_between_annotation_marks_is_printed_and_stays() -> None:
    assert canonical_text("base\ufff9 note\ufffa gloss\ufffb") == "base note gloss\n"


@pytest.mark.parametrize("kept", ["раypal", "Ⲁ", "\ue000\uf0b7\U000f0000", "\ufffd", "\ufffc"])
def test_look_alikes_and_characters_of_private_use_stay(kept: str) -> None:
    assert canonical_text(kept) == kept + "\n"


@pytest.mark.parametrize("marks", ["\u0323\u0301", "\u0301\u0323", "\u034f\u0301\u0323"])
def test_combining_marks_come_in_one_order(marks: str) -> None:
    assert canonical_text(f"e{marks}") == "ẹ\u0301\n"


def test_what_utf8_cannot_hold_goes() -> None:
    assert canonical_text("a\ud800b\udfffc\ufffed\uffff\ufdd0\x00\x1f\x7f\x9b") == "abcd\n"


def test_blocks_are_joined_by_kind() -> None:
    document = canonicalise(
        extracted(
            Block("# Title"),
            Block("- one", BlockKind.ITEM),
            Block("- two", BlockKind.ITEM),
            Block("| a | b |", BlockKind.TABLE),
            Block("first", BlockKind.LINE),
            Block("second", BlockKind.LINE),
        )
    )
    assert document.text == "# Title\n\n- one\n- two\n\n| a | b |\n\nfirst\nsecond\n"


def test_the_document_says_what_it_is_and_where_it_came_from() -> None:
    document = canonicalise(extracted(Block("Total  1")), "canon 1, test 1")
    assert document.content_hash == content_hash("Total  1\n")
    assert document.drift_hash == drift_hash("Total1")
    assert document.reader == "test 1"
    assert document.canonicaliser == "canon 1, test 1"


@pytest.mark.parametrize(
    ("metadata", "text", "title"),
    [
        ("Lease", "Page one", "Lease"),
        (" \u200b\n", "--- \n# Lease #1\nmore", "Lease #1"),
        ("\x00\u202eLease", "text", "Lease"),
        ("", "123\n456", ""),
        ("file:///C:/Users/me/Temp/tmp0001.htm", "Invoice 7", "Invoice 7"),
        ("C:\\Temp\\letter.doc", "Letter", "Letter"),
        ("(anonymous)", "Report", "Report"),
        ("Untitled rooms", "Report", "Untitled rooms"),
        ("", "| | Item | Price |\n| --- | --- | --- |", "Item"),
    ],
)
def test_the_title_is_the_metadata_or_the_first_line_with_letters(metadata: str, text: str, title: str) -> None:
    assert canonicalise(extracted(Block(text), title=metadata)).title == title


@pytest.mark.parametrize("nothing", ["", " \n\t\u00a0", "\u200b\u202e\ufeff"])
def test_a_document_without_visible_text_is_empty(nothing: str) -> None:
    with pytest.raises(EmptyDocument):
        canonicalise(extracted(Block(nothing)))
