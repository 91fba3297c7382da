"""The parts of `make bench`, in order, and what they share."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import codec, events, ingest, lookup, plot, reading, scale, start, warm
from bench.corpus.files import corpus_folder, is_corpus
from bench.environments import REPOSITORY
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.progress import Silent
from kvprep.store.store import Store

Found = dict[str, Any]
"""What a part measured, by its name in the results; its judged targets are under `targets`."""


class Bench:
    """A folder to work in, and what more than one part needs: made when the first of them asks."""

    def __init__(self, folder: Path) -> None:
        """Work in `folder`."""
        self.folder = folder

    @cached_property
    def files(self) -> ModelFiles:
        """The bundled model."""
        return resolve(ModelSpec(dtype="bfloat16", device="cpu"), Silent())

    @cached_property
    def engine(self) -> Any:
        """The bundled model, loaded."""
        from kvprep.prefill.transformers import load_engine

        return load_engine(self.files, alone=True)

    @cached_property
    def small(self) -> tuple[Path, Path]:
        """A tree of 10,000 small files, and a store that knows them."""
        return start.fill(self.folder)


def _warm(bench: Bench) -> Found:
    with Store.create(bench.folder / "warm-store") as opened:
        place = warm.Bench(opened.namespace("default"), bench.files, bench.engine, bench.folder)
        measured = warm.measure(place)
        records = events.measure(place.namespace)
    judged = warm.targets(measured, bench.files.shape.token_bytes)
    judged |= codec.targets(codec.measure(bench.engine, bench.files), measured[8000])
    judged |= events.targets(records, measured[8000]["load"])
    return {
        "warm": {str(size): measured[size] for size in warm.SIZES},
        "curve": {str(size): {name: times[name] for name in plot.LINES} for size, times in measured.items()},
        "targets": judged,
    }


def _ingest(bench: Bench) -> Found:
    documents = bench.folder / "documents"
    with Store.create(bench.folder / "ingest-store") as opened:
        namespace = opened.namespace("default")
        done = ingest.ingest_batches(namespace, bench.engine, REPOSITORY / "sample_docs", documents)
        distinct = ingest.distinct_tokens(namespace)
        changes = ingest.change_lines(namespace, bench.engine, documents)
    peaks = ingest.memory(bench.folder)
    return {
        "ingest": {"changes": changes, "peaks": peaks},
        "targets": ingest.targets(done, distinct, changes, peaks),
    }


def _start(bench: Bench) -> Found:
    times = start.measure(*bench.small)
    return {"start": times, "targets": start.targets(times, start.loads_torch(*bench.small))}


def _look_up(bench: Bench) -> Found:
    with Store.create(bench.folder / "lookup-store") as opened:
        prefixes = lookup.fill(opened.namespace("default"))
        found = lookup.measure(opened.namespace("default"), opened.path / "index.sqlite", prefixes)
    return {"targets": lookup.targets(found)}


def _scale(bench: Bench) -> Found:
    folder, store = bench.small
    with Store.open(store) as opened:
        blocks = scale.add_blocks(opened.namespace("default"))
    return {"scale": {"blocks": blocks, "times": scale.measure(folder, store)}, "targets": {}}


def _reading(_: Bench) -> Found:
    if not is_corpus(corpus := corpus_folder()):
        return {"targets": {}}
    found = reading.measure(corpus)
    return {"reading": found, "targets": reading.targets(found, corpus)}


PARTS: dict[str, Callable[[Bench], Found]] = {
    "warm": _warm,
    "ingest": _ingest,
    "start": _start,
    "look-up": _look_up,
    "scale": _scale,
    "reading": _reading,
}
