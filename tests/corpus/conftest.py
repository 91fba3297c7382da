"""The corpus, read once for all tests: a fixed sample of it, or with `KVPREP_CORPUS_WHOLE` every file."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.corpus import docling
from bench.corpus.agreements import bonterms_pairs
from bench.corpus.files import Reading, all_files, corpus_folder, is_corpus, read, texts_of
from bench.corpus.groups import same_text_groups

# Taken now: tests run without the caller's settings.
CORPUS = corpus_folder()
WHOLE = bool(os.environ.get("KVPREP_CORPUS_WHOLE"))
_ONE_IN = 3


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not is_corpus(CORPUS):
        pytest.skip(f"no corpus at {CORPUS}; KVPREP_CORPUS names its folder")
    return CORPUS


@pytest.fixture(scope="session")
def readings(corpus: Path) -> dict[str, Reading]:
    names = all_files(corpus)
    if not WHOLE:
        always = set(_small_truths(corpus))
        names = [name for name in names if name in always or _is_drawn(name)]
    return read(corpus, names)


@pytest.fixture(scope="session")
def texts(readings: dict[str, Reading]) -> dict[str, str]:
    return texts_of(readings)


def _small_truths(corpus: Path) -> Iterator[str]:
    """Name what makes sense only whole: groups, and the few files of a small ground truth."""
    yield from (name for group in same_text_groups(corpus) for name in group)
    yield from (name for name, _ in bonterms_pairs(corpus))
    yield from (str(path.relative_to(corpus)) for path in corpus.glob("invoice-x+invoice2data/**/*.pdf"))
    for form in docling.FORMATS:
        yield from (name for name, _ in docling.pairs(corpus, form))


def _is_drawn(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % _ONE_IN == 0
