"""Plain text and Markdown: the bytes become characters; Markdown's hidden text goes, form feeds end a text's pages."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from kvprep.documents.base import Block, BlockKind, Extracted, Kind, Limits
from kvprep.documents.encodings import escaped_encoding, guess, is_damaged_utf8
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.web.markdown import without_hidden
from kvprep.documents.signs import wide_encoding
from kvprep.errors import UnreadableDocument

# Longest first: the mark of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings whose bytes look like ASCII.
_SEVEN_BIT = ("iso2022", "hz")
_CHARSETS = re.compile(
    r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|shift_jis\w*|euc_\w+|gb\w+|hz|big5\w*|iso2022_\w+|johab|tis-620"
)
# Declared names stand for the larger sets that programs really write.
_AS_UNDERSTOOD = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}


class TextReader:
    """Reads plain text, or Markdown as it stands."""

    def __init__(self, kind: Kind) -> None:
        """Read as `kind`: text or Markdown, which differ in name only."""
        self.name = kind.value

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Decode the bytes.

        Raises:
            UnreadableDocument: no encoding fits them.
        """
        text, encoding = decode(data)
        hidden: Counter[str] = Counter()
        if self.name == Kind.MARKDOWN:
            text, hidden = without_hidden(text)
        blocks = tuple(_printed_lines(text)) if self.name == Kind.TEXT and "\f" in text else (Block(text),)
        return Extracted(blocks, "", tuple(text_findings(hidden)), reader_name(self.name, encoding))


def _printed_lines(text: str) -> Iterator[Block]:
    """Yield the lines of a text that was made for a printer, page by page: form feeds end its pages."""
    for number, page in enumerate(text.split("\f"), 1):
        for line in page.strip("\r\n").splitlines():
            yield Block(line, BlockKind.LINE, number)


def reader_name(reader: str, encoding: str) -> str:
    """Name a reader of text, the encoding that it found, and the library that it asks where nothing else tells."""
    return f"{reader} ({encoding}; charset-normalizer {version('charset-normalizer')})"


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """Decode bytes by their mark, as UTF-8, by what is declared, or as what the bytes look like.

    Args:
        data: all bytes of a text.
        declared: a name for its encoding that the format or its container gives; wrong and unknown names do no harm.

    Returns:
        The text, and the encoding's name.

    Raises:
        UnreadableDocument: no encoding fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding), encoding
    for encoding in filter(None, _candidates(data, _declared_codec(declared))):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    if is_damaged_utf8(data):
        return data.decode("utf-8", "replace"), "utf-8, damaged"
    encoding = guess(data)
    return _strict(data, encoding), encoding


def _candidates(data: bytes, declared: str) -> tuple[str, ...]:
    """List the encodings to be tried, some of them empty.

    UTF-8 is never hit by accident, while texts in UTF-8 are declared as Latin-1 often enough.
    """
    if declared.startswith(_SEVEN_BIT):
        return declared, "utf-8"
    return wide_encoding(data), escaped_encoding(data), "utf-8", declared


def _declared_codec(declared: str) -> str:
    """Give Python's name of a declared encoding as browsers understand it, or nothing."""
    try:
        name = codecs.lookup(declared.strip().lower()).name
    except (LookupError, ValueError):
        return ""
    return _AS_UNDERSTOOD.get(name, name) if _CHARSETS.fullmatch(name) else ""


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableDocument(f"the bytes are not the {encoding} that they look like") from None
