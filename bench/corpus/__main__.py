"""`python -m bench.corpus`: what kvprep makes of the corpus, measure by measure, with every miss."""

import argparse
import sys
from pathlib import Path

from bench.corpus import measures, peers, report, whole
from bench.corpus.files import Measured, all_files, corpus_folder, is_corpus, read, texts_of
from bench.corpus.measures import MEASURES


def main() -> None:
    """Print the chosen measures, or take them all beside the peers' and write the results down."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURES, metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--jobs", type=int, default=1, help="reading processes (1)")
    parser.add_argument("--peers", action="store_true", help="beside other extractors; writes the table of results")
    chosen = parser.parse_args()
    corpus = corpus_folder()
    if not is_corpus(corpus):
        parser.error(f"no corpus at {corpus}; KVPREP_CORPUS names its folder")
    if chosen.peers:
        _compare(corpus, chosen.jobs)
    else:
        _print(corpus, chosen.only or list(MEASURES), chosen.jobs)


def _print(corpus: Path, keys: list[str], jobs: int) -> None:
    names = [name for name in all_files(corpus) if any(MEASURES[key].looks_at(name) for key in keys)]
    readings = read(corpus, names, jobs)
    print(", ".join(f"{count} {outcome}" for outcome, count in whole.tally(readings).items()))
    _show("outcomes", whole.outcomes(readings))
    for key in keys:
        _show(key, MEASURES[key].run(texts_of(readings), corpus))


def _compare(corpus: Path, jobs: int) -> None:
    names = all_files(corpus)
    figures = {report.KVPREP: measures.judge(read(corpus, names, jobs), corpus)}
    for key, measured in figures[report.KVPREP].items():
        _show(key, measured)
    for peer in peers.PEERS:
        print(f"{peer.name} …", file=sys.stderr, flush=True)
        figures[peer.name] = peers.judge(peer, corpus, names)
    report.write(report.record(figures, {peer.name: peer.version for peer in peers.PEERS}))


def _show(key: str, measured: Measured) -> None:
    print(f"{key}: {measured}")
    for miss in measured.misses:
        print(f"  {miss}")


if __name__ == "__main__":
    main()
