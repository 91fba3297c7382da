"""The text rules that make one text of the many ways to write it down.

Source: docs/canonical-text.md, "Text rules".
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kvprep.documents.base import Block, BlockKind, Extracted
from kvprep.documents.furniture import drop_repeats, join_line_end_hyphens
from kvprep.documents.hidden import LineCounts, character_findings, strip_hidden_characters
from kvprep.errors import EmptyDocument
from kvprep.hashing import content_hash, drift_hash
from kvprep.types import CanonicalDocument, TextFinding

CANON_VERSION = 1
"""Changes whenever the same file would give another text, by a rule here or in a reader; see `tools/golden.py`."""

_TITLE_LENGTH = 120
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_FOLDS = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "\u017ft",
        "\ufb06": "st",
        "\u2011": "-",
        **dict.fromkeys(map(chr, [0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]), " "),
    }
)
_FULL_WIDTH = re.compile("[\uff01-\uff5e]+")
_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fff\u3001-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff5f-\uffdc\U00020000-\U0003ffff]"
)
_NO_TITLE = re.compile(r"\s*(?:file:|[a-z]:\\|\(?(?:anonymous|untitled|unspecified|unbenannt|sans titre)\)?\s*$)", re.I)
"""Titles that programs write where the author gave none: the path of a temporary file, a word for nothing."""
_LETTER = re.compile(r"[^\W\d_]")


def canonical_text(text: str) -> str:
    """Apply the text rules; what is canonical already stays as it is.

    Nothing that carries meaning changes: numbers, dates, quotes and dashes stay as printed, `½` and `²` as they are.
    """
    return _canonical_text(text)[0]


def canonicalise(extracted: Extracted, canonicaliser: str = "") -> CanonicalDocument:
    """Join a reader's blocks, take page furniture and line-end hyphens out, and apply the text rules.

    Args:
        extracted: what a reader found.
        canonicaliser: what this reading is called; `versions.canonicaliser` knows it by the kind of content.

    Raises:
        EmptyDocument: no visible character is left.
    """
    blocks, findings = _without_furniture(extracted.blocks)
    text, char_findings = _canonical_text(_join(blocks))
    if not text.strip():
        raise EmptyDocument("no text is left")
    return CanonicalDocument(
        text=text,
        content_hash=content_hash(text),
        drift_hash=drift_hash(text),
        title=_title(extracted.title, text),
        reader=extracted.reader,
        canonicaliser=canonicaliser,
        findings=(*extracted.findings, *findings, *char_findings),
        members=extracted.members,
    )


def _canonical_text(text: str) -> tuple[str, tuple[TextFinding, ...]]:
    raw_lines = _CONTROLS.sub("", _LINE_BREAKS.sub("\n", text)).split("\n")
    visible, removed = strip_hidden_characters(raw_lines)
    folded = unicodedata.normalize("NFC", _fold_full_width("\n".join(visible).translate(_FOLDS)))
    lines = [line.rstrip() for line in folded.split("\n")]
    kept = _kept_lines(lines)
    text = "".join(f"{lines[index]}\n" for index in kept)
    found = {kind: _renumbered(counts, kept) for kind, counts in removed.items()}
    return text, tuple(character_findings(found))


def _fold_full_width(text: str) -> str:
    return _FULL_WIDTH.sub(_fold_run, text)


def _fold_run(match: re.Match[str]) -> str:
    # Between ideographs the wide forms are the native punctuation; elsewhere they are ASCII in disguise.
    around = match.string[match.start() - 1 : match.start()] + match.string[match.end() : match.end() + 1]
    run = match.group()
    return run if _CJK.search(around) else "".join(chr(ord(char) - 0xFEE0) for char in run)


def _kept_lines(lines: Sequence[str]) -> list[int]:
    """Choose the lines that stay: at most one empty line in a row, and none at either end."""
    kept = [index for index, (above, line) in enumerate(pairwise(["", *lines])) if line or above]
    if kept and not lines[kept[-1]]:
        kept.pop()
    return kept


def _renumbered(counts: LineCounts, kept: Sequence[int]) -> LineCounts:
    """Turn numbers of raw lines into those of the text's; a line that did not stay counts with the one above it."""
    found: LineCounts = Counter()
    for number, count in counts.items():
        found[max(1, bisect_left(kept, number))] += count
    return found


def _without_furniture(blocks: Sequence[Block]) -> tuple[Sequence[Block], tuple[TextFinding, ...]]:
    if not any(block.page for block in blocks):
        return blocks, ()
    kept, dropped = drop_repeats(blocks)
    joined, hyphens = join_line_end_hyphens(kept)
    return joined, (*dropped, *hyphens)


def _join(blocks: Sequence[Block]) -> str:
    return "".join(_joined_parts(blocks))


def _joined_parts(blocks: Sequence[Block]) -> Iterator[str]:
    """Lines follow lines and items follow items; anything else gets an empty line between."""
    previous: BlockKind | None = None
    for block in blocks:
        if previous is not None:
            tight = block.kind is previous and previous in (BlockKind.LINE, BlockKind.ITEM)
            yield "\n" if tight else "\n\n"
        yield block.text
        previous = block.kind


def _title(metadata: str, text: str) -> str:
    """Take the metadata's title unless a program made it up, or else the first words of the text."""
    named = (line for line in canonical_text(metadata).splitlines() if not _NO_TITLE.match(line))
    for line in (*named, *text.splitlines()):
        for part in line.split("|") if line.startswith("|") else [line]:
            if _LETTER.search(part):
                return part.strip("# \t")[:_TITLE_LENGTH]
    return ""
