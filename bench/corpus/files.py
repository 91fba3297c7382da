"""Where the corpus lies, which of its files are read, and what kvprep makes of them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kvprep.documents.cage import Cage
from kvprep.types import CanonicalDocument, Skipped

REPOSITORY = Path(__file__).resolve().parents[2]

Reading = CanonicalDocument | Skipped
Texts = Mapping[str, str]
"""A file's path below the corpus → its text, empty where it gave none; a file that was not read is absent.

Measures look at the files that were read, so that they work on a sample, too.
"""


@dataclass(frozen=True)
class Measured:
    """A share, and what is missing from it."""

    found: float
    """A count, or a sum of parts of one."""
    total: int
    misses: tuple[str, ...] = ()
    """A line for each thing that was not found: file, and what it is. Only for the screen."""

    @property
    def share(self) -> float:
        """Give the part that was found; all of nothing is all."""
        return self.found / self.total if self.total else 1.0

    def __add__(self, other: "Measured") -> "Measured":
        """Count two together."""
        return Measured(self.found + other.found, self.total + other.total, self.misses + other.misses)

    def __str__(self) -> str:
        """Say the share with its two counts."""
        return f"{100 * self.share:.2f} % ({self.found:,.6g} of {self.total:,})"


NOTHING = Measured(0, 0)


def corpus_folder() -> Path:
    """Tell where the corpus is: `KVPREP_CORPUS`, by default `../shared/corpus`; relative to the repository."""
    return REPOSITORY / os.environ.get("KVPREP_CORPUS", "../shared/corpus")


def is_corpus(folder: Path) -> bool:
    """Tell whether the corpus, with its ground truth, lies there."""
    return all((folder / name).exists() for name in ("fields.json", "oracle.json"))


def all_files(corpus: Path) -> list[str]:
    """List every document of the corpus, by its path below it; its own tables and README are none."""
    return sorted(
        str(path.relative_to(corpus)) for path in corpus.rglob("*") if path.is_file() and path.parent != corpus
    )


def read(corpus: Path, names: Iterable[str], jobs: int = 2) -> dict[str, Reading]:
    """Read files through the cage, as `kvprep text` does.

    Returns:
        What became of each, and of the members of each under `container/member`.
    """
    with Cage(jobs=jobs) as cage:
        items = cage.read((name, (corpus / name).read_bytes(), name) for name in names)
        return {f"{item.tag}/{item.member}".rstrip("/"): item.reading for item in items}


def texts_of(readings: Mapping[str, Reading]) -> dict[str, str]:
    """Give the text of every file that was read."""
    return {name: reading.text if isinstance(reading, CanonicalDocument) else "" for name, reading in readings.items()}
