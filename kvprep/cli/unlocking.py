"""What opens the store: the key file, or a passphrase where there is none."""

import os
import stat
import sys
from pathlib import Path

from kvprep.cli import render
from kvprep.config import Settings
from kvprep.errors import ConfigError
from kvprep.store.layout import open_layout
from kvprep.store.places import default_key_path
from kvprep.store.slots import PASSPHRASE_SLOT, slot_files

_PASSPHRASE_BYTES = 4096


def passphrase_for(path: Path, settings: Settings) -> str | None:
    """Get the passphrase of the store at `path`; None where its key file is there, or it has no passphrase.

    Raises:
        StoreNotFound, IntegrityError, UnsupportedFormat: as `Store.open` does.
        ConfigError: KVPREP_PASSPHRASE_FILE cannot be read.
    """
    layout = open_layout(path)
    key_file = (settings.key_file or default_key_path(layout.store_id)).expanduser()
    if key_file.exists():
        _warn_of_readers(key_file)
        return None
    if not slot_files(layout, PASSPHRASE_SLOT):
        return None
    if settings.passphrase_file is not None:
        return _first_line(settings.passphrase_file.expanduser())
    return render.ask_secret(f"Passphrase of {path}: ") if sys.stdin.isatty() else None


def _first_line(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            line = file.readline(_PASSPHRASE_BYTES)
        return line.rstrip(b"\r\n").decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: no readable passphrase", hint="KVPREP_PASSPHRASE_FILE names a file with one line of UTF-8."
        ) from error


def _warn_of_readers(path: Path) -> None:
    """Say that others can read a key; no more than that, since mounted secrets often have such modes."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if mode & 0o077:
        render.error(f"{path}: others can read the key", f"chmod 600 {path}", is_warning=True)
