"""`kvprep diff`."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.dedupe.diff import Hunk, Part, TextDiff, diff_texts
from kvprep.documents.cage import Cage
from kvprep.errors import NotFound
from kvprep.hashing import content_hash
from kvprep.pipeline.reading import read_one
from kvprep.reuse import find_document
from kvprep.sources import exists
from kvprep.store.namespace import Namespace


@command(example="kvprep diff lease-2025.pdf lease-2026.pdf\nkvprep diff 3fa9 71c0 --json", codes=STORE)
def diff(
    session: Session,
    a: Annotated[str, typer.Argument(metavar="A", help="A file, the beginning of a document's id, or a title.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same.")],
) -> None:
    """Say in words how two documents differ.

    A file that is there is read as it is now, and needs no store; everything else is looked up in the store, older
    versions by their ids (`show --history` lists them). Prints the lines that differ, behind their numbers in A and
    B, with words marked [-old-] {+new+}; figures and dates are whole. White space alone makes no difference. Exit
    code 0, whether they differ or not; of one text nothing is printed.
    """
    with session.cage() as cage, ExitStack() as opened:
        names = [a, b]
        namespace = None if all(map(_is_file, names)) else opened.enter_context(session.namespace())
        texts = [_text(cage, namespace, name) for name in names]
    result = diff_texts(*texts)
    if session.emit("diff", _facts(result, *(content_hash(text).hex() for text in texts))) or result.equal:
        return
    for hunk in result.hunks:
        render.marked(_marked(hunk))
    difference = render.counted(result.num_words, "word differs", "words differ")
    render.content(f"{difference}, similarity {result.similarity:.3f}\n")


def _is_file(name: str) -> bool:
    path = _path(name)
    return exists(path) and not path.is_dir()


def _path(name: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(name)))


def _text(cage: Cage, namespace: Namespace | None, name: str) -> str:
    if namespace is None or _is_file(name):
        read = read_one(cage, _path(name))
        if read is None:
            raise NotFound(f"{name}: not inside its file", hint="`kvprep text` lists what a file holds.")
        return read.text
    record = namespace.document(find_document(namespace, name))
    if record is None:
        raise NotFound(f"{name}: its file is gone", hint="`kvprep verify` says more.")
    namespace.note("read", "done", subject=namespace.document_id(record.content_hash))
    return record.text


def _facts(result: TextDiff, a: str, b: str) -> Facts:
    return {
        "a": a,
        "b": b,
        "similarity": result.similarity,
        "equal": result.equal,
        "words": result.num_words,
        "changes": [
            {"a_line": change.a_line, "b_line": change.b_line, "old": change.old, "new": change.new}
            for change in result.changes
        ],
    }


def _marked(hunk: Hunk) -> Iterator[tuple[str, str]]:
    yield f"@ {hunk.a_line} {hunk.b_line}\n", ""
    for part in hunk.parts:
        yield from ((part.new, ""),) if part.is_same else _exchanged(part)
    if not (hunk.parts[-1].new or hunk.parts[-1].old).endswith("\n"):
        yield "\n", ""


def _exchanged(part: Part) -> Iterator[tuple[str, str]]:
    for text, mark in ((part.old.strip(), "-"), (part.new.strip(), "+")):
        if text:
            yield text, mark
    behind = part.new or part.old
    yield behind[len(behind.rstrip()) :], ""
