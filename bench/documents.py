"""Text to measure with: the same words on every machine, and no two documents alike."""

import random
from pathlib import Path

_WORDS = """
the supplier delivers goods to buyer within thirty days after receipt of order and invoice shall be paid net amount
without deduction unless otherwise agreed in writing liability for damage is limited by law both parties keep
confidential information secret during term of this agreement termination requires notice at end each quarter price
list includes packaging freight insurance are charged separately title passes when full payment has been received
warranty covers defects material workmanship twelve months from date acceptance test protocol signed by customer
""".split()
_WORDS_IN_LINE = 12


def text(seed: int, num_lines: int) -> str:
    """Write a document of numbered clauses; a line is about 19 tokens of the bundled model."""
    source = random.Random(seed)
    lines = (f"{i}. {' '.join(source.choices(_WORDS, k=_WORDS_IN_LINE))}." for i in range(1, num_lines + 1))
    return f"Agreement {seed}\n\n" + "\n".join(lines) + "\n"


def write(folder: Path, sizes: list[int], *, first: int = 0) -> Path:
    """Write one file for each number of lines; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, num_lines in enumerate(sizes, first):
        (folder / f"agreement-{seed:05}.txt").write_text(text(seed, num_lines))
    return folder
