"""Plain text and Markdown: the bytes become characters, and nothing else changes here."""

import codecs
from importlib.metadata import version

from kvprep.documents.base import Block, Extracted, Kind, Limits, looks_utf16
from kvprep.errors import UnreadableDocument

# Longest first: the mark of UTF-32 starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
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


def decode(data: bytes) -> tuple[str, str]:
    """Decode bytes by their mark, as UTF-8, or as what the bytes look like.

    Returns:
        The text, and the encoding's name.

    Raises:
        UnreadableDocument: no encoding fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding), encoding
    unmarked = looks_utf16(data)
    if unmarked:
        return _strict(data, unmarked), unmarked
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        encoding = _guess(data)
    return _strict(data, encoding), encoding


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
