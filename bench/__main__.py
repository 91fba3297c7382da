"""`make bench`: measure everything, in ten minutes or so, and write it down after each part."""

import sys
from pathlib import Path
from typing import Any

from bench import codec, ingest, lookup, machine, reading, report, start, warm
from bench.corpus.files import corpus_folder, is_corpus
from bench.environments import REPOSITORY
from bench.workplace import workplace
from kvprep.prefill.models import ModelSpec, resolve
from kvprep.progress import Silent
from kvprep.store.store import Store


def main() -> None:
    """Measure in a folder of its own."""
    with workplace() as folder:
        _measure(folder)


def _measure(work: Path) -> None:
    from kvprep.prefill.transformers import load_engine

    results: dict[str, Any] = {"machine": machine.machine(work), "versions": machine.versions(), "targets": {}}
    files = resolve(ModelSpec(dtype="bfloat16", device="cpu"), Silent())

    engine = load_engine(files)
    with Store.create(work / "warm-store") as opened:
        _begin(results, "warm")
        measured = warm.measure(warm.Bench(opened.namespace("default"), files, engine, work))
        results["warm"] = {str(size): times for size, times in measured.items()}
        _end(results, warm.targets(measured, files.shape.token_bytes))
        _end(results, codec.targets(codec.measure(engine, files), measured[8000]))

    with Store.create(work / "ingest-store") as opened:
        _begin(results, "ingest")
        namespace = opened.namespace("default")
        done = ingest.ingest_batches(namespace, engine, REPOSITORY / "sample_docs", work / "documents")
        distinct = ingest.distinct_tokens(namespace)
        changes = ingest.change_lines(namespace, engine, work / "documents")
    results["ingest"] = {"changes": changes, "peaks": ingest.memory(work)}
    _end(results, ingest.targets(done, distinct, changes, results["ingest"]["peaks"]))

    _begin(results, "start")
    folder, store = start.fill(work)
    results["start"] = start.measure(folder, store)
    _end(results, start.targets(results["start"], start.loads_torch(folder, store)))

    _begin(results, "look-up")
    with Store.create(work / "lookup-store") as opened:
        prefixes = lookup.fill(opened.namespace("default"))
        found = lookup.measure(opened.namespace("default"), opened.path / "index.sqlite", prefixes)
        _end(results, lookup.targets(found))

    if is_corpus(corpus := corpus_folder()):
        _begin(results, "reading")
        results["reading"] = reading.measure(corpus)
        _end(results, reading.targets(results["reading"], corpus))


def _begin(results: dict[str, Any], stage: str) -> None:
    results.setdefault("load_average", {})[stage] = machine.load_average()
    print(f"{stage} …", file=sys.stderr, flush=True)


def _end(results: dict[str, Any], targets: dict[str, Any]) -> None:
    results["targets"] |= targets
    report.write(results, REPOSITORY / "bench/results", REPOSITORY / "docs/benchmarks.md")
    for number, found in targets.items():
        print(f"{number:>3} {report.TARGETS[number][0]}: {found['value']} ({found['detail']})", file=sys.stderr)


if __name__ == "__main__":
    main()
