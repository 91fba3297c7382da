"""A desk: a folder of documents, a store and a tiny model with random weights, for tests of the joined stages."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_fixtures import SMALL, save_tiny_model

from kvprep.documents.cage import Cage
from kvprep.pipeline import IngestReport, IngestSettings, ingest, load_engine
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.models import BLOCK_SIZE, ModelFiles, ModelSpec, resolve
from kvprep.progress import Silent
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, find_document, look_up
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import TokenIds

HEAD = "".join(f"{n}. The buyer pays within thirty days of receipt, clause {n}.\n\n" for n in range(1, 9))
"""About 400 tokens, one for each character: a letterhead and terms that documents share."""


@dataclass
class Desk:
    """What a test works with."""

    folder: Path
    store: Store
    namespace: Namespace
    cage: Cage
    spec: ModelSpec
    loads: list[ModelFiles] = field(default_factory=list)
    """One for each time that a model was loaded."""

    @property
    def files(self) -> ModelFiles:
        return resolve(self.spec, Silent())

    @property
    def engine(self) -> Engine:
        return loaded(self.files)

    @property
    def template(self) -> PromptTemplate:
        preamble = self.namespace.state().settings.get("preamble", "")
        return PromptTemplate.load(self.files.folder, preamble=preamble)

    def load(self, files: ModelFiles) -> Engine:
        """Load a model, and count that."""
        self.loads.append(files)
        return loaded(files)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def ingest(
        self,
        *paths: Path,
        namespace: Namespace | None = None,
        engine: Callable[[ModelFiles], Engine] | None = None,
        **settings: Any,
    ) -> IngestReport:
        into = namespace or self.namespace
        with into.lease(wait_seconds=0):
            return self.ingest_under_lease(*paths, namespace=into, engine=engine, **settings)

    def ingest_under_lease(
        self,
        *paths: Path,
        namespace: Namespace | None = None,
        engine: Callable[[ModelFiles], Engine] | None = None,
        **settings: Any,
    ) -> IngestReport:
        """Ingest while the caller holds the lease."""
        chosen = IngestSettings(**{"model": self.spec, **settings})
        into = namespace or self.namespace
        return ingest(into, self.cage, paths or [self.folder], chosen, load=engine or self.load)

    def find(self, path: Path) -> bytes:
        return find_document(self.namespace, str(path))

    def look_up(self, path: Path) -> Hit | Miss:
        """Look a path up as a question about it does."""
        document = find_document(self.namespace, str(path))
        return look_up(self.namespace, document, self.files.identity, self.template.tags, path=path)

    def hit(self, path: Path) -> Hit:
        found = self.look_up(path)
        assert isinstance(found, Hit), found
        return found

    def reopen(self) -> None:
        """Open the store again, as the next process does."""
        name = self.namespace.name
        self.store.close()
        self.store = Store.open(self.store.path)
        self.namespace = self.store.namespace(name)


@cache
def loaded(files: ModelFiles) -> Engine:
    """Load a model once for all tests."""
    return load_engine(files)


def kv(buffer: KVBuffer, end: int, shape: Any, start: int = 0) -> bytes:
    """All bytes of the keys and values of tokens [start, end)."""
    runs = [
        bytes(buffer.chunk_view(layer, part, head, start, end))
        for layer, facts in enumerate(shape.layers)
        for part in range(2)
        for head in range(facts.num_kv_heads)
    ]
    return b"".join(runs)


def greedy(engine: Engine, buffer: KVBuffer, question: TokenIds, count: int = 24) -> list[int]:
    """Answer with `count` tokens, whatever they are."""
    return list(engine.generate(buffer, question, max_new_tokens=count, eos_token_ids=()))


def distinct_block_tokens(namespace: Namespace) -> int:
    """Tokens of all distinct blocks that the entries of a namespace name."""
    blocks = {}
    for _, entry in namespace.all_entries():
        hashes = namespace.block_hashes(entry.model.fingerprint, entry.token_ids, BLOCK_SIZE)
        for number, value in enumerate(hashes):
            blocks[value] = min(BLOCK_SIZE, entry.num_tokens - number * BLOCK_SIZE)
    return sum(blocks.values())


def tokens_of(text: str) -> TokenIds:
    """The tiny models' tokens: one for each character."""
    return np.array([ord(character) for character in text], dtype=np.uint32)


@pytest.fixture(scope="session")
def roomy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with 2,048 positions; not to be written to."""
    folder = tmp_path_factory.mktemp("roomy")
    return save_tiny_model(folder, "llama", **{**SMALL, "max_position_embeddings": 2048, "initializer_range": 0.2})


@pytest.fixture(scope="session")
def cage() -> Iterator[Cage]:
    with Cage(jobs=1) as cage:
        yield cage


@pytest.fixture
def make_desk(tmp_path: Path, cage: Cage, roomy_model: Path) -> Iterator[Callable[..., Desk]]:
    """Make desks: by dtype, or with a model of one's own."""
    made: list[Desk] = []

    def make(dtype: str = "float32", *, model: Path | str | None = None, name: str = "desk") -> Desk:
        (tmp_path / name / "docs").mkdir(parents=True)
        store = Store.create(tmp_path / name / "store")
        spec = ModelSpec(str(roomy_model if model is None else model), device="cpu", dtype=dtype)
        made.append(Desk(tmp_path / name / "docs", store, store.namespace("default"), cage, spec))
        return made[-1]

    yield make
    for desk in made:
        desk.store.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources are read long after they were written: their times can be trusted."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_000_000_000)
