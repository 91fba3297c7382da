"""Words: what two texts are compared by. Figures and dates are whole and as printed, with their currency sign."""

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
import xxhash
from numpy.typing import NDArray

WORD = re.compile(
    r"[$\u00a2-\u00a5\u20a0-\u20cf]?"
    r"\w*\d\w*(?:[.,:/'’-]\w*\d\w*)*"  # 1.234,56 and 01/02/2026 and €40 and R-2025: signs join what holds digits
    r"|\w+"
    r"|[^\w\s]"
)
_ODD = 0x9E3779B97F4A7C15


def match_words(text: str) -> list[str]:
    """Give the words of a text's match key: NFKC, without case, white space and punctuation.

    Lossy, so that what looks alike is found; good for comparing only, and nothing is ever merged by it.
    """
    return [word for word in WORD.findall(fold(text)) if not is_sign(word)]


def fold(text: str) -> str:
    """Fold what may be written in several ways."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_sign(word: str) -> bool:
    """Tell whether a word is a mark of punctuation alone."""
    return len(word) == 1 and not word.isalnum()


def hash_runs(words: Iterable[str], length: int) -> NDArray[np.uint64]:
    """Hash every run of `length` words, in order; a shorter text is one run, an empty one none."""
    hashes = np.array([xxhash.xxh3_64_intdigest(word.encode()) for word in words], dtype=np.uint64)
    if not len(hashes):
        return hashes
    runs = np.lib.stride_tricks.sliding_window_view(hashes, min(length, len(hashes)))
    # Times powers of an odd number, modulo 2^64: the sum knows the order.
    return runs @ np.array([pow(_ODD, power, 1 << 64) for power in range(runs.shape[1])], dtype=np.uint64)
