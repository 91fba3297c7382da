"""Files as they are found become readings: each file, and behind it what is inside it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from kvprep.documents.cage import Cage, Reading, ReadItem
from kvprep.errors import DocumentError
from kvprep.sources import locate, member_path, read_source
from kvprep.types import CanonicalDocument, Skipped, SourceState


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file whose bytes are on their way, or read and no longer needed."""

    path: Path
    state: SourceState


@dataclass(frozen=True, slots=True)
class ReadSource:
    """What became of a file, or of a file inside it."""

    path: str
    """Its source's path."""
    member: str
    """Its path within its file; empty for the file itself."""
    reading: Reading
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file with everything inside it."""

    path: Path
    state: SourceState | None
    """None: the operating system did not give the file."""
    sources: tuple[ReadSource, ...]
    """The file itself, then what is inside it, in order."""


def read_files(cage: Cage, paths: Iterable[Path]) -> Iterator[ReadFile]:
    """Read files, each with what is inside it, in order; one that cannot be opened comes before those under way."""
    refused: list[ReadFile] = []
    for opened, items in groupby(cage.read(_opened(paths, refused)), key=attrgetter("tag")):
        yield from _taken(refused)
        yield ReadFile(opened.path, opened.state, tuple(_source(opened.path, item) for item in items))
    yield from _taken(refused)


def read_one(cage: Cage, path: Path) -> CanonicalDocument | None:
    """Read one source as it is now, a file or what is inside one; None where its file holds it no more.

    Raises:
        OSError: there is no such file.
        DocumentError: it is no document.
    """
    path, member = locate(path)
    (file,) = read_files(cage, [path])
    source = next((source for source in file.sources if source.member == member), file.sources[0])
    if isinstance(source.reading, Skipped):
        raise DocumentError(f"{source.path}: {source.reading.reason}: {source.reading.message}")
    return source.reading if source.member == member else None


def _opened(paths: Iterable[Path], refused: list[ReadFile]) -> Iterator[tuple[OpenedFile, bytes, str]]:
    for path in paths:
        try:
            source = read_source(path)
        except (OSError, DocumentError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            skipped = Skipped("unreadable", reason, failed=True)
            refused.append(ReadFile(path, None, (ReadSource(str(path), "", skipped),)))
            continue
        yield OpenedFile(path, source.state), source.data, path.name


def _taken(refused: list[ReadFile]) -> Iterator[ReadFile]:
    while refused:
        yield refused.pop(0)


def _source(file: Path, item: ReadItem[OpenedFile]) -> ReadSource:
    return ReadSource(member_path(file, item.member), item.member, item.reading, item.seconds)
