"""Names for files inside files: an attachment may be called anything, a path as well."""

import re
import unicodedata
from collections.abc import Container

_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)
_UNPRINTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MAX_LENGTH = 120


def member_name(raw: str, taken: Container[str]) -> str:
    """Turn what a container calls a file into a name without folders and control characters, unlike those taken.

    The suffix stays: it tells Markdown and CSV from plain text.
    """
    bare = _FOLDERS.sub("", unicodedata.normalize("NFC", raw))
    visible = "".join(char for char in bare if unicodedata.category(char) not in _UNPRINTED)
    name = " ".join(visible.split()).strip(". ") or "unnamed"
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = name, ""
    stem = stem[: _MAX_LENGTH - len(suffix) - 1]
    name, number = f"{stem}.{suffix}" if suffix else stem, 1
    while name in taken:
        number += 1
        name = f"{stem} ({number}).{suffix}" if suffix else f"{stem} ({number})"
    return name
