"""Files that are there whole or not at all: written beside their place, then renamed into it."""

import os
import secrets
from pathlib import Path


def write_beside(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put a text in place of a file's former content, in one step; durable once this returns.

    Args:
        path: in a folder that is there; what it links to is left alone.
        text: written as UTF-8.
        mode: who may read it, whatever the umask says.

    Raises:
        OSError: the folder cannot be written, or is full. The former content is still there then.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
