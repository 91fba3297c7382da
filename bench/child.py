"""What is measured in a process of its own: `python -m bench.child WHAT …` prints one line of JSON at the end."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kvprep.documents.cage import Cage
from kvprep.pipeline import ingest
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.prefill.plan import PIECE_TOKENS, cut
from kvprep.progress import Silent
from kvprep.store.opening import open_or_create


def run_child(what: str, *arguments: object) -> dict[str, Any]:
    """Run one of the functions below in a fresh process; return what it found."""
    command = [sys.executable, "-m", "bench.child", what, *map(str, arguments)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def ingest_library(store: str, folder: str) -> dict[str, Any]:
    """Ingest a folder as the command line does."""
    began = time.perf_counter()
    with Cage(jobs=1) as cage:
        opened, _ = open_or_create(Path(store))
        with opened, (namespace := opened.namespace("default")).lease():
            counts = ingest(namespace, cage, [Path(folder)]).counts()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "counts": counts, "torch": "torch" in sys.modules, "peak_bytes": _peak_bytes()}


def ingest_command(store: str, folder: str) -> dict[str, Any]:
    """Run `kvprep ingest` in this process, to look at it afterwards."""
    from kvprep.cli.main import main

    sys.argv = ["kvprep", "ingest", folder, "--store", store, "--quiet"]
    code: object = 0  # where a receipt answers, it returns
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    return {"code": code, "torch": "torch" in sys.modules}


def model_alone() -> dict[str, Any]:
    """Load the model and run one piece: the memory that any ingest needs, whatever it reads."""
    from kvprep.prefill.transformers import load_engine

    files: ModelFiles = resolve(ModelSpec(), Silent())
    engine = load_engine(files)
    import numpy as np

    engine.prefill(engine.new_buffer(PIECE_TOKENS), np.ones(PIECE_TOKENS, dtype=np.uint32), cut(0, PIECE_TOKENS))
    return {"peak_bytes": _peak_bytes(), "token_bytes": files.shape.token_bytes}


def _peak_bytes() -> int:
    """Peak resident memory of this process.

    `ru_maxrss` of Linux begins at what the parent held when it started this process, so the kernel's own mark it is.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no peak memory on this system")


_FUNCTIONS = {f.__name__: f for f in (ingest_library, ingest_command, model_alone)}

if __name__ == "__main__":
    print(json.dumps(_FUNCTIONS[sys.argv[1]](*sys.argv[2:])))
