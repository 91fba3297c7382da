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
    yield from map(Path, discover_names(paths, include, exclude))


def discover_names(paths: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """Do as `discover` does, with strings: making a Path takes longer than a stat."""
    found: dict[str, None] = {}
    for path in paths:
        absolute = os.path.abspath(path.expanduser())
        if os.path.isdir(absolute):
            below = len(absolute.rstrip("/")) + 1
            found.update((file, None) for file in _walk(absolute) if _wanted(file[below:], include, exclude))
        elif os.path.exists(absolute):
            found[absolute] = None
        else:
            raise ConfigError(f"{path}: no such file or folder", hint="Check the path; is its disk mounted?")
    return list(found)


def matches(path: str, globs: Sequence[str]) -> bool:
    """Tell whether a path or its bare name fits one of the globs."""
    return any(fnmatch(path, glob) or fnmatch(path.rsplit("/", 1)[-1], glob) for glob in globs)


def is_excluded(member: str, exclude: Sequence[str]) -> bool:
    """Tell whether what is inside a file, at the path `member` within it, is not to be taken. Files choose for all."""
    return bool(member) and matches(member, exclude)


def _wanted(path: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if not include and not exclude:
        return True
    return (not include or matches(path, include)) and not matches(path, exclude)


def _walk(folder: str) -> Iterator[str]:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _walk(entry.path)
        else:
            yield entry.path
