"""Writes the canonical texts that a version of the rules gives: `python -m tools.golden`.

They lie in `tests/documents/golden/v<CANON_VERSION>`: one for each file of `sample_docs`, and of `inputs` beside them,
that has a text, and one for each entry of `blocks.json`, whose blocks no reader made. A version's texts are written
once: whoever changes a rule or a reader so that one of them comes out otherwise raises `CANON_VERSION`, and keeps the
old folder.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from kvprep.documents.base import Block, BlockKind, Extracted, Limits, reader_for, sniff
from kvprep.documents.canonical import CANON_VERSION, canonicalise
from kvprep.errors import DocumentError

REPOSITORY = Path(__file__).resolve().parents[1]
GOLDEN = REPOSITORY / "tests" / "documents" / "golden"
FOLDER = GOLDEN / f"v{CANON_VERSION}"
_FILES = (*(REPOSITORY / "sample_docs").glob("*/*"), *(GOLDEN / "inputs").iterdir())


def texts() -> dict[str, str]:
    """Make the texts as the code at hand makes them, by the name of their file."""
    return dict([*_of_files(), *_of_blocks()])


def _of_files() -> Iterator[tuple[str, str]]:
    for path in sorted(_FILES):
        data = path.read_bytes()
        try:
            document = canonicalise(reader_for(sniff(data, path.name)).read(data, Limits()))
        except DocumentError:  # some are there to show how that ends
            continue
        yield f"{path.name}.txt", document.text


def _of_blocks() -> Iterator[tuple[str, str]]:
    for name, blocks in json.loads((GOLDEN / "blocks.json").read_text("utf-8")).items():
        made = tuple(Block(block["text"], BlockKind(block["kind"]), block.get("page", 0)) for block in blocks)
        yield f"blocks-{name}.txt", canonicalise(Extracted(made, "", (), "none")).text


def main() -> None:
    """Write what is not there yet; refuse to write anything else over what is."""
    FOLDER.mkdir(exist_ok=True)
    made = {FOLDER / name: text.encode() for name, text in texts().items()}
    changed = [path.name for path, text in made.items() if path.exists() and path.read_bytes() != text]
    if changed:
        sys.exit(f"version {CANON_VERSION} gave another text for {', '.join(changed)}: raise CANON_VERSION")
    for path, text in made.items():
        path.write_bytes(text)


if __name__ == "__main__":
    main()
