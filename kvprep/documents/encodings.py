"""Guessing the encoding of bytes that are not UTF-8: by the letters that a language writes, else by statistics.

A guess from a few accented letters is a lottery for any statistics; but German bytes read in a Polish encoding show
letters that no single language has.
"""

import itertools
import re

from kvprep.errors import UnreadableDocument

_SAMPLE_BYTES = 512 * 1024
# Looked for where letters begin only: from each letter on, a long run of them would take the square of its length.
_WORD = re.compile(rb"(?<![A-Za-z])[A-Za-z]*+[\x80-\xff][A-Za-z\x80-\xff]*")
_MAX_WORDS = 100_000
# The common ones first: of two that explain the bytes the first one wins.
_CANDIDATES = "cp1252 iso8859-15 cp1250 iso8859-2 cp1254 cp1257 mac-roman cp850 cp852 mac-latin2".split()
_ALPHABETS = tuple(
    map(
        frozenset,
        (
            "äöüßéèàç",  # German, with words from French
            "àâæçéèêëîïôœùûüÿñ",  # French
            "áéíóúüñçº",  # Spanish
            "áàâãçéêíóôõúüñ",  # Portuguese
            "àáèéìíòóùú",  # Italian
            "éèëêïíóôöüúáàç",  # Dutch
            "åäöéüæøèà",  # Swedish, Danish, Norwegian, Finnish
            "áðéíóúýþæö",  # Icelandic
            "ąćęłńóśźż",  # Polish
            "áčďéěíňóřšťúůýžäôľĺŕ",  # Czech, Slovak
            "áéíóöőúüű",  # Hungarian
            "čćđšž",  # Croatian, Slovenian
            "ăâîșțşţ",  # Romanian
            "çğıöşüâîûi̇",  # Turkish
            "ąčęėįšųūž",  # Lithuanian
            "āčēģīķļņōŗšūž",  # Latvian
            "äöõüšž",  # Estonian
        ),
    )
)
# What text is made of beyond letters.
_SIGNS = frozenset("€£§°©®™²³½¼¾¹ªº«»‹›“”„‘’‚–—…•·†‡±×µ´¨¿¡‰\u00a0")
# A sign that stands between letters was meant to be a letter.
_SIGN_IN_WORD = re.compile("[^\\W\\d_][€£§°©®™²³½¼¾¹«»‹›“”„‘‚…•·†‡±×¿¡‰\u00a4][^\\W\\d_]")
_PAIR = re.compile("[^\\W\\d_][^\\W\\d_\x00-\x7f]")
# Scripts that no other language writes, and the least share of them in what is beyond ASCII.
_SCRIPTS = (
    ("euc-jp", re.compile("[\u3040-\u30ff]"), 0.2),
    ("cp932", re.compile("[\u3040-\u30ff]"), 0.2),
    ("cp949", re.compile("[\uac00-\ud7a3]"), 0.9),
)
_ESCAPES = ((b"\x1b$)C", "iso2022-kr"), (b"\x1b$", "iso2022-jp-2"))
# So few of the characters beyond ASCII may be broken in what is still taken for UTF-8.
_MAX_BROKEN_SHARE = 0.05


def guess(data: bytes) -> str:
    """Name the encoding of bytes that are not UTF-8 throughout.

    Raises:
        UnreadableDocument: none fits.
    """
    words = b" ".join(match.group() for match in itertools.islice(_WORD.finditer(data), _MAX_WORDS))
    for encoding in _CANDIDATES:
        if _is_plausible(_decoded(words, encoding)) and _decoded(data, encoding):
            return encoding
    for encoding, letters, least_share in _SCRIPTS:
        text = _decoded(data, encoding)[:_SAMPLE_BYTES]
        if len(letters.findall(text)) > least_share * sum(char > "\x7f" for char in text):
            return encoding
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    if best is None:
        raise UnreadableDocument("no character encoding fits the bytes")
    return best.encoding


def escaped_encoding(data: bytes) -> str:
    """Name the encoding whose escape sequences the bytes have, all of them ASCII; or nothing."""
    found = (encoding for mark, encoding in _ESCAPES if mark in data)
    encoding = next(found, "")
    return encoding if encoding and _decoded(data, encoding) else ""


def is_damaged_utf8(data: bytes) -> bool:
    """Tell whether the bytes are UTF-8 with a few broken places: cut off, or glued together from pieces."""
    text = data.decode("utf-8", "replace")
    num_broken = text.count("\ufffd")
    num_good = sum(char > "\x7f" for char in text) - num_broken
    return num_broken <= _MAX_BROKEN_SHARE * num_good


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _is_plausible(text: str) -> bool:
    beyond_ascii = {char for char in text if char > "\x7f"}
    letters = {char for char in beyond_ascii if char.isalpha()} - _SIGNS
    if not beyond_ascii or not beyond_ascii - letters <= _SIGNS:
        return False
    if _SIGN_IN_WORD.search(text) or any(first.islower() and second.isupper() for first, second in _PAIR.findall(text)):
        return False
    small = set("".join(letters).lower())
    return any(small <= alphabet for alphabet in _ALPHABETS)
