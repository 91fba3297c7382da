"""Versions of what computes and stores, and the journal that SQLite may use."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from kvprep import __version__
from kvprep.doctor.check import Check, fine, note, problem
from kvprep.store.database import journal_mode, sqlite_version

_PACKAGES = ("torch", "transformers", "cryptography")


def check_versions() -> Iterator[Check]:
    """Name the versions that shape numbers and bytes."""
    found = {"kvprep": __version__, "Python": platform.python_version()}
    missing = []
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            missing.append(package)
    named = ", ".join(f"{name} {number}" for name, number in found.items())
    if missing:
        yield problem("versions", f"{named}; missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    else:
        yield fine("versions", f"{named}; {platform.system()} {platform.release()} {platform.machine()}")


def check_sqlite() -> Iterator[Check]:
    """Say which journal is used, and why."""
    if journal_mode() == "WAL":
        yield fine("sqlite", f"{sqlite_version()} with a write-ahead log")
        return
    yield note(
        "sqlite",
        f"{sqlite_version()} with a rollback journal: this release can corrupt a write-ahead log that several "
        "processes write. Safe; readers wait for writers for some milliseconds",
        "Nothing has to be done. A Python with SQLite 3.51.3 (3.50.7, 3.44.6) or newer would use a write-ahead log.",
    )
