"""The key file: a secret of 32 bytes, outside the store.

Source: docs/format.md, "Keys".
"""

import errno
import os
import re
import secrets
from pathlib import Path

from blake3 import blake3

from kvprep.errors import StoreError, WrongKey
from kvprep.store.layout import disk_errors, sync_folder

_KEY_FILE = re.compile(
    rb"(?s)(?P<checked>(?:#[^\n]*\n)*KVPREP-KEY-1 (?P<secret>[0-9a-f]{64})\n)check (?P<check>[0-9a-f]{8})\n"
)
_KEY_FILE_BYTES = 64 << 10
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)


def write_key_file(path: Path, store_id: str) -> bytes:
    """Draw a secret that is to open a store, and write it to a new file, readable by its owner only."""
    from kvprep.store.crypto import new_key  # who only reads a key file need not import the cipher

    secret = new_key()
    comments = (
        f"Opens the kvprep store {store_id}. Keep a copy in another place:",
        "without a key nothing in the store can be read, by anybody.",
    )
    write_secret(path, secret, comments)
    return secret


def write_secret(path: Path, secret: bytes, comments: tuple[str, ...]) -> None:
    """Write a secret to a new key file.

    Raises:
        StoreError: the file is already there, or cannot be written.
    """
    checked = "".join([*(f"# {line}\n" for line in comments), f"KVPREP-KEY-1 {secret.hex()}\n"]).encode()
    data = checked + b"check " + _check_digits(checked) + b"\n"
    with disk_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write_whole(path, data)
        except FileExistsError as error:
            raise StoreError(
                f"{path}: already there, and a key file is never overwritten", hint="Name another file for the key."
            ) from error
        sync_folder(path.parent)


def _write_whole(path: Path, data: bytes) -> None:
    """Write a new file that is there wholly or not at all, where the disk knows links; a memory stick may not."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.key")
    try:
        _write_new(temporary, data)
        os.link(temporary, path)  # unlike a rename, never over another file
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _write_new(path, data)
    finally:
        temporary.unlink(missing_ok=True)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_key_file(path: Path) -> bytes:
    """Read the secret (32 bytes) of a key file.

    Raises:
        WrongKey: missing, unreadable, damaged, or no key file at all.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_KEY_FILE_BYTES)
    except OSError as error:
        raise WrongKey(
            f"{path}: no readable key file",
            hint="Name it with KVPREP_KEY_FILE, restore its copy, or put a passphrase into KVPREP_PASSPHRASE_FILE.",
        ) from error
    match = _KEY_FILE.fullmatch(data)
    if match and _check_digits(match["checked"]) == match["check"]:
        return bytes.fromhex(match["secret"].decode())
    raise WrongKey(f"{path}: the key file is damaged", hint="Restore it from the copy you keep.")


def _check_digits(checked: bytes) -> bytes:
    return blake3(checked).digest()[:4].hex().encode()
