"""The plain text of a mail: lines that were cut for transport are joined, files that were written into it taken out."""

import re
from typing import NamedTuple

from kvprep.documents.readers.mime import from_uuencode

_UUENCODED = re.compile(r"^begin [0-7]{3,4} (\S[^\n]*)\n((?:[!-`][ -`]{0,90}\n)*)(?:`?\s*\n)?end *$", re.MULTILINE)
_SIGNATURE_MARK = "-- "


class WrittenFile(NamedTuple):
    """A file that somebody wrote into the text of a mail by uuencode."""

    name: str
    data: bytes


def take_files_out(text: str) -> tuple[str, list[WrittenFile]]:
    """Take uuencoded files out of a text; only whole ones, from `begin` to `end`."""
    if "\nend" not in text:
        return text, []
    files = [WrittenFile(match[1], from_uuencode(match[2].encode())) for match in _UUENCODED.finditer(text)]
    return _UUENCODED.sub("", text), files


def join_flowed(text: str, *, delete_space: bool) -> str:
    """Join the lines of a paragraph that was cut for transport: those that end with a blank go on in the next one.

    Args:
        text: in `format=flowed`.
        delete_space: the blank itself was put there for transport.

    Source: RFC 3676.
    """
    lines: list[list[str]] = []
    level, flows = 0, False
    for line in text.split("\n"):
        bare = line.lstrip(">")
        above, level = level, len(line) - len(bare)
        bare = bare.removeprefix(" ")
        if not (flows and level == above and bare != _SIGNATURE_MARK):
            lines.append([f"{'>' * level} " if level else ""])
        flows = bare.endswith(" ") and bare != _SIGNATURE_MARK
        lines[-1].append(bare[:-1] if flows and delete_space else bare)
    return "\n".join("".join(pieces) for pieces in lines)
