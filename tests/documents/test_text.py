import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvprep.documents.base import Kind, Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.text import TextReader, decode
from kvprep.errors import UnreadableDocument

GERMAN = "Die Vergütung beträgt 1.234,50 € für größere Änderungen an der Straße."
RUSSIAN = "Настоящий договор заключён между сторонами и вступает в силу со дня его подписания. " * 4
JAPANESE = "本契約は、甲と乙との間で締結され、双方の署名をもって効力を生じる。" * 4


def text_of(data: bytes, kind: Kind = Kind.TEXT) -> str:
    return canonicalise(TextReader(kind).read(data, Limits())).text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_one_text_in_any_encoding_is_one_document(encoding: str) -> None:
    assert text_of(GERMAN.encode(encoding)) == GERMAN + "\n"


@pytest.mark.parametrize(("text", "encoding"), [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (JAPANESE, "shift_jis")])
def test_encodings_of_other_scripts_are_guessed(text: str, encoding: str) -> None:
    assert text_of(text.encode(encoding)) == text.strip() + "\n"


def test_a_cut_utf_16_text_is_unreadable() -> None:
    with pytest.raises(UnreadableDocument):
        decode(b"\xff\xfea\x00b")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4))
def test_every_utf_8_text_is_read_as_it_is(text: str) -> None:
    assert decode(b"\xef\xbb\xbf" + text.encode()) == (text, "utf-8-sig")


def test_markdown_stays_as_it_stands() -> None:
    markdown = (
        "# Terms\n\n| a | b |\n| --- | --- |\n| 1  | 2  |\n\n- one\n  - nested\n\n```yaml\nkey:\n    deep: 1\n```\n"
    )
    assert text_of(markdown.encode(), Kind.MARKDOWN) == markdown


def test_the_reader_names_itself_and_the_encoding() -> None:
    assert TextReader(Kind.MARKDOWN).read(b"x", Limits()).reader.startswith("markdown (utf-8; charset-normalizer ")
