"""`make bench-misuse`: do to stored KV caches what should not be done, in kvprep and its peers, and see what comes."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

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

_SECONDS = 240


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
    """Fill the table and write it down, or print some columns of it."""
    peers = {peer.module: peer for peer in _peers()}
    parser = argparse.ArgumentParser(prog="python -m bench.misuse", description=__doc__)
    parser.add_argument("--only", action="append", choices=["ours", *peers], help="print these columns alone")
    only = parser.parse_args().only
    chosen = [peer for name, peer in peers.items() if not only or name in only]
    with workplace() as folder:
        results = _fill(chosen, folder, with_ours=not only or "ours" in only)
    if only:
        print(report.markdown(results))
    else:
        report.write(results, REPOSITORY / "bench/results", REPOSITORY / "docs/benchmarks.md")


def _fill(peers: list[_Peer], folder: Path, *, with_ours: bool) -> dict[str, object]:
    texts = material.texts()
    models = material.models(resolve(ModelSpec(), Silent()).folder, folder / "models")
    files = material.gguf(locate("", Silent()).path, folder)
    prompts = material.prompts(models, texts)
    versions, failed, cells = {}, {}, list[Cell]()
    if with_ours:
        versions[ours.COLUMN] = __version__
        _begin(ours.COLUMN)
        (own := folder / "ours").mkdir()
        cells += ours.cells(models, texts, own)
    for peer in peers:
        versions |= peer.versions
        _begin(peer.module)
        (own := folder / peer.module).mkdir()
        why = _run(peer, Request(models, files, prompts, str(own), os.cpu_count() or 1))
        failed |= dict.fromkeys(peer.versions, why) if why else {}
        cells += _answers(own / "answers")
    return report.record(cells, versions, failed)


def _run(peer: _Peer, request: Request) -> str:
    python = peer.environment.python() if peer.environment else Path(sys.executable)
    return run_module(python, f"bench.misuse.{peer.module}", request, Path(request.folder) / "answers", _SECONDS)


def _answers(path: Path) -> Iterator[Cell]:
    lines = path.read_text().splitlines() if path.exists() else []
    return (Cell(**json.loads(line)) for line in lines)


def _begin(name: str) -> None:
    print(f"{name} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
