"""The next ingest: only what has changed costs anything."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from desk import HEAD, Desk, distinct_block_tokens, kv

from kvprep.prefill.models import BLOCK_SIZE
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Miss, load, look_up, replay
from kvprep.types import ContentHash, MissReason

CHILD = """
import sys, time
from pathlib import Path
from kvprep.api import Cage, IngestSettings, ModelSpec, Store, ingest
clock = time.time_ns
time.time_ns = lambda: clock() + 3_000_000_000
with Cage(jobs=1) as cage, Store.open(Path(sys.argv[1])) as store:
    namespace = store.namespace("default")
    with namespace.lease():
        report = ingest(namespace, cage, [Path(sys.argv[2])], IngestSettings())
print(report.counts()["unchanged"], report.tokens_computed, *sorted({"torch", "transformers"} & set(sys.modules)))
"""


def _outcomes(desk: Desk, **settings: object) -> dict[str, str]:
    return {Path(item.source).name: str(item.outcome) for item in desk.ingest(**settings).items}


def test_unchanged_documents_are_recognised_without_torch(desk: Desk, later: None) -> None:
    desk.write("a.txt", HEAD)
    desk.write("b.txt", HEAD + "b")
    desk.ingest()
    arguments = [sys.executable, "-c", CHILD, str(desk.store.path), str(desk.folder)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.stdout.split() == ["2", "0"], result.stderr


def test_an_unchanged_document_is_not_read_again(desk: Desk, later: None) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    (document,) = desk.namespace.files("documents")
    before = document.stat().st_mtime_ns
    assert _outcomes(desk) == {"a.txt": "unchanged"}
    assert document.stat().st_mtime_ns == before
    assert len(desk.loads) == 1
    assert desk.hit(path)


def test_a_file_written_just_before_it_was_read_is_read_again_and_unchanged(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    before = path.stat()
    path.write_text(HEAD.replace("thirty", "ninety"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _outcomes(desk) == {"a.txt": "ingested"}
    assert _outcomes(desk) == {"a.txt": "unchanged"}


def test_a_changed_document_supersedes_its_older_version_at_once(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD + "Version one.")
    desk.ingest()
    old = ContentHash(desk.find(path))
    path.write_text(HEAD + "Version two.")
    report = desk.ingest()
    assert report.superseded == 1
    new = desk.hit(path).entry
    record, former = desk.namespace.document(new.document), desk.namespace.document(old)
    assert record is not None and former is not None
    assert (record.version, record.supersedes) == (2, (old,))
    assert former.sources == ()
    found = look_up(desk.namespace, old, desk.files.identity)
    assert isinstance(found, Miss) and found.reason == MissReason.ABSENT
    assert [entry.document for _, entry in desk.namespace.all_entries()] == [new.document]


@pytest.mark.parametrize("clause", [1, 4, 8])
def test_an_edited_document_computes_only_from_its_first_changed_block_on(desk: Desk, clause: int) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    before = desk.hit(path).entry.token_ids
    path.write_text(HEAD.replace(f"clause {clause}.", f"section {clause}."))
    report = desk.ingest()
    after = desk.hit(path).entry.token_ids
    shorter = min(len(before), len(after))
    first_changed = int(np.flatnonzero(before[:shorter] != after[:shorter])[0])
    assert report.tokens_computed == len(after) - first_changed // BLOCK_SIZE * BLOCK_SIZE


def test_a_document_that_goes_back_to_an_earlier_text_supersedes_what_came_between(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD + "Version one.")
    desk.ingest()
    path.write_text(HEAD + "Version two.")
    desk.ingest()
    between = ContentHash(desk.find(path))
    path.write_text(HEAD + "Version one.")
    assert desk.ingest().superseded == 1
    assert desk.hit(path).entry.document != between
    found = look_up(desk.namespace, between, desk.files.identity)
    assert isinstance(found, Miss) and found.reason == MissReason.ABSENT
    desk.namespace.rebuild_index()
    assert desk.hit(path).entry.document != between


def test_two_documents_that_change_places_both_hit(desk: Desk) -> None:
    one, two = desk.write("one.txt", HEAD + "One."), desk.write("two.txt", HEAD + "Two.")
    desk.ingest()
    ids = desk.find(one), desk.find(two)
    one.write_text(HEAD + "Two.")
    two.write_text(HEAD + "One.")
    desk.ingest()
    assert (desk.hit(two).entry.document, desk.hit(one).entry.document) == ids


def test_a_version_that_another_source_still_shows_stays(desk: Desk) -> None:
    one, two = desk.write("one.txt", HEAD), desk.write("two.txt", HEAD)
    desk.ingest()
    one.write_text(HEAD + "A clause more.")
    assert desk.ingest().superseded == 0
    assert desk.hit(one).entry.document != desk.hit(two).entry.document


def test_a_touched_file_is_unchanged_and_its_new_times_are_noted(desk: Desk, later: None) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    os.utime(path, (1_800_000_000, 1_800_000_000))
    before = desk.namespace.document(ContentHash(desk.find(path)))
    report = desk.ingest()
    after = desk.namespace.document(ContentHash(desk.find(path)))
    assert report.counts()["unchanged"] == 1 and report.tokens_computed == 0
    assert before is not None and after is not None
    assert before.sources[0].state.mtime_ns != after.sources[0].state.mtime_ns == path.stat().st_mtime_ns


def test_a_renamed_file_and_a_second_source_compute_nothing(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    moved = path.rename(desk.folder / "b.txt")
    desk.write("c.txt", HEAD)
    assert _outcomes(desk) == {"b.txt": "duplicate", "c.txt": "duplicate"}
    assert desk.hit(moved) and desk.hit(desk.folder / "c.txt")
    assert len(desk.loads) == 1


def test_an_expired_entry_is_ingested_anew(desk: Desk, later: None) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest(ttl_seconds=-1.0)
    assert isinstance(desk.look_up(path), Miss)
    assert _outcomes(desk) == {"a.txt": "ingested"}
    assert desk.hit(path)


def test_an_entry_that_was_removed_is_ingested_anew(desk: Desk, later: None) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    desk.namespace.remove([ident for ident, _ in desk.namespace.all_entries()])
    assert _outcomes(desk) == {"a.txt": "ingested"}
    assert desk.hit(path)


@pytest.mark.parametrize("kind", ["entries", "documents", "segments"])
def test_what_was_deleted_from_the_store_is_made_again(desk: Desk, kind: str) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    for file in list(desk.store.layout.all_files(kind)):
        file.unlink()
    assert _outcomes(desk) == {"a.txt": "ingested"}
    found = desk.hit(path)
    buffer = load(desk.namespace, found.entry, desk.engine, tokens=found.tokens)
    assert kv(buffer, found.tokens, found.entry.shape) == kv(
        replay(found.entry, desk.engine), found.tokens, found.entry.shape
    )


def test_sources_that_are_gone_are_pruned_only_when_asked_and_only_below_the_given_paths(desk: Desk) -> None:
    inside, outside = desk.folder / "in", desk.folder / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.txt").write_text(HEAD + folder.name)
        (folder / "b.txt").write_text(HEAD + folder.name + "b")
    desk.ingest()
    ids = {path: ContentHash(desk.find(path)) for path in desk.folder.glob("*/*.txt")}
    (inside / "a.txt").unlink()
    (outside / "a.txt").unlink()
    desk.ingest()
    assert len(list(desk.namespace.all_entries())) == 4
    assert desk.ingest(inside, prune_missing=True).pruned == 1
    left = {entry.document for _, entry in desk.namespace.all_entries()}
    assert left == set(ids.values()) - {ids[inside / "a.txt"]}


def test_a_damaged_segment_of_a_shared_prefix_is_computed_again(desk: Desk) -> None:
    one = desk.write("one.txt", HEAD + "Amount due: 1,250.00. " * 10)
    desk.ingest()
    (segment,) = desk.store.layout.all_files("segments")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    two = desk.write("two.txt", HEAD + "Amount due: 1,260.00. " * 10)
    report = desk.ingest()
    entry = desk.hit(two).entry
    assert report.tokens_computed == entry.num_tokens
    buffer = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens)
    assert kv(buffer, entry.num_tokens, entry.shape) == kv(replay(entry, desk.engine), entry.num_tokens, entry.shape)
    assert desk.hit(one).entry.stretches != entry.stretches


def test_a_document_without_an_index_row_is_adopted_and_not_computed(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    desk.store.index.run("DELETE FROM entries")
    desk.store.index.run("DELETE FROM sources")
    report = desk.ingest()
    assert report.tokens_computed == 0
    assert desk.hit(path)
    assert distinct_block_tokens(desk.namespace) == desk.hit(path).tokens


def test_an_ingest_in_which_nothing_is_new_probes_no_template(
    desk: Desk, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.txt", HEAD)
    desk.ingest()
    desk.ingest()
    monkeypatch.setattr(PromptTemplate, "load", lambda *arguments, **options: pytest.fail("a template was probed"))
    assert desk.ingest().counts()["unchanged"] == 1


def test_a_changed_template_is_noticed_though_the_weights_are_the_same(
    make_desk: Callable[..., Desk], roomy_model: Path, tmp_path: Path, later: None
) -> None:
    model = shutil.copytree(roomy_model, tmp_path / "model")
    desk = make_desk(model=model)
    desk.write("a.txt", HEAD)
    desk.ingest()
    template = "{% for message in messages %}[{{ message.content }}]{% endfor %}"
    (model / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    report = desk.ingest()
    assert report.counts()["ingested"] == 1
    assert report.items[0].tokens > len(HEAD)
