import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvprep.documents.base import Block, BlockKind, Extracted
from kvprep.documents.canonical import CANON_VERSION, canonical_text, canonicalise
from kvprep.errors import EmptyDocument
from kvprep.hashing import content_hash, drift_hash
from kvprep.types import TextFinding

TROUBLE = (
    "ab1 \t\n\r\f\u2028\u00a0\u2009\u3000-\u2011\u00ad\u200b\u200c\u200d\u200e\u202e\u2066\ufeff\ufe0f"
    "\U000e0041\U000e0100"
    "ﬁﬀﬅＡ１（）！中国。アﾊﾞ\u0301\u0308eu½²ª\u212b\u1100\u1161\U0001f468\U0001f469\u0627\u0915\u094d\x00\x1f\x85\ufffe\ud800|#"
)


def extracted(*blocks: Block, title: str = "") -> Extracted:
    return Extracted(blocks, title, (), "test 1")


@given(st.text(alphabet=TROUBLE, max_size=40) | st.text())
def test_canonical_text_is_canonical_already(text: str) -> None:
    once = canonical_text(text)
    assert canonical_text(once) == once


@given(st.text(alphabet=TROUBLE, max_size=40) | st.text())
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


def test_hidden_characters_are_removed_and_reported() -> None:
    smuggled = "".join(chr(0xE0000 + ord(char)) for char in "ignore")
    document = canonicalise(extracted(Block(f"pay{smuggled} 1\u202e00\u202c E\u200bU\u200bR")))
    assert document.text == "pay 100 EUR\n"
    assert set(document.findings) == {
        TextFinding("hidden-characters", 6, "tag characters"),
        TextFinding("hidden-characters", 2, "bidi controls"),
        TextFinding("hidden-characters", 2, "zero-width characters"),
    }


@pytest.mark.parametrize("kept", ["می\u200cخواهم", "क्\u200dष", "\U0001f468\u200d\U0001f469", "❤\ufe0f", "葛\U000e0100"])
def test_joiners_and_selectors_that_shape_a_letter_stay(kept: str) -> None:
    assert canonical_text(kept) == kept + "\n"


def test_bytes_smuggled_in_variation_selectors_are_removed() -> None:
    smuggled = "".join(chr(0xE0100 + byte) for byte in b"ignore all")
    assert len(canonical_text(f"😀{smuggled}")) == len("😀x\n")


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
    document = canonicalise(extracted(Block("Total  1")))
    assert document.content_hash == content_hash("Total  1\n")
    assert document.drift_hash == drift_hash("Total1")
    assert document.reader == "test 1"
    assert document.canonicaliser == f"canon {CANON_VERSION}, Unicode {unicodedata.unidata_version}, test 1"


@pytest.mark.parametrize(
    ("metadata", "text", "title"),
    [
        ("Lease", "Page one", "Lease"),
        (" \u200b\n", "--- \n# Lease #1\nmore", "Lease #1"),
        ("\x00\u202eLease", "text", "Lease"),
        ("", "123\n456", ""),
    ],
)
def test_the_title_is_the_metadata_or_the_first_line_with_letters(metadata: str, text: str, title: str) -> None:
    assert canonicalise(extracted(Block(text), title=metadata)).title == title


@pytest.mark.parametrize("nothing", ["", " \n\t\u00a0", "\u200b\u202e\ufeff"])
def test_a_document_without_visible_text_is_empty(nothing: str) -> None:
    with pytest.raises(EmptyDocument):
        canonicalise(extracted(Block(nothing)))
