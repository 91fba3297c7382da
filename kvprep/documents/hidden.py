"""Characters and text that a human reader does not see: what counts as such, and how it is reported.

A cached prefix replays whatever stands in it to every later reader, so what nobody sees must not get there.
"""

import re
from collections import Counter
from collections.abc import Iterable

from kvprep.types import TextFinding

HIDDEN_TEXT = "hidden-text"
"""Kind of a finding: text that is in the file but not on the page."""
HIDDEN_CHARACTERS = "hidden-characters"
"""Kind of a finding: characters without a shape of their own."""

_ZERO_WIDTH = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a"
)
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_JOINERS = "\u200c\u200d"

# Letters whose shape or meaning a joiner changes (Arabic, Syriac, the scripts of India and South-East Asia), and emoji.
_JOINED = "\u0600-\u07ff\u0840-\u109f\u1780-\u18af\ua840-\uabff\ufb50-\ufdff\ufe70-\ufeff\U00010a00-\U00011fff"
_EMOJI = "\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff\ufe0f"

_HIDDEN = re.compile(f"[{_ZERO_WIDTH}{_BIDI}{_TAGS}{_SELECTORS}{_JOINERS}]")
_KINDS = (
    ("bidi controls", re.compile(f"[{_BIDI}]")),
    ("tag characters", re.compile(f"[{_TAGS}]")),
    ("stray variation selectors", re.compile(f"(?<=[{_SELECTORS}\\s])[{_SELECTORS}]|^[{_SELECTORS}]")),
    ("zero-width characters", re.compile(f"[{_ZERO_WIDTH}]")),
    ("stray joiners", re.compile(f"(?<![{_JOINED}{_EMOJI}])[{_JOINERS}]|[{_JOINERS}](?![{_JOINED}{_EMOJI}])")),
)


def strip_hidden_characters(text: str) -> tuple[str, Counter[str]]:
    """Remove what has no shape: zero-width characters, bidi controls, tags, stray selectors and joiners.

    Joiners stay between letters that they shape, one variation selector stays behind the character it varies.

    Returns:
        The text without them, and how many of each kind there were.
    """
    removed: Counter[str] = Counter()
    # Removing one character can make its neighbour stray, so go on until nothing changes.
    while _HIDDEN.search(text):
        before = len(text)
        for kind, pattern in _KINDS:
            text, count = pattern.subn("", text)
            removed[kind] += count
        if len(text) == before:
            break
    return text, +removed


def character_findings(removed: Counter[str]) -> Iterable[TextFinding]:
    """Report what `strip_hidden_characters` removed."""
    return [TextFinding(HIDDEN_CHARACTERS, count, kind) for kind, count in sorted(removed.items())]


def text_findings(hidden: Counter[str]) -> Iterable[TextFinding]:
    """Report text that a reader left out; keys say where and why, counts are characters."""
    return [TextFinding(HIDDEN_TEXT, count, where) for where, count in hidden.items()]
