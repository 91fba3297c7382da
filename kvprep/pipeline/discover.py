"""Find the files of an ingest."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from kvprep.errors import ConfigError


def discover(paths: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Iterator[Path]:
    """Walk files and folders, each file once, in the order of names; absolute paths.

    Names that begin with a dot and symbolic links are passed over, unless given by name themselves.

    Args:
        paths: files and folders.
        include: globs on the path below the folder or on the bare name; empty takes all.
        exclude: the same, taken away.

    Raises:
        ConfigError: a path does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        absolute = Path(os.path.abspath(path.expanduser()))
        if absolute.is_dir():
            for file in _walk(absolute):
                if _wanted(file.relative_to(absolute).as_posix(), include, exclude):
                    found[file] = None
        elif absolute.exists():
            found[absolute] = None
        else:
            raise ConfigError(f"{path}: no such file or folder", hint="Check the path; is its disk mounted?")
    yield from found


def matches(path: str, globs: Sequence[str]) -> bool:
    """Tell whether a path or its bare name fits one of the globs."""
    return any(fnmatch(path, glob) or fnmatch(path.rsplit("/", 1)[-1], glob) for glob in globs)


def is_excluded(member: str, exclude: Sequence[str]) -> bool:
    """Tell whether what is inside a file, at the path `member` within it, is not to be taken. Files choose for all."""
    return bool(member) and matches(member, exclude)


def _wanted(path: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    return (not include or matches(path, include)) and not matches(path, exclude)


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)
