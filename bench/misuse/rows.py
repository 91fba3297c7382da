"""The rows of the table: what is done wrong, and what can come of it.

This module needs nothing but Python itself: it is read in the environments of all peers.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

RIGHT, MISS, REFUSED, WRONG, NO_NOTION = "right", "miss", "refused", "served wrong", "n/a"
"""What was reused is what is right; nothing was found; refused with a reason; the KV of the wrong thing was used;
there is nothing in the peer that could be used wrongly this way."""

ORIGINAL, WEIGHTS, TOKENIZER, TEMPLATE = "original", "other weights", "other tokenizer", "other template"
VARIANTS = (ORIGINAL, WEIGHTS, TOKENIZER, TEMPLATE)
DOCUMENT, EDITED, OTHER = "document", "edited document", "other document"
DAMAGED_BITS = 0xFF
_REASON_CHARACTERS = 160


@dataclass(frozen=True)
class Row:
    """One misuse: after DOCUMENT and OTHER were stored under ORIGINAL."""

    name: str
    says: str
    variant: str = ORIGINAL
    """Of the model, from then on."""
    document: str = DOCUMENT
    """What the source shows when it is asked about."""


CONTROL = Row("nothing", "nothing is done wrong")
FLIPPED = Row("flipped byte", "one flipped byte")
SWAPPED = Row("swapped files", "two files swapped")
TENANT = Row("another tenant", "another tenant")
EXPIRED = Row("expired", "expired")
TRUNCATED = Row("truncated file", "truncated file")
OLDER = Row("older copy", "older copy restored", document=EDITED)
ROWS = (
    CONTROL,
    Row("weights", "swapped weights of the same shape", variant=WEIGHTS),
    Row("tokenizer", "changed tokenizer", variant=TOKENIZER),
    Row("template", "changed chat template", variant=TEMPLATE),
    FLIPPED,
    SWAPPED,
    TENANT,
    EXPIRED,
    Row("edited", "source edited", document=EDITED),
    TRUNCATED,
    OLDER,
)


@dataclass(frozen=True)
class Cell:
    """What came of one misuse."""

    column: str
    row: str
    outcome: str
    detail: str
    """The reason given, or what was compared."""


@dataclass(frozen=True)
class Request:
    """What a column is asked for."""

    models: dict[str, str]
    """By variant, a folder for transformers."""
    gguf: dict[str, str]
    """By variant, the same changes made to the bundled GGUF file."""
    prompts: dict[str, dict[str, str]]
    """By variant and document, the whole prompt as the variant's template writes it."""
    folder: str
    """Empty, for this column alone."""
    threads: int


def refused(column: str, row: Row, error: Exception) -> Cell:
    """Say that a peer would not load, in its own words."""
    said = next(iter(str(error).splitlines()), "")[:_REASON_CHARACTERS]
    return Cell(column, row.name, REFUSED, f"{type(error).__name__}: {said}")


def compared(column: str, row: Row, differing: int, total: int, what: str) -> Cell:
    """Judge what was used by how many of its numbers differ from what is right; `what` names the numbers."""
    detail = f"{differing:,} of {total:,} {what}: not the right ones" if differing else f"all {total:,} {what}: right"
    return Cell(column, row.name, WRONG if differing else RIGHT, detail)


def damage(row: Row, file: Path, other: Path, *, used_bytes: int = 0) -> None:
    """Do to stored files what a row says; rows that are not about files leave them alone.

    Args:
        row: which misuse.
        file: holds DOCUMENT.
        other: holds OTHER.
        used_bytes: length of what is in use of `file`; 0: all of it.
    """
    middle = (used_bytes or file.stat().st_size) // 2
    if row is FLIPPED:
        flip(file, middle)
    elif row is TRUNCATED:
        with file.open("r+b") as opened:
            opened.truncate(middle)
    elif row is SWAPPED:
        aside = file.with_name("aside")
        shutil.move(file, aside)
        shutil.move(other, file)
        shutil.move(aside, other)


def flip(file: Path, place: int) -> None:
    """Flip every bit of one byte."""
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ DAMAGED_BITS]))


def serve(column: Callable[[Request], Iterator[Cell]]) -> None:
    """Be the child: fill the cells that stdin asks for, and write each down as soon as it is there."""
    request = Request(**json.load(sys.stdin))
    for cell in column(request):
        with Path(sys.argv[1]).open("a") as answers:
            print(json.dumps(asdict(cell)), file=answers)
