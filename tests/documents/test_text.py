import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvprep.documents.base import Kind, Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.text import TextReader, decode
from kvprep.errors import UnreadableDocument

GERMAN = "Die Vergütung beträgt 1.234,50 € für größere Änderungen an der Straße."
FRENCH = "Le prix s’élève à 1 234,50 € ; l’acheteur reçoit la facture où figure « l’œuvre »."
SPANISH = "El comprador pagará en el año siguiente según la cláusula décima. ¿Está de acuerdo? ¡Sí!"
POLISH = "Zamawiający zobowiązuje się do zapłaty wynagrodzenia w terminie trzydziestu dni. Źródło: umowa."
CZECH = "Kupující se zavazuje zaplatit kupní cenu do třiceti dnů po doručení. Smlouva nabývá účinnosti."
HUNGARIAN = "A vevő köteles a vételárat harminc napon belül megfizetni, és a szerződés hatályba lép."
TURKISH = "Alıcı, faturanın tebliğinden itibaren otuz gün içinde bedeli ödemekle yükümlüdür. Şirket."
GREEK = "Η παρούσα σύμβαση συνάπτεται μεταξύ των μερών και τίθεται σε ισχύ από την υπογραφή της."
CHINESE = "本合同由双方签订，自签字之日起生效。买方应在收到发票后三十日内付款。"
KOREAN = "이 계약은 당사자 간에 체결되며 서명한 날부터 효력이 발생한다."
RUSSIAN = "Настоящий договор заключён между сторонами и вступает в силу со дня его подписания. " * 4
JAPANESE = "本契約は、甲と乙との間で締結され、双方の署名をもって効力を生じる。" * 4


def text_of(data: bytes, kind: Kind = Kind.TEXT) -> str:
    return canonicalise(TextReader(kind).read(data, Limits())).text


MARKED = ["utf-8-sig", "utf-16", "utf-32"]
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ["utf-8", *MARKED, *WIDE, "cp1252", "iso8859-15"])
def test_one_text_in_any_encoding_is_one_document(encoding: str) -> None:
    assert text_of(GERMAN.encode(encoding)) == GERMAN + "\n"


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("text", [RUSSIAN, "Annex 7\n" + JAPANESE, "1. " + CHINESE])
def test_wide_characters_need_no_mark(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN.replace("€", "EUR"), "cp850"),
        (GERMAN.replace("€", "EUR"), "mac-roman"),
        (FRENCH, "cp1252"),
        (FRENCH, "mac-roman"),
        (SPANISH, "latin-1"),
        (SPANISH, "cp850"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (CZECH, "cp1250"),
        (CZECH, "iso8859-2"),
        (HUNGARIAN, "iso8859-2"),
        (TURKISH, "cp1254"),
        (GREEK, "cp1253"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "mac-cyrillic"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (CHINESE, "gb18030"),
        (KOREAN, "cp949"),
    ],
)
def test_encodings_of_many_languages_are_told_by_their_letters(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("word", ["Müller, Straße 5", "12 m² à 5 £", "Größe ½", "naïve – “café”"])
def test_a_few_letters_beyond_ascii_are_western(word: str) -> None:
    assert decode(word.encode("cp1252"))[0] == word


def test_a_declared_encoding_decides_where_the_bytes_do_not() -> None:
    assert decode("größer".encode("cp1252"), "ISO-8859-1")[0] == "größer"
    assert decode("größer".encode(), "ISO-8859-1")[0] == "größer"
    assert decode("größer".encode(), "utf-7")[0] == "größer"
    assert decode("Ыы".encode("koi8-r"), "koi8-r")[0] == "Ыы"


def test_utf_8_with_a_broken_place_stays_utf_8() -> None:
    data = (GERMAN * 20).encode()[:-1] + "ß".encode()[:1]
    text, encoding = decode(data)
    assert (text.count("\ufffd"), encoding) == (1, "utf-8, damaged")
    assert text.startswith(GERMAN)


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


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("seen <!-- not\nseen --> words", "seen  words"),
        ("<!-- a\n\nb -->\nseen", "seen"),
        ("seen\n\n<!-- never closed\n\nword", "seen"),
        ("[//]: # (a comment)\n\nseen", "seen"),
        ('seen <span style="display:none">a <span>b</span> c</span>words', "seen words"),
        ("<div hidden>\n\nnot **seen**\n\n</div>\n\nseen", "seen"),
        ("seen<body hidden>a", "seen"),
        ("<font color='white'>a</font>seen<script>b</script>", "seen"),
    ],
)
def test_comments_and_hidden_elements_are_left_out_of_markdown_and_reported(markdown: str, text: str) -> None:
    read = canonicalise(TextReader(Kind.MARKDOWN).read(markdown.encode(), Limits()))
    assert read.text == text + "\n"
    assert [finding.kind for finding in read.findings] in (["hidden-text"], ["hidden-text"] * 2)


@pytest.mark.parametrize(
    "markdown",
    [
        "`<!-- code -->` and ``a ` <!-- b -->``",
        "```html\n<!-- code -->\n<p hidden>\n```",
        "text\n\n    <!-- code -->",
        "a <!-- that no paragraph closes",
        "<p align=center>seen</p> <img style='display:none' src=x>",
        "---\ntitle: front matter # kept\n---\n\ntext\n\n[link]: https://example.com (title)",
        "a < b and c > d",
        "<html hidden",
    ],
)
def test_what_a_rendered_page_shows_stays_in_markdown(markdown: str) -> None:
    read = canonicalise(TextReader(Kind.MARKDOWN).read(markdown.encode(), Limits()))
    assert (read.text, read.findings) == (markdown + "\n", ())


def test_comments_are_text_in_plain_text() -> None:
    assert text_of(b"a <!-- b -->") == "a <!-- b -->\n"


def test_form_feeds_end_pages_whose_running_lines_stand_once() -> None:
    pages = [f"Agreement\n\n{number}. Clause\n\n   Text.\n\nAcme        [Page {number}]\n" for number in (1, 2, 3)]
    assert text_of("\f".join(pages).encode()) == (
        "Agreement\n\n1. Clause\n\n   Text.\n\n2. Clause\n\n   Text.\n\n3. Clause\n\n   Text.\n\nAcme        [Page 1]\n"
    )
    assert text_of(b"page one\n\x0cpage two") == "page one\npage two\n"


def test_the_reader_names_itself_and_the_encoding() -> None:
    assert TextReader(Kind.MARKDOWN).read(b"x", Limits()).reader.startswith("markdown (utf-8; charset-normalizer ")
