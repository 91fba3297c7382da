"""Words, and how two texts are compared by them.

A word is a run of letters, digits and marks; punctuation and blanks only part words. Both sides of a comparison go
through the same functions, so that no side gains by its way to decorate.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from bench.corpus.files import Measured

_WORD = re.compile(r"[^\W_]+")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_LIGATURES = str.maketrans({"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"})

_COMMENT = re.compile(r"<!--.*?-->", re.S)
_DATA_IMAGE = re.compile(r"!\[[^\]]*\]\(data:[^)]*\)")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\\.|\[[^\[\]]*\])*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)")
_TAG = re.compile(r"</?(?:br|b|i|u|s|em|strong|sub|sup|span|p|div|a|img|code|pre|del|ins|mark|small)\b[^<>]*/?>", re.I)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]*)>")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_FORMULA = re.compile(r"\$\$?[^$]+\$\$?")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_TICKED = re.compile(r"\[[xX]\]|[☑☒]")
_FENCE = re.compile(r"^\s*```\w*\s*$", re.M)


def words(text: str) -> list[str]:
    """Cut a text into its words, in order; NFC, ligatures as letters, characters without a shape left out."""
    plain = unicodedata.normalize("NFC", _HIDDEN.sub("", text).translate(_LIGATURES))
    return _WORD.findall(plain)


def plain_markdown(text: str) -> str:
    """Take away what Markdown adds to the words: comments, targets of links and pictures, tags, escapes, fences.

    What stays of a link or a picture is its text, and of a formula its letters and figures without LaTeX's commands.
    Marks such as `#`, `*`, `|` and list signs are no words anyway; the number of a numbered item is one, and stays.
    A ticked box is the word `x`, whether it is written `[x]` or as the box itself.
    """
    text = _TICKED.sub(" x ", _DATA_IMAGE.sub(" ", _COMMENT.sub(" ", text)))
    for _ in range(2):  # a picture within a link
        text = _LINK.sub(r"\1", text)
    text = _FORMULA.sub(lambda formula: _COMMAND.sub(" ", formula.group()), text)
    text = _AUTOLINK.sub(r"\1", _TAG.sub(" ", _FENCE.sub("", text)))
    return html.unescape(_ESCAPE.sub(r"\1", text).replace("*", ""))


def markdown_words(text: str) -> list[str]:
    """Cut Markdown into the words that it shows."""
    return words(plain_markdown(text))


def word_recall(name: str, expected: Sequence[str], found: Sequence[str]) -> Measured:
    """Count the expected words that were found, each as often as it is expected, wherever they stand."""
    missing = Counter(expected) - Counter(found)
    misses = (f"{name}: {missing.total()} of {len(expected)} words missing: {_sample(missing)}",) if missing else ()
    return Measured(len(expected) - missing.total(), len(expected), misses)


def _sample(missing: Counter[str]) -> str:
    return " ".join(word for word, _ in missing.most_common(12))


def words_in_order(name: str, expected: Sequence[str], found: Sequence[str]) -> Measured:
    """Count the expected words on the longest common subsequence: found, and in the expected order."""
    from rapidfuzz.distance import LCSseq

    common = int(LCSseq.similarity(expected, found))
    misses = (f"{name}: {len(expected) - common} of {len(expected)} words missing or out of order",)
    return Measured(common, len(expected), misses if common < len(expected) else ())


def likeness(expected: Sequence[str], found: Sequence[str]) -> float:
    """Give one less the edit distance of two word lists over the longer one's length: 1 the same, 0 nothing alike.

    Words that are missing, added or elsewhere all cost: a text that says everything twice does not pass here.
    """
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(expected, found))
