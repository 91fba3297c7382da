"""What kvprep promises, on whole stores: nothing wrong is served, whatever the index says; what is loaded is exact."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from desk import HEAD, Desk, distinct_block_tokens, greedy, kv, loaded, tokens_of

from kvprep.documents.cage import Cage
from kvprep.errors import NotFound
from kvprep.pipeline import IngestReport, IngestSettings, ingest
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.models import BLOCK_SIZE, ModelFiles, ModelSpec, resolve
from kvprep.progress import Silent
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, find_document, load, look_up, look_up_tokens, replay
from kvprep.store.entry import EntryRecord
from kvprep.store.gc import collect
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import ContentHash, MissReason, Piece

SAMPLES = Path(__file__).parent.parent / "sample_docs"
UNREADABLE = {
    "broken-download.pdf": ("failed", "broken"),
    "password-protected.pdf": ("skipped", "password-protected"),
    "goods-received-scan.pdf": ("skipped", "needs-ocr"),
    "empty.txt": ("skipped", "empty"),
}


# The index decides nothing


def _serves_rightly(desk: Desk, texts: dict[Path, str]) -> int:
    """Ask for every source by path, id and tokens: each a miss, or its own text bit-equal. Return the hits."""
    hits = 0
    for path, text in texts.items():
        prompt = desk.template.render(text.strip() + "\n").token_ids
        asked = np.concatenate([prompt, tokens_of("?")])
        found = [look_up_tokens(desk.namespace, asked, desk.files.identity, block_size=BLOCK_SIZE)]
        try:
            found.append(desk.look_up(path))
        except NotFound:
            pass
        for hit in found:
            if isinstance(hit, Hit):
                hits += 1
                assert np.array_equal(hit.entry.token_ids[: hit.tokens], prompt[: hit.tokens])
                buffer = load(desk.namespace, hit.entry, desk.engine, tokens=hit.tokens)
                expected = kv(replay(hit.entry, desk.engine), hit.tokens, hit.entry.shape)
                assert kv(buffer, hit.tokens, hit.entry.shape) == expected
    return hits


@pytest.fixture
def texts(desk: Desk) -> dict[Path, str]:
    """Three documents that are stored, two with a shared head."""
    written = {
        "a.txt": HEAD + "Amount due: 1,250.00",
        "b.txt": HEAD + "Amount due: 9,999.00",
        "c.txt": "The rent. " * 9,
    }
    texts = {desk.write(name, text): text for name, text in written.items()}
    desk.ingest()
    return texts


EDITS = {
    "a source leads to another document": """
        UPDATE sources SET document = (SELECT max(document) FROM sources)""",
    "sources change places": """
        UPDATE sources SET document = (
            SELECT document FROM sources o WHERE o.path != sources.path ORDER BY o.path LIMIT 1)""",
    "every block leads to one segment": "UPDATE OR IGNORE blocks SET segment = (SELECT max(segment) FROM blocks)",
    "blocks are said to lie elsewhere": "UPDATE blocks SET position = position + 3",
    "short last blocks are said to be longer": "UPDATE tails SET tokens = tokens + 40",
    "every short last block leads to one segment": """
        UPDATE OR IGNORE tails SET segment = (SELECT max(segment) FROM tails)""",
    "stretches are said to reach further": "UPDATE stretches SET last_block = last_block + 5",
    "entries are said to be of another document": "UPDATE entries SET document = (SELECT max(document) FROM entries)",
    "entries change ids": "UPDATE entries SET id = randomblob(32)",
    "segments change ids": "UPDATE segments SET id = randomblob(32)",
    "facts are swapped": "UPDATE documents SET sealed = (SELECT max(sealed) FROM documents)",
    "everything is empty": "DELETE FROM entries; DELETE FROM sources; DELETE FROM blocks; DELETE FROM documents",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_index_with_rows_edited_by_hand_serves_nothing_wrong(desk: Desk, texts: dict[Path, str], edit: str) -> None:
    for statement in EDITS[edit].split(";"):
        desk.store.index.run(statement)
    desk.reopen()
    _serves_rightly(desk, texts)
    desk.ingest()
    _serves_rightly(desk, texts)
    desk.namespace.rebuild_index()
    assert _serves_rightly(desk, texts) == 6


def test_a_deleted_index_is_built_again_and_serves_everything(desk: Desk, texts: dict[Path, str]) -> None:
    desk.store.close()
    for file in desk.store.path.glob("index.sqlite*"):
        file.unlink()
    desk.reopen()
    assert _serves_rightly(desk, texts) == 6
    assert desk.ingest().tokens_computed == 0


def test_an_older_index_put_back_serves_neither_what_was_superseded_nor_what_was_removed(
    desk: Desk, texts: dict[Path, str]
) -> None:
    a, b, c = texts
    desk.store.close()
    old = desk.folder.parent / "index.old"
    shutil.copy(desk.store.path / "index.sqlite", old)
    desk.reopen()
    former = ContentHash(desk.find(a))
    removed = ContentHash(desk.find(b))
    texts[a] = HEAD + "Amount due: 3.00"
    a.write_text(texts[a])
    desk.ingest()
    desk.namespace.remove(desk.namespace.index.entries_of(removed))
    desk.store.close()
    for file in desk.store.path.glob("index.sqlite-*"):
        file.unlink()
    shutil.copy(old, desk.store.path / "index.sqlite")
    desk.reopen()
    _serves_rightly(desk, texts)
    for document in (former, removed):
        found = look_up(desk.namespace, document, desk.files.identity)
        assert isinstance(found, Miss) and found.reason == MissReason.ABSENT
    desk.namespace.rebuild_index()
    assert isinstance(look_up(desk.namespace, removed, desk.files.identity), Miss)
    assert desk.hit(a) and desk.hit(c)


def test_an_entry_file_put_back_after_its_removal_never_comes_back(desk: Desk, texts: dict[Path, str]) -> None:
    a, *_ = texts
    found = desk.hit(a)
    kept = {path: path.read_bytes() for path in desk.namespace.files("entries")}
    desk.namespace.remove(desk.namespace.index.entries_of(found.entry.document))
    for path, data in kept.items():
        path.write_bytes(data)
    desk.namespace.rebuild_index()
    assert isinstance(look_up(desk.namespace, found.entry.document, found.entry.model), Miss)
    assert _serves_rightly(desk, texts) >= 4


# Removal


def test_after_a_document_is_removed_another_with_the_same_prefix_still_hits_bit_equal(
    desk: Desk, texts: dict[Path, str]
) -> None:
    a, b, _ = texts
    removed, kept = desk.hit(a).entry, desk.hit(b).entry
    assert removed.stretches[0].segment == kept.stretches[0].segment, "they share a segment"
    before = kv(load(desk.namespace, kept, desk.engine, tokens=kept.num_tokens), kept.num_tokens, kept.shape)
    desk.namespace.remove(desk.namespace.index.entries_of(removed.document))

    def still_there() -> bool:
        entry = desk.hit(b).entry
        buffer = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens)
        return kv(buffer, entry.num_tokens, entry.shape) == before

    assert isinstance(desk.look_up(a), Miss)
    assert still_there()
    assert collect(desk.store, dry_run=False, now=time.time()).segments == 1, "what only the removed one needed"
    assert still_there()
    desk.reopen()
    assert still_there()
    assert desk.ingest().tokens_computed == removed.num_tokens - removed.stretches[0].last_block * BLOCK_SIZE
    assert desk.hit(a) and still_there()


# The bundled model on the sample documents


@dataclass
class Library:
    """The sample documents, ingested with the bundled model."""

    namespace: Namespace
    files: ModelFiles
    report: IngestReport
    seen: dict[tuple[int, bytes], bytes]

    @property
    def engine(self) -> Engine:
        return loaded(self.files)

    @property
    def entries(self) -> list[EntryRecord]:
        return [entry for _, entry in self.namespace.all_entries()]


class Watching:
    """An engine that keeps the bytes of every piece as it is computed."""

    def __init__(self, engine: Engine, seen: dict[tuple[int, bytes], bytes]) -> None:
        self._engine, self._seen = engine, seen

    def new_buffer(self, capacity: int) -> KVBuffer:
        return self._engine.new_buffer(capacity)

    def prefill(self, buffer: KVBuffer, token_ids: np.ndarray, pieces: list[Piece]) -> object:
        cost = self._engine.prefill(buffer, token_ids, pieces)
        for piece in pieces:
            place = (piece.start, token_ids[: piece.end].tobytes())
            self._seen[place] = kv(buffer, piece.end, self._engine.shape, piece.start)
        return cost


@pytest.fixture(scope="module")
def library(bundled_model: ModelFiles, cage: Cage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("library")
    seen: dict[tuple[int, bytes], bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
            patch.setenv(name, str(folder / name))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache0"))
        store = Store.create(folder / "store", key_file=folder / "key")
        namespace = store.namespace("default")
        report = ingest(
            namespace,
            cage,
            [SAMPLES],
            IngestSettings(ModelSpec(), exclude=("README.md",)),
            load=lambda files: Watching(loaded(files), seen),  # type: ignore[arg-type, return-value]
        )
    yield Library(namespace, bundled_model, report, seen)
    store.close()


def _document(library: Library, name: str) -> ContentHash:
    (path,) = SAMPLES.rglob(name)
    return find_document(library.namespace, str(path))


@pytest.mark.timeout(1200)  # the first of them ingests
def test_two_exports_of_one_invoice_are_one_document_with_two_sources_and_its_near_duplicate_is_another(
    library: Library,
) -> None:
    one, two = (_document(library, f"brightwater-BW-2025-0131{s}.pdf") for s in ("", "-portal"))
    assert one == two
    record = library.namespace.document(one)
    assert record is not None and len(record.sources) == 2
    assert _document(library, "brightwater-BW-2025-0117.pdf") != _document(library, "brightwater-BW-2025-0118.pdf")


def test_the_unreadable_samples_end_each_in_its_outcome_and_all_others_are_stored(library: Library) -> None:
    outcomes = {Path(i.source).name: (str(i.outcome), i.reason) for i in library.report.items}
    assert {name: outcomes.pop(name) for name in UNREADABLE} == UNREADABLE
    assert {outcome for outcome, _ in outcomes.values()} == {"ingested", "duplicate"}
    assert len(library.entries) == len(outcomes) - 1
    assert library.report.tokens_computed == distinct_block_tokens(library.namespace) < library.report.tokens_total


def test_every_sample_is_loaded_bit_equal_to_what_prefill_produced(library: Library) -> None:
    for entry in library.entries:
        buffer = load(library.namespace, entry, library.engine, tokens=entry.num_tokens)
        compared = 0
        for (start, prefix), computed in library.seen.items():
            end = len(prefix) // entry.token_ids.itemsize
            if entry.token_ids[:end].tobytes() == prefix:
                assert kv(buffer, end, entry.shape, start) == computed
                compared += end - start
        assert compared == entry.num_tokens


@pytest.mark.timeout(1200)
def test_every_sample_is_answered_in_24_of_24_tokens_as_after_its_replay(
    library: Library, record_property: Callable[[str, object], None]
) -> None:
    template = PromptTemplate.load(library.files.folder)
    agreed = {"tokens": 0, "of": 0}
    for entry in library.entries:
        record = library.namespace.document(entry.document)
        assert record is not None
        question = template.continuation(template.render(record.text), "What is this document about?")
        loaded_kv = load(library.namespace, entry, library.engine, tokens=entry.num_tokens, room=128)
        replayed = replay(entry, library.engine, room=128)
        assert kv(loaded_kv, entry.num_tokens, entry.shape) == kv(replayed, entry.num_tokens, entry.shape)
        answer = greedy(library.engine, loaded_kv, question)
        assert len(answer) == 24
        assert answer == greedy(library.engine, replayed, question)
        single = library.engine.new_buffer(entry.num_tokens + 128)
        library.engine.prefill(single, entry.token_ids, [Piece(0, entry.num_tokens)])
        other = greedy(library.engine, single, question)
        agreed["tokens"] += next((n for n, (x, y) in enumerate(zip(answer, other, strict=True)) if x != y), 24)
        agreed["of"] += 24
    record_property("bfloat16, greedy tokens before the first that differs from a single pass", str(agreed))
    print(f"bfloat16: {agreed['tokens']} of {agreed['of']} greedy tokens agree with a single pass")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_bundled_model_in_other_dtypes_answers_as_after_the_replay(
    make_desk: Callable[..., Desk], dtype: str
) -> None:
    desk = make_desk(dtype, model="")
    if dtype == "float32":
        left_out = shutil.ignore_patterns("README.md", "unreadable")
        shutil.copytree(SAMPLES, desk.folder, dirs_exist_ok=True, ignore=left_out)
    else:  # processors without float16 arithmetic take ten times as long over it
        shutil.copy(SAMPLES / "notices/catering-prices.txt", desk.folder)
    desk.ingest()
    files = resolve(desk.spec, Silent())
    template = PromptTemplate.load(files.folder)
    for _, entry in desk.namespace.all_entries():
        record = desk.namespace.document(entry.document)
        assert record is not None
        question = template.continuation(template.render(record.text), "What is this document about?")
        buffer = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens, room=128)
        replayed = replay(entry, desk.engine, room=128)
        assert kv(buffer, entry.num_tokens, entry.shape) == kv(replayed, entry.num_tokens, entry.shape)
        answer = greedy(desk.engine, buffer, question)
        assert answer == greedy(desk.engine, replayed, question)
        if dtype == "float32":
            single = desk.engine.new_buffer(entry.num_tokens + 128)
            desk.engine.prefill(single, entry.token_ids, [Piece(0, entry.num_tokens)])
            assert answer == greedy(desk.engine, single, question)
