"""kvprep's own column: real command lines on a real store, `kvprep ask --require-hit --json`.

Where one of them does answer, its answer is compared with that of an empty store, which computes the source as it is
now with the model as it is now.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.misuse.rows import (
    DOCUMENT,
    EDITED,
    EXPIRED,
    FLIPPED,
    MISS,
    OLDER,
    ORIGINAL,
    OTHER,
    REFUSED,
    RIGHT,
    ROWS,
    SWAPPED,
    TENANT,
    TRUNCATED,
    WRONG,
    Cell,
    Row,
    damage,
)

COLUMN = "kvprep"
_QUESTION = "What must the buyer pay?"
_LIFE_SECONDS = 2
_FORBIDDEN = (TENANT, EXPIRED, OLDER)
"""Whatever is served then is wrong, even if it is what would be computed."""


@dataclass(frozen=True)
class Said:
    """How a command line ended."""

    code: int
    out: str
    err: str


Run = Callable[[Mapping[str, str], list[str]], Said]


def run_program(environment: Mapping[str, str], arguments: list[str]) -> Said:
    """Run a command line in a process of its own, with these variables beside the caller's."""
    command = [sys.executable, "-c", "from kvprep.cli.app import main; main()", *arguments]
    ended = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def cells(
    models: Mapping[str, str],
    texts: Mapping[str, str],
    folder: Path,
    run: Run = run_program,
    rows: Sequence[Row] = ROWS,
) -> Iterator[Cell]:
    """Fill the column.

    Args:
        models: by variant, a model's folder.
        texts: by document.
        folder: empty.
        run: how command lines are run.
        rows: to be filled.
    """
    desk = _Desk(models, texts, folder, run)
    desk.stock()
    for row in sorted(rows, key=lambda row: row.document == EDITED):  # last: a source has been written for good then
        desk.begin()
        _do(desk, row)
        yield _judge(row, desk.ask(row), desk.answer_of_an_empty_store)


class _Desk:
    """A store, a model and two sources, each always at the same place."""

    def __init__(self, models: Mapping[str, str], texts: Mapping[str, str], folder: Path, run: Run) -> None:
        self._models, self._texts, self._run = models, texts, run
        self._home, self._kept, self._model = folder / "home", folder / "kept", folder / "model"
        self.store = self._home / "store"
        self.source, self._other = folder / "document.txt", folder / "other.txt"

    def stock(self) -> None:
        """Ingest both documents, and keep a copy of everything that kvprep keeps."""
        self.show(DOCUMENT)
        self._other.write_text(self._texts[OTHER])
        self.swap_model(ORIGINAL)
        self.ingest()
        shutil.copytree(self._home, self._kept)

    def begin(self) -> None:
        """Put everything back as it was, sources untouched; the state outside the store goes back with it."""
        _replace(self._home, self._kept)
        self.swap_model(ORIGINAL)

    def show(self, document: str) -> None:
        """Write the source anew."""
        self.source.write_text(self._texts[document])

    def swap_model(self, variant: str) -> None:
        """Put a variant of the model in the model's place."""
        _replace(self._model, Path(self._models[variant]))

    def put_older_store_back(self) -> None:
        """Put the kept store in the store's place, and nothing else."""
        _replace(self.store, self._kept / "store")

    def ingest(self, *options: str) -> None:
        """Ingest both sources."""
        self.do("ingest", "--jobs", "1", *options, str(self.source), str(self._other))

    def do(self, *arguments: str) -> Said:
        """Run a command line that must succeed."""
        said = self._run(self._environment(self._home), list(arguments))
        if said.code:
            raise RuntimeError(f"kvprep {arguments[0]} ended with {said.code}: {said.err.strip()}")
        return said

    def ask(self, row: Row) -> Said:
        """Ask for what the row is about."""
        tenant = ["--namespace", "other"] if row is TENANT else []
        return self._run(self._environment(self._home), [*_ask(self.source), "--require-hit", *tenant])

    def answer_of_an_empty_store(self) -> str:
        """Have the source as it is now computed with the model as it is now."""
        elsewhere = self._environment(self._home.with_name("elsewhere"))
        for arguments in (["init"], _ask(self.source)):
            said = self._run(elsewhere, arguments)
        answer: str = json.loads(said.out)["answer"]
        return answer

    def files(self, kind: str) -> list[Path]:
        """List the stored files of a kind; largest first."""
        return sorted((self.store / kind).glob("??/*"), key=lambda file: file.stat().st_size, reverse=True)

    def _environment(self, home: Path) -> dict[str, str]:
        xdg = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        return {**xdg, "KVPREP_STORE": str(home / "store"), "KVPREP_MODEL": str(self._model), "KVPREP_DEVICE": "cpu"}


def _ask(source: Path) -> list[str]:
    return ["ask", str(source), _QUESTION, "--json", "--max-new-tokens", "8"]


def _replace(target: Path, source: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def _do(desk: _Desk, row: Row) -> None:
    """Do what a row says."""
    if row in (FLIPPED, TRUNCATED, SWAPPED):
        one, two = desk.files("segments")
        damage(row, one, two)
        if row is not SWAPPED:  # either may be the document's
            damage(row, two, one)
    elif row is TENANT:
        desk.do("namespace", "create", "other")
    elif row is EXPIRED:
        shutil.rmtree(desk.store.parent)
        desk.ingest("--ttl", f"{_LIFE_SECONDS}s")
        time.sleep(_LIFE_SECONDS)
    elif row.document == EDITED:
        desk.show(EDITED)
    if row is OLDER:
        desk.ingest()
        desk.put_older_store_back()
    desk.swap_model(row.variant)


def _judge(row: Row, said: Said, right: Callable[[], str]) -> Cell:
    """Tell served from refused by the exit code, and served rightly from served wrong by the answer."""
    if said.code == 0:
        return _judge_answer(row, json.loads(said.out)["answer"], right)
    error: dict[str, Any] = json.loads(said.err.splitlines()[-1])
    _, _, reason = str(error["message"]).rpartition("no hit: ")
    outcome = MISS if reason.startswith("absent") else REFUSED
    return Cell(COLUMN, row.name, outcome, f"exit {said.code}: {reason}")


def _judge_answer(row: Row, answer: str, right: Callable[[], str]) -> Cell:
    if row in _FORBIDDEN:
        return Cell(COLUMN, row.name, WRONG, "exit 0: a hit")
    equal = answer == right()
    compared = "the answer of an empty store" if equal else "not the answer of an empty store"
    return Cell(COLUMN, row.name, RIGHT if equal else WRONG, f"exit 0: {compared}")
