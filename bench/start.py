"""What runs every five minutes or at every key stroke: an ingest in which nothing has changed, and `--help`."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.child import run_child
from bench.timing import Stopwatch, ratio
from kvprep.documents.cage import Cage
from kvprep.pipeline import ingest
from kvprep.prefill.base import KVBuffer
from kvprep.prefill.buffer import TorchBuffer
from kvprep.prefill.models import ModelFiles
from kvprep.store.store import Store
from kvprep.types import PrefillCost

NUM_FILES = 10_000
ROUNDS = 5
_FILES_IN_FOLDER = 100
_WALK = """
import os, sys, typer
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        os.stat(os.path.join(folder, name))
"""
MAIN = "from kvprep.cli.main import main; main()"
_SETTLE_S = 2.5
"""What was written less than two seconds ago is looked at again by the next ingest."""


class _NoModel:
    """An engine that computes nothing: what fills the store here is never read, only recognised."""

    def __init__(self, files: ModelFiles) -> None:
        self.identity, self.shape, self.max_positions = files.identity, files.shape, files.max_positions

    def new_buffer(self, capacity: int) -> KVBuffer:
        """Make a real buffer."""
        return TorchBuffer(self.shape, capacity)

    def prefill(self, buffer: KVBuffer, token_ids: Any, pieces: Any) -> PrefillCost:
        """Declare the tokens computed."""
        buffer.reserve(pieces[-1].end)
        buffer.set_length(pieces[-1].end)
        return PrefillCost(len(token_ids), 0.0, 0.0)


def fill(work: Path, num_files: int = NUM_FILES) -> tuple[Path, Path]:
    """Make a tree of small files and a store that knows them; return both."""
    folder, store = work / "small", work / "small-store"
    for i in range(num_files):
        path = folder / f"{i // _FILES_IN_FOLDER:03}" / f"note-{i:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Note {i}: paid.\n")
    with Cage(jobs=2) as cage, Store.create(store) as made, (namespace := made.namespace("default")).lease():
        ingest(namespace, cage, [folder], load=_NoModel)  # type: ignore[arg-type]
    return folder, store


def measure(folder: Path, store: Path, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Time whole processes, in turns."""
    watch = Stopwatch()
    commands = {
        "import typer, walk, stat": ["-c", _WALK, str(folder)],
        "kvprep ingest, unchanged": ["-c", MAIN, "ingest", str(folder), "--store", str(store), "--quiet"],
        "import typer": ["-c", "import typer"],
        "kvprep --help": ["-c", MAIN, "--help"],
        "python": ["-c", ""],
    }
    settle(folder, store)
    for counted in range(-1, rounds):  # the first one warms the page cache and writes bytecode
        for name, arguments in commands.items():
            with watch.measure(name if counted >= 0 else "not counted"):
                subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    del watch.seconds["not counted"]
    return dict(watch.seconds)


def settle(folder: Path, store: Path) -> None:
    """Ingest as cron does, until files made anew have been read, then found unchanged, and a receipt counts."""
    command = [sys.executable, "-c", MAIN, "ingest", str(folder), "--store", str(store), "--quiet"]
    for _ in range(4):
        time.sleep(_SETTLE_S)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def loads_torch(folder: Path, store: Path) -> bool:
    """Tell whether an ingest in which nothing has changed imports torch."""
    return bool(run_child("ingest_command", store, folder)["torch"])


def targets(times: dict[str, list[float]], torch: bool, num_files: int = NUM_FILES) -> dict[str, dict[str, Any]]:
    """Judge targets 7 and 13."""
    unchanged = ratio(times["kvprep ingest, unchanged"], times["import typer, walk, stat"])
    helped = ratio(times["kvprep --help"], times["import typer"])
    return {
        "7": {
            "value": round(unchanged.value, 2),
            "target": 1.5,
            "met": unchanged.value <= 1.5 and not torch,
            "detail": f"{unchanged}; torch {'loaded' if torch else 'not loaded'}; {num_files:,} files; "
            f"whole processes; medians of {len(times['import typer'])}",
        },
        "13": {
            "value": round(helped.value, 2),
            "target": 2.0,
            "met": helped.value <= 2.0,
            "detail": f"{helped}; whole processes; medians of {len(times['import typer'])}",
        },
    }
