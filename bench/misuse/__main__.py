"""`make bench-misuse`: do to stored KV caches what should not be done, in kvprep and its peers, and see what comes."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.environments import REPOSITORY, Environment
from bench.misuse import bare, material, ours, report
from bench.misuse.rows import Cell, Request
from bench.peers import kvboost, llamacpp
from bench.peers.peer import run_module
from bench.workplace import workplace
from kvprep import __version__
from kvprep.prefill.locate import locate
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.progress import Silent

_SECONDS = 600
"""For one module: a minute or two where nothing else runs."""


@dataclass(frozen=True)
class _Peer:
    module: str
    environment: Environment | None
    """None: kvprep's own."""
    versions: dict[str, str]
    """By column."""


def _peers() -> list[_Peer]:
    stacks = {
        bare.PICKLED: f"torch {version('torch')}, transformers {version('transformers')}",
        bare.TENSORS: f"safetensors {version('safetensors')}",
    }
    others = ((peer.module, peer.environment, peer.description) for peer in (llamacpp.PEER, kvboost.PEER))
    return [
        _Peer("bare", None, stacks),
        *(_Peer(module, environment, {about.name: about.version}) for module, environment, about in others),
    ]


def main() -> None:
    """Fill the columns, and write each down as soon as it is full."""
    peers = {peer.module: peer for peer in _peers()}
    parser = argparse.ArgumentParser(prog="python -m bench.misuse", description=__doc__)
    parser.add_argument("--only", action="append", choices=["ours", *peers], help="fill these alone, keep the others")
    only = parser.parse_args().only or ["ours", *peers]
    with workplace() as folder:
        desk = _Desk(folder)
        for name in only:
            print(f"{name} …", file=sys.stderr, flush=True)
            (own := folder / name).mkdir()
            found = desk.run_peer(peers[name], own) if name in peers else desk.run_ours(own)
            report.write(found, REPOSITORY / "bench/results", REPOSITORY / "docs/benchmarks.md")


class _Desk:
    """What all columns are filled with."""

    def __init__(self, folder: Path) -> None:
        self._texts = material.texts()
        self._models = material.models(resolve(ModelSpec(), Silent()).folder, folder / "models")
        self._files = material.gguf(locate("", Silent()).path, folder)
        self._prompts = material.prompts(self._models, self._texts)

    def run_ours(self, folder: Path) -> dict[str, Any]:
        return report.record({ours.COLUMN: __version__}, ours.cells(self._models, self._texts, folder))

    def run_peer(self, peer: _Peer, folder: Path) -> dict[str, Any]:
        request = Request(self._models, self._files, self._prompts, str(folder), os.cpu_count() or 1)
        why = _run(peer, request)
        return report.record(peer.versions, _answers(folder / "answers"), why)


def _run(peer: _Peer, request: Request) -> str:
    python = peer.environment.python() if peer.environment else Path(sys.executable)
    return run_module(python, f"bench.misuse.{peer.module}", request, Path(request.folder) / "answers", _SECONDS)


def _answers(path: Path) -> Iterator[Cell]:
    lines = path.read_text().splitlines() if path.exists() else []
    return (Cell(**json.loads(line)) for line in lines)


if __name__ == "__main__":
    main()
