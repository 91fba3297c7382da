"""Plain text and Markdown: the bytes become characters, and nothing else changes here."""

import codecs
import re
from importlib.metadata import version

from kvprep.documents.base import Block, Extracted, Kind, Limits
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
_SAMPLE_BYTES = 512 * 1024
_WESTERN = "cp1252"
# What Western European text is made of beyond ASCII; an encoding that gives only these explains the bytes best.
_WESTERN_CHARS = frozenset(
    "äöüÄÖÜßàâçéèêëîïôûùÿœæÀÂÇÉÈÊËÎÏÔÛÙŒÆáíóúñÁÍÓÚÑãõÃÕåÅøØ€£§°²³µ½¼¾©®™–—‘’“”„‚«»‹›…•·\u00a0¿¡º±×†‰´¨"
)


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
        reader = f"{self.name} ({encoding}; charset-normalizer {version('charset-normalizer')})"
        return Extracted((Block(text),), "", (), reader)


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
    codec = _declared_codec(declared)
    # UTF-8 is never hit by accident, while pages in UTF-8 are declared as Latin-1 often enough.
    candidates = [codec, "utf-8"] if codec.startswith(_SEVEN_BIT) else [wide_encoding(data), "utf-8", codec]
    for encoding in filter(None, candidates):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    encoding = _guess(data)
    return _strict(data, encoding), encoding


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


def _guess(data: bytes) -> str:
    """Prefer the Western code page where its letters are all that shows; a guess from a few umlauts is a lottery."""
    if _is_western(data):
        return _WESTERN
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    if best is None:
        raise UnreadableDocument("no character encoding fits the bytes")
    return best.encoding


def _is_western(data: bytes) -> bool:
    try:
        text = data.decode(_WESTERN)
    except UnicodeDecodeError:
        return False
    beyond_ascii = [char for char in text if char > "\x7f"]
    return all(char in _WESTERN_CHARS for char in beyond_ascii) and 2 * len(beyond_ascii) < len(text)
