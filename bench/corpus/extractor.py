"""Runs a peer in an environment of its own: `PYTHON extractor.py markitdown FOLDER < names > texts`.

Knows nothing of kvprep. Names come one a line; each answer is a line of JSON with `name`, `text` and, where the peer
failed, the type of its `error`.
"""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

SECONDS = 120
"""Processor time is not what is measured here: a file past this is given up."""

Extract = Callable[[Path], str]


def markitdown() -> Extract:
    """Give what `markitdown FILE` prints, with its default settings."""
    from markitdown import MarkItDown  # type: ignore[import-not-found]

    converter = MarkItDown()
    return lambda path: str(converter.convert_local(path).markdown)


def pypdf() -> Extract:
    """Give the plain text of all pages, with pypdf's default settings."""
    from pypdf import PdfReader

    return lambda path: "\n".join(page.extract_text() for page in PdfReader(path).pages)


def main(peer: str, folder: Path) -> None:
    """Extract each named file."""
    extract = {"markitdown": markitdown, "pypdf": pypdf}[peer]()
    signal.signal(signal.SIGALRM, _give_up)
    for name in map(str.strip, sys.stdin):
        signal.alarm(SECONDS)
        try:
            answer = {"name": name, "text": extract(folder / name)}
        except Exception as error:  # whatever a peer raises, it is that file's result
            answer = {"name": name, "text": "", "error": type(error).__name__}
        signal.alarm(0)
        print(json.dumps(answer))


def _give_up(*_: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
