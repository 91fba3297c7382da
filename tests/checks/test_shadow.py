"""A share of the answers from the cache is computed again; what was wrong to give is found, counted and named."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from desk import HEAD, Desk, kv
from planted import poison

from kvprep.answers import AnswerReport, Assistant
from kvprep.checks.shadow import ShadowChecks, ShadowReport
from kvprep.reuse import load, look_up_tokens
from kvprep.reuse.served import Served
from kvprep.store.charter import SourceCheck, Trust
from kvprep.store.usage import EventKind

EVERY = 1.0


def ask(desk: Desk, path: Path | str) -> AnswerReport:
    assistant = Assistant(desk.namespace, desk.cage, desk.spec, load_engine=desk.load)
    answer = assistant.answer(str(path), "When is it due?", max_new_tokens=8)
    assert list(answer)
    return answer.report


def served(desk: Desk, path: Path | str) -> Served:
    found = ask(desk, path).served
    assert found is not None
    return found


def check(desk: Desk, of: Served) -> ShadowReport | None:
    return ShadowChecks(desk.namespace, share=EVERY).consider(of, desk.engine)


def results(desk: Desk) -> list[str]:
    ident = desk.namespace.ident.hex()
    return [event.result for _, event in desk.store.usage.recent(kinds=[EventKind.SHADOW]) if event.namespace == ident]


def audited(desk: Desk) -> list[tuple[str, bytes]]:
    return [(record.outcome, record.subject) for record in desk.store.audit.records() if record.verb == "shadow"]


@pytest.fixture
def path(desk: Desk, later: None) -> Path:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    return path


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_a_right_answer_is_equal(make_desk: Callable[..., Desk], dtype: str) -> None:
    desk = make_desk(dtype)
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    of = served(desk, path)
    report = check(desk, of)
    assert report is not None and report.results == ("equal",)
    assert results(desk) == ["equal"]
    assert audited(desk) == [("equal", desk.namespace.document_id(of.entry.document))]


def test_a_share_of_the_answers_is_drawn(desk: Desk, path: Path) -> None:
    draws = iter([0.009, 0.01, 0.5, 0.0])
    checks = ShadowChecks(desk.namespace, share=0.01, draw=lambda: next(draws))
    of = served(desk, path)
    assert [checks.consider(of, desk.engine) is not None for _ in range(4)] == [True, False, False, True]
    assert results(desk) == ["equal", "equal"]


def test_no_share_checks_nothing_and_what_is_no_share_is_refused(desk: Desk, path: Path) -> None:
    assert ShadowChecks(desk.namespace, share=0, draw=lambda: 0.0).consider(served(desk, path), desk.engine) is None
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="no share"):
            ShadowChecks(desk.namespace, share=share)


def test_a_miss_has_nothing_to_check(desk: Desk, path: Path) -> None:
    assert ask(desk, desk.write("new.txt", "The rent is 5.")).served is None


def test_numbers_that_were_sealed_wrongly_differ_from_their_first_token_on(desk: Desk, path: Path) -> None:
    poison(desk, path, 450)
    report = check(desk, served(desk, path))
    assert report is not None and report.results == ("differs",)
    assert "token 450 on" in report.problems[0][1]
    assert results(desk) == ["differs"]


def test_an_answer_whose_tokens_are_not_the_models_differs(desk: Desk, path: Path) -> None:
    of = served(desk, path)
    report = check(desk, replace(of, answer=(*of.answer[:-1], of.answer[-1] ^ 1)))
    assert report is not None and "other tokens" in report.problems[0][1]


def test_a_segment_that_is_damaged_since_differs(desk: Desk, path: Path) -> None:
    of = served(desk, path)
    for file in desk.store.layout.all_files("segments"):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    report = check(desk, of)
    assert report is not None and report.problems[0][1].startswith("damaged since")


def change_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write other bytes of the same length with size, mtime, ctime and inode as they were, as a lying disk may."""
    before, real = path.stat(), os.stat
    path.write_text(HEAD.replace("thirty", "ninety"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_ino == before.st_ino
    monkeypatch.setattr(os, "stat", lambda p, **more: before if str(p) == str(path) else real(p, **more))


def test_a_source_that_changed_without_its_times_telling_was_served_stale(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_behind(path, monkeypatch)
    report = check(desk, served(desk, path))
    assert report is not None and report.results == ("stale",)
    assert results(desk) == ["stale"]


def test_what_is_stale_and_differs_counts_as_both(desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(desk, path, 450)
    change_behind(path, monkeypatch)
    report = check(desk, served(desk, path))
    assert report is not None and report.results == ("stale", "differs")


@pytest.mark.parametrize("change", [lambda p: p.write_text("The rent is 6."), Path.unlink])
def test_what_changed_after_the_look_up_was_right_to_serve(
    desk: Desk, path: Path, change: Callable[[Path], object]
) -> None:
    of = served(desk, path)
    change(path)
    report = check(desk, replace(of, looked_up_at=of.looked_up_at - 1))
    assert report is not None and report.results == ("equal",)


def test_where_sources_are_not_looked_at_nothing_is_stale(desk: Desk, later: None) -> None:
    """Serving what is older than its source is what the owner has chosen."""
    path = desk.write("lease.txt", HEAD)
    blind = desk.store.create_namespace("blind", trust=Trust.AEAD, source_check=SourceCheck.TTL_ONLY)
    desk.ingest(namespace=blind)
    desk.namespace = blind
    path.write_text("The rent is 6.")
    report = check(desk, served(desk, path))
    assert report is not None and report.results == ("equal",)


def test_an_entry_that_is_gone_since_is_not_counted(desk: Desk, path: Path) -> None:
    of = served(desk, path)
    desk.namespace.remove([ident for ident, _ in desk.namespace.all_entries()])
    assert check(desk, of) is None
    assert results(desk) == audited(desk) == []


def test_a_servers_own_buffer_is_not_touched_and_a_partial_hit_is_checked(desk: Desk, path: Path) -> None:
    tokens = desk.hit(path).entry.token_ids
    found = look_up_tokens(desk.namespace, tokens[:200], desk.files.identity, block_size=64)
    buffer = load(desk.namespace, found.entry, desk.engine, tokens=found.tokens, room=64)  # type: ignore[union-attr]
    question = tokens[found.tokens : 200]  # type: ignore[union-attr]
    answer = tuple(desk.engine.generate(buffer, question, max_new_tokens=4, eos_token_ids=()))
    of = Served(
        found.entry, found.tokens, 0.0, question=question, answer=answer, max_new_tokens=4, eos_token_ids=()  # type: ignore[union-attr]
    )  # fmt: skip
    before = kv(buffer, buffer.length, desk.engine.shape)
    report = check(desk, of)
    assert report is not None and report.results == ("equal",)
    assert of.tokens < of.entry.num_tokens
    assert kv(buffer, buffer.length, desk.engine.shape) == before
