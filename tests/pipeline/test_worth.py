"""Only what past look-ups promise enough reads is computed ahead; the rest is known, and computed when it is asked."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk import HEAD, Desk, kv

from kvprep.answers import AnswerReport, Assistant
from kvprep.pipeline import IngestReport, IngestSettings, ingest, late
from kvprep.pipeline.planning import plan_ingest
from kvprep.reuse import load
from kvprep.store.entry import Deferral
from kvprep.store.keychanges import NewKey, Role, add_key_file
from kvprep.store.store import Store
from kvprep.store.usage import Event, EventKind
from kvprep.types import ContentHash, Outcome

pytestmark = pytest.mark.usefixtures("later")
DAY = 86_400.0


def _asked(desk: Desk, path: Path, times: int, *, days_ago: float = 1.0) -> None:
    """Let a document have been looked up."""
    ident = desk.namespace.document_id(ContentHash(desk.find(path)))
    for _ in range(times):
        event = Event(EventKind.LOOK_UP, namespace=desk.namespace.ident.hex(), document=ident.hex(), result="hit")
        desk.store.usage.record(event, at=time.time() - days_ago * DAY)
    desk.store.usage.flush()


def _ask(desk: Desk, path: Path, **settings: Any) -> AnswerReport:
    assistant = Assistant(desk.namespace, desk.cage, desk.spec, load_engine=desk.load)
    answer = assistant.answer(str(path), "When?", max_new_tokens=4, **settings)
    assert "".join(answer) == answer.report.answer
    desk.store.usage.flush()
    return answer.report


def _outcomes(report: IngestReport) -> dict[str, Outcome]:
    return {Path(item.source).name: item.outcome for item in report.items}


def _num_tokens(desk: Desk, text: str) -> int:
    return len(desk.template.render(text).token_ids)


def _document(desk: Desk, path: Path) -> ContentHash:
    return ContentHash(desk.find(path))


def _evict(desk: Desk, path: Path) -> None:
    """Do to a document what gc does to one that is not worth its rent."""
    model = desk.namespace.index.model_id(desk.files.identity.fingerprint, desk.template.tags)
    deferral = Deferral(model, time.time(), 0, 30 * DAY)
    idents = desk.namespace.index.entries_of(_document(desk, path))
    evicted = desk.namespace.evict(dict.fromkeys(idents, deferral), why="idle", still=lambda ident, entry: True)
    assert evicted == idents != []


class _Stages:
    """A Progress that remembers how much each stage was to do."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self.totals[stage] = total

    def advance(self, stage: str, amount: int) -> None: ...

    def finish(self, stage: str) -> None: ...


def test_where_nobody_has_asked_for_anything_nothing_is_computed_and_all_is_known(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    report = desk.ingest(worth=1)
    assert _outcomes(report) == {"lease.txt": Outcome.DEFERRED}
    assert (report.counts()["deferred"], report.tokens_computed, desk.loads) == (1, 0, [])
    record = desk.namespace.document(_document(desk, path))
    assert record is not None and record.text.startswith("1. The buyer")
    assert report.items[0].tokens == _num_tokens(desk, record.text)
    assert desk.namespace.index.entries_of(record.content_hash) == []


def test_without_worth_everything_is_computed_as_ever(make_desk) -> None:
    plain, asked = make_desk(name="plain"), make_desk(name="asked")
    reports = []
    for desk, settings in ((plain, {}), (asked, {"worth": 0})):
        desk.write("a.txt", HEAD + "a")
        desk.write("b.txt", HEAD + "b")
        reports.append(desk.ingest(**settings))
    first, second = reports
    assert first.counts() == second.counts()
    assert first.tokens_computed == second.tokens_computed > 0
    assert first.kv_bytes == second.kv_bytes


def test_the_look_ups_of_a_folder_decide_about_what_is_new_in_it(desk: Desk) -> None:
    for folder in ("hot", "cold"):
        (desk.folder / folder).mkdir()
        desk.write(f"{folder}/old.txt", f"{folder} and old. " * 9)
    desk.ingest()
    _asked(desk, desk.folder / "hot" / "old.txt", 5)
    new = "hot and new. " * 9
    desk.write("hot/new.txt", new)
    desk.write("cold/other.txt", "cold and new. " * 9)
    report = desk.ingest(worth=3)
    assert _outcomes(report) == {
        "old.txt": Outcome.UNCHANGED,
        "new.txt": Outcome.INGESTED,
        "other.txt": Outcome.DEFERRED,
    }
    assert report.tokens_computed == report.tokens_total == _num_tokens(desk, new.strip() + "\n")


def test_in_a_new_folder_the_average_of_the_namespace_decides(desk: Desk) -> None:
    old = desk.write("old.txt", "An old one. " * 9)
    desk.ingest()
    (desk.folder / "new").mkdir()
    desk.write("new/first.txt", "A first one. " * 9)
    _asked(desk, old, 2)
    assert _outcomes(desk.ingest(worth=3))["first.txt"] is Outcome.DEFERRED
    desk.write("new/second.txt", "A second one. " * 9)
    _asked(desk, old, 30)
    # By now its folder is known, and nobody has asked for what is in it.
    assert _outcomes(desk.ingest(worth=3))["second.txt"] is Outcome.DEFERRED
    (desk.folder / "newer").mkdir()
    desk.write("newer/third.txt", "A third one. " * 9)
    assert _outcomes(desk.ingest(worth=3))["third.txt"] is Outcome.INGESTED


def test_a_newer_version_is_judged_by_the_reads_of_the_older_ones(desk: Desk) -> None:
    hot, cold = desk.write("hot.txt", "First. " * 20), desk.write("cold.txt", "Other. " * 20)
    desk.ingest()
    _asked(desk, hot, 4)
    before = _document(desk, cold)
    desk.write("hot.txt", "Second. " * 20)
    desk.write("cold.txt", "Another. " * 20)
    report = desk.ingest(worth=4)
    assert _outcomes(report) == {"hot.txt": Outcome.INGESTED, "cold.txt": Outcome.DEFERRED}
    assert report.superseded == 2
    assert desk.namespace.index.entries_of(before) == [], "what it showed before serves nobody any more"
    desk.write("hot.txt", "Third. " * 20)
    assert _outcomes(desk.ingest(worth=4))["hot.txt"] is Outcome.INGESTED


def test_reads_are_counted_within_the_time_to_live(desk: Desk) -> None:
    path = desk.write("a.txt", "First. " * 20)
    desk.ingest()
    _asked(desk, path, 4)
    desk.write("a.txt", "Second. " * 20)
    assert _outcomes(desk.ingest(worth=2, ttl_seconds=7 * DAY)) == {"a.txt": Outcome.DEFERRED}
    desk.write("a.txt", "Third. " * 20)
    assert _outcomes(desk.ingest(worth=2, ttl_seconds=30 * DAY)) == {"a.txt": Outcome.INGESTED}


def test_what_was_asked_long_ago_promises_nothing(desk: Desk) -> None:
    path = desk.write("a.txt", "First. " * 20)
    desk.ingest()
    _asked(desk, path, 50, days_ago=120)
    desk.write("a.txt", "Second. " * 20)
    assert _outcomes(desk.ingest(worth=1)) == {"a.txt": Outcome.DEFERRED}


def test_a_deferred_document_that_nobody_asked_for_is_not_read_again(desk: Desk) -> None:
    desk.write("a.txt", HEAD)
    desk.ingest(worth=1)
    stages = _Stages()
    settings = IngestSettings(model=desk.spec, worth=1)
    with desk.namespace.lease(wait_seconds=0):
        report = ingest(desk.namespace, desk.cage, [desk.folder], settings, stages, load=desk.load)
    assert _outcomes(report) == {"a.txt": Outcome.DEFERRED}
    assert stages.totals["read"] == 0


@pytest.mark.parametrize("rebuilt", [False, True])
def test_it_is_judged_again_once_it_was_asked_for_or_other_reads_are_asked(desk: Desk, rebuilt: bool) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest(worth=2)
    if rebuilt:
        desk.namespace.rebuild_index()
    _asked(desk, path, 1, days_ago=-0.001)
    assert _outcomes(desk.ingest(worth=2)) == {"a.txt": Outcome.DEFERRED}
    assert _outcomes(desk.ingest(worth=1)) == {"a.txt": Outcome.INGESTED}


def test_an_ingest_of_everything_computes_what_an_earlier_one_deferred(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest(worth=2)
    assert _outcomes(desk.ingest()) == {"a.txt": Outcome.INGESTED}
    assert desk.hit(path).tokens > 0
    assert _outcomes(desk.ingest(worth=2)) == {"a.txt": Outcome.UNCHANGED}, "what is computed stays"


def test_a_plan_says_what_the_ingest_after_it_defers(desk: Desk) -> None:
    path = desk.write("a.txt", "First. " * 20)
    desk.write("b.txt", "Other. " * 20)
    settings = IngestSettings(model=desk.spec, worth=2)
    without = plan_ingest(None, desk.cage, [desk.folder], settings, folder=desk.store.path)
    assert without.report.counts()["deferred"] == 2
    desk.ingest()
    _asked(desk, path, 3)
    desk.write("a.txt", "Second. " * 20)
    desk.write("b.txt", "Another. " * 20)
    planned = plan_ingest(desk.namespace, desk.cage, [desk.folder], settings, folder=desk.store.path)
    done = desk.ingest(worth=2)
    assert planned.report.counts() == done.counts()
    assert planned.report.counts()["deferred"] == 1
    assert planned.report.items == done.items


def test_an_answer_stores_what_it_has_just_computed_once_the_look_ups_make_it_worth_that(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=2)
    first, second, third = (_ask(desk, path) for _ in range(3))
    document = _num_tokens(desk, desk.namespace.document(_document(desk, path)).text)  # type: ignore[union-attr]
    assert [(r.result, r.is_stored) for r in (first, second, third)] == [
        ("miss", False),
        ("miss", True),
        ("hit", False),
    ]
    assert first.tokens_computed == second.tokens_computed, "computed once, and not again to be stored"
    assert third.tokens_reused == document == second.tokens_computed - third.tokens_computed
    assert first.answer == second.answer == third.answer
    assert _outcomes(desk.ingest(worth=2)) == {"lease.txt": Outcome.UNCHANGED}


def test_what_an_answer_stores_is_what_an_ingest_would_have_stored(make_desk) -> None:
    ingested, asked = make_desk(name="ingested"), make_desk(name="asked")
    stored = []
    for desk, worth in ((ingested, 0), (asked, 1)):
        desk.write("first.txt", HEAD + "first")
        desk.ingest()
        path = desk.write("lease.txt", HEAD + "lease" * 30)
        desk.ingest(worth=worth)
        if worth:
            assert desk.namespace.index.entries_of(_document(desk, path)) == []
            report = _ask(desk, path)
            assert report.is_stored
            assert report.tokens_reused >= 64, "what another document has stored is loaded"
        stored.append(desk.hit(path).entry)
    first, second = stored
    assert first.pieces == second.pieces
    assert [(s.first_block, s.last_block) for s in first.stretches] == [
        (s.first_block, s.last_block) for s in second.stretches
    ]
    buffers = [
        kv(load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens), entry.num_tokens, entry.shape)
        for desk, entry in ((ingested, first), (asked, second))
    ]
    assert buffers[0] == buffers[1]


def test_while_an_ingest_runs_the_answer_comes_and_nothing_is_stored(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=1)
    with desk.namespace.lease(wait_seconds=0):
        report = _ask(desk, path)
    assert (report.result, report.is_stored) == ("miss", False)
    assert "not stored now" in report.detail
    assert desk.namespace.index.entries_of(_document(desk, path)) == []
    assert _ask(desk, path).is_stored


def test_who_may_not_write_is_answered_and_nothing_is_computed_for_the_store(desk: Desk, tmp_path: Path) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.namespace.amend(lambda charter: replace(charter, trust="signed"))
    desk.ingest(worth=1)
    key_file = tmp_path / "reader.key"
    add_key_file(desk.store, NewKey(Role.READER, "reader"), key_file)
    segments = sorted((desk.store.path / "segments").rglob("*.kvs"))
    with Store.open(desk.store.path, key_file=key_file) as store:
        assistant = Assistant(store.namespace("default"), desk.cage, desk.spec, load_engine=desk.load)
        answer = assistant.answer(str(path), "When?", max_new_tokens=4)
        assert "".join(answer) == answer.report.answer
    assert not answer.report.is_stored
    assert "not stored now" in answer.report.detail
    assert sorted((desk.store.path / "segments").rglob("*.kvs")) == segments


def test_an_ingest_need_not_wait_for_the_end_of_the_answer(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=1)
    assistant = Assistant(desk.namespace, desk.cage, desk.spec, load_engine=desk.load)
    answer = iter(assistant.answer(str(path), "When?", max_new_tokens=64))
    next(answer)
    other = desk.store.namespace("default")
    with other.lease(wait_seconds=10):
        assert other.index.entries_of(_document(desk, path)) != []
    assert list(answer)


def test_what_is_removed_while_it_is_answered_stays_removed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=1)
    document = _document(desk, path)
    computed = late.Computer.run

    def removed_meanwhile(*arguments: Any) -> None:
        desk.namespace.remove_document(document)
        computed(*arguments)

    monkeypatch.setattr(late.Computer, "run", removed_meanwhile)
    report = _ask(desk, path)
    assert (report.answer != "", report.is_stored) == (True, False)
    assert "removed meanwhile" in report.detail
    assert desk.namespace.document(document) is None


def test_without_room_the_answer_comes_and_nothing_is_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=1)
    monkeypatch.setattr(late, "free_bytes", lambda folder: 1000)
    report = _ask(desk, path)
    assert (report.answer != "", report.is_stored) == (True, False)
    assert "do not fit" in report.detail
    assert desk.namespace.index.entries_of(_document(desk, path)) == []


def test_a_file_that_has_changed_since_is_answered_as_it_is_and_not_stored(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=1)
    before = _document(desk, path)
    desk.write("lease.txt", HEAD + "changed")
    assert not _ask(desk, path).is_stored
    assert desk.namespace.index.entries_of(before) == []


def test_a_comparison_without_the_cache_stores_nothing(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(worth=1)
    assert not _ask(desk, path, use_cache=False).is_stored


def test_what_gc_removed_is_not_computed_again_before_it_is_asked_for(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    _evict(desk, path)
    stages = _Stages()
    with desk.namespace.lease(wait_seconds=0):
        report = ingest(desk.namespace, desk.cage, [desk.folder], IngestSettings(model=desk.spec), stages)
    assert (_outcomes(report), stages.totals["read"]) == ({"lease.txt": Outcome.DEFERRED}, 0)
    path.touch()
    assert _outcomes(desk.ingest()) == {"lease.txt": Outcome.DEFERRED}, "the same text is the same document"
    _asked(desk, path, 1, days_ago=-0.001)
    assert _outcomes(desk.ingest()) == {"lease.txt": Outcome.INGESTED}


def test_the_first_question_about_what_gc_removed_stores_it_again(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    _evict(desk, path)
    assert _ask(desk, path).is_stored
    assert _ask(desk, path).result == "hit"


def test_figures_that_are_damaged_stop_only_an_ingest_that_asks_for_them(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    _evict(desk, path)
    desk.store.close()
    (desk.store.path / "usage.sqlite").write_bytes(b"no database at all" * 1000)
    desk.reopen()
    assert _outcomes(desk.ingest()) == {"lease.txt": Outcome.DEFERRED}
    report = _ask(desk, path)
    assert report.answer
