"""Words: what two texts are compared by. Figures and dates are whole and as printed, with their currency sign."""

import re
import unicodedata

WORD = re.compile(
    r"[$\u00a2-\u00a5\u20a0-\u20cf]?"
    r"\w*\d\w*(?:[.,:/'’-]\w*\d\w*)*"  # 1.234,56 and 01/02/2026 and €40 and R-2025: signs join what holds digits
    r"|\w+"
    r"|[^\w\s]"
)


def match_words(text: str) -> list[str]:
    """Give the words of a text's match key: NFKC, without case, white space and punctuation.

    Lossy, so that what looks alike is found; good for comparing only, and nothing is ever merged by it.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [word for word in WORD.findall(folded) if word.isalnum() or len(word) > 1]
