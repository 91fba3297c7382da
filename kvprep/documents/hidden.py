"""Characters and text that a human reader does not see: what counts as such, and how it is reported.

A cached prefix replays whatever stands in it to every later reader, so what nobody sees must not get there.

Source: docs/canonical-text.md, "Hidden text"; Unicode's property Default_Ignorable_Code_Point.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from kvprep.types import TextFinding

HIDDEN_TEXT = "hidden-text"
"""Kind of a finding: text that is in the file but not on the page."""
HIDDEN_CHARACTERS = "hidden-characters"
"""Kind of a finding: characters without a shape of their own."""

LineCounts = Counter[int]
"""How often, by the number of the line; lines count from 1."""

_PLACES_SHOWN = 5
_SPELLING = ("tag characters", "stray variation selectors")
"""Kinds of hidden characters that can spell a text letter by letter."""

_ZERO_WIDTH = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
_TAGS = "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
_JOINERS = "\u200c\u200d"

# Selectors choose between shapes of the character before them, and only these have several: emoji (as text or picture),
# mathematical signs and some scripts, Mongolian letters, ideographs. Behind anything else they have no shape, and a
# selector behind every letter would be a hidden text as long as the visible one.
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_KEYCAPS = "0-9#*"
_STANDARD = "\u1000-\u109f\u2200-\u22ff\u2a00-\u2adb\u2add-\u2aff\u3400-\u9fff\ua840-\ua87f\uaa60-\uaa7f\uf900-\ufaff"
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MONGOLIAN = "\u1820-\u18aa"
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_STRAY_SELECTORS = "|".join(
    (
        f"(?<![{_EMOJI}{_KEYCAPS}])[\ufe0e\ufe0f]",
        f"(?<=[{_KEYCAPS}])(?:\ufe0e|\ufe0f(?!\u20e3))",
        f"(?<![{_STANDARD}{_IDEOGRAPHS}\U00010ac0-\U00010aff])[\ufe00-\ufe0d]",
        f"(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]",
        f"(?<![{_MONGOLIAN}])[\u180b-\u180d\u180f]",
    )
)

# Letters whose shape or meaning a joiner changes (Arabic, Syriac, the scripts of India and South-East Asia), and emoji.
_JOINED = "\u0600-\u07ff\u0840-\u109f\u1780-\u18af\ua840-\uabff\ufb50-\ufdff\ufe70-\ufeff\U00010a00-\U00011fff"
_JOINABLE = f"{_JOINED}{_EMOJI}\ufe0f"

_HIDDEN = re.compile(f"[\u00ad{_ZERO_WIDTH}{_BIDI}{_TAGS}{_SELECTORS}{_JOINERS}]")
_KINDS = (
    ("bidi controls", re.compile(f"[{_BIDI}]")),
    ("tag characters", re.compile(f"[{_TAGS}]")),
    ("soft hyphens", re.compile("\u00ad")),
    ("zero-width characters", re.compile(f"[{_ZERO_WIDTH}]")),
    ("stray variation selectors", re.compile(_STRAY_SELECTORS)),
    ("stray joiners", re.compile(f"(?<![{_JOINABLE}])[{_JOINERS}]|[{_JOINERS}](?![{_JOINABLE}])")),
)


def strip_hidden_characters(lines: Iterable[str]) -> tuple[list[str], dict[str, LineCounts]]:
    """Remove what has no shape: zero-width characters, soft hyphens, bidi controls, tags, stray selectors and joiners.

    Joiners stay between letters that they shape, and a variation selector behind a character that has variants.

    Returns:
        The lines without them, and for each kind how many of them were in which line.
    """
    stripped: list[str] = []
    removed: dict[str, LineCounts] = {}
    for number, line in enumerate(lines, 1):
        if _HIDDEN.search(line):
            line, counts = _strip_line(line)
            for kind, count in counts.items():
                removed.setdefault(kind, Counter())[number] += count
        stripped.append(line)
    return stripped, removed


def _strip_line(line: str) -> tuple[str, Counter[str]]:
    removed: Counter[str] = Counter()
    length = -1
    # Removing one character can make its neighbour stray, so go on until nothing changes.
    while len(line) != length:
        length = len(line)
        for kind, pattern in _KINDS:
            line, count = pattern.subn("", line)
            removed[kind] += count
    return line, +removed


def character_findings(removed: Mapping[str, LineCounts]) -> Iterable[TextFinding]:
    """Report what `strip_hidden_characters` removed, with the lines of the text where it was."""
    return [
        TextFinding(HIDDEN_CHARACTERS, lines.total(), f"{kind}, {_places(lines)}")
        for kind, lines in sorted(removed.items())
    ]


def _places(lines: Iterable[int]) -> str:
    numbers = sorted(set(lines))
    shown = ", ".join(map(str, numbers[:_PLACES_SHOWN]))
    more = f" and {len(numbers) - _PLACES_SHOWN} more" if len(numbers) > _PLACES_SHOWN else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}{more}"


def text_findings(hidden: Counter[str]) -> Iterable[TextFinding]:
    """Report text that a reader left out; keys say where and why, counts are characters."""
    return [TextFinding(HIDDEN_TEXT, count, where) for where, count in hidden.items()]


def num_visible(text: str) -> int:
    """Count the characters of a text that would be seen: all but white space."""
    return len("".join(text.split()))


def num_hidden(findings: Iterable[TextFinding]) -> int:
    """Count the characters of text that is hidden from a human reader: not on the page, or spelt without shapes.

    Soft hyphens, blanks without width, joiners and marks of direction spell nothing and are common; they do not count.
    """
    return sum(f.count for f in findings if f.kind == HIDDEN_TEXT or _is_spelling(f))


def _is_spelling(finding: TextFinding) -> bool:
    return finding.kind == HIDDEN_CHARACTERS and finding.where.startswith(_SPELLING)
