"""pypdf as a second reader of PDFs: asked where PDFium seems to fail, and about a small sample of files.

It is slow, so it is asked about few pages. It knows nothing of hidden text, so that it is believed only on pages where
PDFium has found none, and there only where the drawn page shows marks.
"""

import contextlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import xxhash

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.readers.both_readers import BothReaders
from kvprep.documents.readers.pdf_pages import PdfPages, page_list
from kvprep.types import TextFinding

SECOND_READER = "second-reader"
"""Kind of a finding: pages whose text is pypdf's, because PDFium's was worse."""
DISPUTED = "disputed"
"""Kind of a finding: pages of which the two readers give different letters and digits."""
UNMAPPED = "unmapped-characters"
"""Kind of a finding: characters of fonts that do not say which they are."""

_SAMPLED_OF = 50
"""One file of so many is compared, on one of its pages."""
_MAX_PAGES = 100
"""Pages of one file that pypdf is asked about."""
_ENOUGH_CHARS = 20
# Measured: 1.0 on each of 279 pages of 162 real invoices and contracts.
_AGREEMENT = 0.98
_UNMAPPED_SHARE = 0.1
_UNMAPPED = re.compile("[\x01-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
# No word of the languages that part words by blanks is so long, chemistry aside.
_GLUED_LETTERS = 50
_GLUED = re.compile(f"[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]{{{_GLUED_LETTERS},}}")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


@dataclass
class _Review:
    """What came of asking the second reader, page by page."""

    taken: dict[int, list[Block]] = field(default_factory=dict)
    disputed: list[int] = field(default_factory=list)


def review(pages: PdfPages) -> list[TextFinding]:
    """Ask pypdf about doubtful pages, and in some files about one more; where it reads better, `pages` get its text."""
    texts = {number: "\n".join(block.text for block in same) for number, same in groupby(pages.blocks, _page_of)}
    doubtful = [number for number in range(1, pages.num_pages + 1) if _is_doubtful(number, texts, pages)]
    asked = sorted({*doubtful[:_MAX_PAGES], *_sample(pages)})
    result = _reviewed(asked, set(doubtful), texts, pages.data) if asked else _Review()
    _take(result.taken, pages)
    return list(_findings(result, pages))


def unmapped_share(pages: PdfPages) -> float:
    """Tell which share of the characters has no known meaning, from 0 to 1."""
    text = "".join("".join(block.text.split()) for block in pages.blocks)
    return len(_UNMAPPED.findall(text)) / len(text) if text else 0.0


def _page_of(block: Block) -> int:
    return block.page


def _is_doubtful(number: int, texts: dict[int, str], pages: PdfPages) -> bool:
    if number in pages.hidden_pages:
        return False
    text = texts.get(number, "")
    return not text or _is_glued(text) or _is_unmapped(text)


def _is_glued(text: str) -> bool:
    # Few texts have so long a word of any kind; the pattern alone is slow.
    return max(map(len, text.split()), default=0) >= _GLUED_LETTERS and bool(_GLUED.search(text))


def _is_unmapped(text: str) -> bool:
    return len(_UNMAPPED.findall(text)) > _UNMAPPED_SHARE * len(text)


def _sample(pages: PdfPages) -> list[int]:
    """Choose a page of every fiftieth file by the file's digest: the same one whenever the file is read."""
    lot, page = divmod(xxhash.xxh3_128_intdigest(pages.data), pages.num_pages)
    return [] if lot % _SAMPLED_OF else [page + 1]


def _reviewed(asked: list[int], doubtful: set[int], texts: dict[int, str], data: bytes) -> _Review:
    result = _Review()
    with contextlib.closing(BothReaders(data)) as readers:
        for number in asked:
            first, second = readers.first(number), readers.second(number)
            better = _better(texts.get(number, ""), first, second, number, readers) if number in doubtful else ""
            if better:
                result.taken[number] = [
                    Block(line, BlockKind.LINE, number) for line in better.splitlines() if line.strip()
                ]
            elif second is not None and not _agree(first, second):
                result.disputed.append(number)
    return result


def _better(text: str, first: str, second: str | None, number: int, readers: BothReaders) -> str:
    """Give what pypdf reads and the page shows, if it should stand in for what was made of PDFium's text."""
    if second is None or not _is_better(second, text, first):
        return ""
    shown = readers.shown(number)  # dear, since the page is drawn
    return shown if _is_better(shown, text, first) else ""


def _is_better(second: str, text: str, first: str) -> bool:
    """Judge whether pypdf's text should stand in for what was made of PDFium's.

    Args:
        first: all that PDFium sees on the page. Where it sees text that was left out, nothing may bring it back.
    """
    if not text:
        return not _LETTER_OR_DIGIT.search(first) and bool(_LETTER_OR_DIGIT.search(second))
    if _is_unmapped(text):
        return not _is_unmapped(second) and len("".join(second.split())) >= 0.8 * len("".join(text.split()))
    return _agree(text, second) and not _is_glued(second)


def _agree(one: str, other: str) -> bool:
    """Tell whether two texts have nearly the same letters and digits, in whatever order."""
    ours, theirs = _characters(one), _characters(other)
    total = ours.total() + theirs.total()
    return total < _ENOUGH_CHARS or 2 * (ours & theirs).total() >= _AGREEMENT * total


def _characters(text: str) -> Counter[str]:
    return Counter(_LETTER_OR_DIGIT.findall(unicodedata.normalize("NFKC", text).casefold()))


def _take(taken: dict[int, list[Block]], pages: PdfPages) -> None:
    if taken:
        kept = [block for block in pages.blocks if block.page not in taken]
        pages.blocks = sorted([*kept, *(block for blocks in taken.values() for block in blocks)], key=_page_of)
        pages.picture_pages = [number for number in pages.picture_pages if number not in taken]


def _findings(result: _Review, pages: PdfPages) -> Iterator[TextFinding]:
    if result.taken:
        yield TextFinding(SECOND_READER, len(result.taken), page_list(list(result.taken)))
    if result.disputed:
        yield TextFinding(DISPUTED, len(result.disputed), page_list(result.disputed))
    unmapped = {block.page: block for block in pages.blocks if _UNMAPPED.search(block.text)}
    if unmapped:
        count = sum(len(_UNMAPPED.findall(block.text)) for block in pages.blocks)
        yield TextFinding(UNMAPPED, count, page_list(list(unmapped)))
