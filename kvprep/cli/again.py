"""An ingest whose very command line was understood before: where a receipt counts, it is answered without parsing.

Importing what parses a command line takes as long as looking at 10,000 files. What a line meant is kept in the user's
cache folder, by a digest of the line, the folder it was typed in and the environment. Nobody else can write there; who
could would only keep an ingest from being run.

Source: docs/decisions/0014-a-receipt-for-an-unchanged-ingest.md.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from kvprep import receipt
from kvprep.cli import logs, render
from kvprep.receipt import Call

COMMAND = "ingest"
_QUIET = frozenset(("--quiet", "-q"))


def answer(arguments: Sequence[str]) -> bool:
    """Answer a command line, if a receipt can; tell whether it did."""
    if arguments[:1] != [COMMAND]:
        return False
    began = time.perf_counter()
    logs.begin(arguments)
    call = _recall(arguments)
    seen = receipt.look(call) if call else None
    number = receipt.num_unchanged(seen) if seen else None
    if call is None or number is None:
        return False
    logs.name_command(COMMAND)
    draw(call, number, time.perf_counter() - began, is_quiet=bool(_QUIET.intersection(arguments)))
    return True


def remember(call: Call) -> None:
    """Keep what the command line of this process means, if it is one of `ingest`."""
    if sys.argv[1:2] == [COMMAND]:
        facts = {
            "paths": [str(path) for path in call.paths],
            "include": list(call.include),
            "exclude": list(call.exclude),
            "settings": call.settings,
            "files": [str(path) for path in call.files],
            "store": str(call.store),
            "key_file": str(call.key_file) if call.key_file else None,
        }
        receipt.keep(_name(sys.argv[1:]), facts)


def draw(call: Call, number: int, wall_s: float, *, is_quiet: bool) -> None:
    """Print and log the report of an ingest that found nothing new, and note for later ones that it ended well."""
    receipt.note_success(call.store)
    if logs.is_on() and not is_quiet:
        logs.write("info", f"{number} unchanged", outcome="unchanged", documents=number, seconds=wall_s)
    render.facts({"documents": f"{number} found, {number} unchanged", "time": f"{render.seconds(wall_s)} in all"})


def _recall(arguments: Sequence[str]) -> Call | None:
    try:
        facts = receipt.kept(_name(arguments))
        return Call(
            paths=tuple(Path(path) for path in facts["paths"]),
            include=tuple(facts["include"]),
            exclude=tuple(facts["exclude"]),
            settings=str(facts["settings"]),
            files=tuple(Path(path) for path in facts["files"]),
            store=Path(facts["store"]),
            key_file=Path(facts["key_file"]) if facts["key_file"] else None,
        )
    except (KeyError, TypeError, OSError):
        return None  # not understood before, or not by us


def _name(arguments: Sequence[str]) -> str:
    return receipt.digest_of("line", os.getcwd(), *arguments)
