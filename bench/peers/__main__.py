"""`make bench-peers`: kvprep beside its peers, one after the other on the same tokens, in under twenty minutes."""

import argparse
import sys
from pathlib import Path

from bench import machine
from bench.environments import REPOSITORY
from bench.peers import kvboost, llamacpp, llamacpp_bf16, lmcache, ours, report, vllm
from bench.peers.peer import Outcome, Peer, Request
from bench.peers.weights import write_bfloat16
from bench.warm import SIZES
from bench.workplace import workplace
from kvprep.prefill.locate import locate
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.progress import Silent

PEERS: tuple[Peer, ...] = (llamacpp.PEER, llamacpp_bf16.PEER, kvboost.PEER, *lmcache.PEERS, vllm.PEER)


def main() -> None:
    """Measure all and write it down, or print what a few peers do at a few sizes."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--only", action="append", choices=[peer.module for peer in PEERS], help="print, beside kvprep")
    parser.add_argument("--tokens", action="append", type=int, choices=SIZES, help="print, at this length")
    chosen = parser.parse_args()
    sizes = tuple(chosen.tokens or SIZES)
    peers = [peer for peer in PEERS if not chosen.only or peer.module in chosen.only]
    with workplace() as folder:
        results = _measure(peers, sizes, folder)
    if chosen.only or chosen.tokens:
        print(report.markdown(results))
    else:
        report.write(results, REPOSITORY / "bench/results", REPOSITORY / "docs/benchmarks.md")


def _measure(peers: list[Peer], sizes: tuple[int, ...], folder: Path) -> dict[str, object]:
    import torch

    _say_downloads(peers)
    files = resolve(ModelSpec(dtype="bfloat16", device="cpu"), Silent())
    load = {ours.KVPREP: _begin(ours.KVPREP)}
    outcomes = ours.measure(files, sizes, folder)
    facts = ours.request_facts(files, sizes)
    facts |= {"threads": torch.get_num_threads(), **_weights(folder)}
    for peer in peers:
        load[peer.description.name] = _begin(peer.description.name)
        (own := folder / peer.module).mkdir()
        outcomes.append(_say(peer.run(Request(folder=str(own), **facts))))
    found = {outcome.peer: outcome for outcome in outcomes}
    rival = found.get(llamacpp.PEER.description)
    targets = report.target(outcomes[0], rival, llamacpp.OWN_CLOCK) if rival else {}
    setting = {"machine": machine.machine(folder), "versions": machine.versions(), "load_average": load}
    return report.record(outcomes, targets, setting)


def _weights(folder: Path) -> dict[str, str]:
    bundled, target = locate("", Silent()).path, folder / "bfloat16.gguf"
    write_bfloat16(bundled, target)
    return {"weights": str(bundled), "weights_bf16": str(target)}


def _say_downloads(peers: list[Peer]) -> None:
    wanted = {peer.environment for peer in peers if not peer.environment.is_installed()}
    if wanted:
        what = ", ".join(f"{each.name} {each.version} ({each.download_mb} MB)" for each in wanted)
        total = sum(each.download_mb for each in wanted)
        print(f"To be downloaded for peers, into .cache/peers: {what}; {total} MB", file=sys.stderr, flush=True)


def _begin(name: str) -> float:
    print(f"{name} …", file=sys.stderr, flush=True)
    return machine.load_average()


def _say(outcome: Outcome) -> Outcome:
    if outcome.failed:
        print(f"{outcome.peer.name}: {outcome.failed}", file=sys.stderr, flush=True)
    return outcome


if __name__ == "__main__":
    main()
