"""An answer comes from the cache where it may, is computed from the source as it is where not, and says which."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import HEAD, Desk, greedy
from document_makers import mail

from kvprep.answers import AnswerReport, Assistant
from kvprep.errors import DocumentError, NotFound
from kvprep.prefill.memory import HostMemory
from kvprep.prefill.models import ModelSpec
from kvprep.reuse import load
from kvprep.store.usage import EventKind
from kvprep.types import MissReason

QUESTION = "When is it due?"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)


def _assistant(desk: Desk, **settings: Any) -> Assistant:
    return Assistant(desk.namespace, desk.cage, **{"load_engine": desk.load, "model": desk.spec, **settings})


def _ask(desk: Desk, path: Path | str, **settings: Any) -> AnswerReport:
    answer = _assistant(desk).answer(str(path), QUESTION, **{"max_new_tokens": 8, **settings})
    text = "".join(answer)
    assert text == answer.report.answer
    return answer.report


def _rows(desk: Desk) -> list[tuple[str, int, int]]:
    rows = desk.store.usage.recent(kinds=[EventKind.LOOK_UP])[::-1]
    events = [event for _, event in rows if event.namespace == desk.namespace.ident.hex()]
    return [(event.result, event.tokens_requested, event.tokens_reused) for event in events]


@pytest.fixture
def path(desk: Desk) -> Path:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    return path


def _cold_answer(desk: Desk, text: str) -> str:
    """What the model says of a text that no store knows."""
    fresh = desk.folder.parent / "fresh.txt"
    fresh.write_text(text)
    other = desk.store.namespace("fresh", create=True)
    assistant = Assistant(other, desk.cage, desk.spec, load_engine=desk.load)
    return "".join(assistant.answer(str(fresh), QUESTION, max_new_tokens=8))


def test_a_hit_computes_the_question_only(desk: Desk, path: Path) -> None:
    entry = desk.hit(path).entry
    report = _ask(desk, path)
    question = desk.template.continuation(desk.template.render(HEAD.strip() + "\n"), QUESTION)
    assert (report.result, report.reason) == ("hit", "")
    assert (report.tokens_reused, report.tokens_computed) == (entry.num_tokens, len(question))
    assert report.saved_s == report.prefill_s == entry.cost.seconds > 0
    assert report.saved_flops == entry.cost.flops > 0
    assert _rows(desk) == [("hit", entry.num_tokens + len(question), entry.num_tokens)]


def test_a_hit_says_what_the_model_says_after_the_loaded_prefix(desk: Desk, path: Path) -> None:
    found = desk.hit(path)
    buffer = load(desk.namespace, found.entry, desk.engine, tokens=found.tokens, room=64)
    question = desk.template.continuation(desk.template.render(HEAD.strip() + "\n"), QUESTION)
    assert _ask(desk, path).answer == desk.template.decode(greedy(desk.engine, buffer, question, 8))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_without_the_cache_the_answer_is_the_same(make_desk: Callable[..., Desk], dtype: str) -> None:
    desk = make_desk(dtype)
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    warm, replayed = _ask(desk, path, max_new_tokens=24), _ask(desk, path, max_new_tokens=24, use_cache=False)
    assert warm.answer == replayed.answer
    assert (replayed.result, replayed.reason, replayed.tokens_reused) == ("miss", "no-cache", 0)
    assert replayed.tokens_computed > replayed.tokens_reused == 0
    assert [row[0] for row in _rows(desk)] == ["hit"], "a comparison is no look-up"


def test_a_file_that_was_never_stored_is_answered_cold(desk: Desk, path: Path) -> None:
    new = desk.write("new.txt", "The rent is 5.")
    report = _ask(desk, new)
    assert (report.result, report.reason) == ("miss", str(MissReason.ABSENT))
    assert report.answer == _cold_answer(desk, "The rent is 5.")
    assert _rows(desk) == [("miss", report.tokens_computed, 0)]


def test_an_edited_source_is_answered_from_its_text_as_it_is_now(desk: Desk, path: Path) -> None:
    path.write_text("The rent is 6.")
    report = _ask(desk, path)
    assert (report.result, report.reason) == ("miss", str(MissReason.STALE))
    assert report.answer == _cold_answer(desk, "The rent is 6.")
    assert [row[0] for row in _rows(desk)] == ["stale"]


def _expire(desk: Desk) -> None:
    desk.namespace.remove([ident for ident, _ in desk.namespace.all_entries()])
    desk.ingest(ttl_seconds=-1.0)


def _damage(desk: Desk, kind: str) -> None:
    (file,) = desk.store.layout.all_files(kind)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Desk], object], MissReason]] = {
    "expired": (_expire, MissReason.EXPIRED),
    "segment": (lambda desk: _damage(desk, "segments"), MissReason.CORRUPT),
    "entry": (lambda desk: _damage(desk, "entries"), MissReason.CORRUPT),
    "removed": (
        lambda desk: desk.namespace.remove([ident for ident, _ in desk.namespace.all_entries()]),
        MissReason.ABSENT,
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_may_not_be_loaded_is_computed_and_the_reason_said(desk: Desk, path: Path, damage: str) -> None:
    spoil, reason = DAMAGES[damage]
    warm = _ask(desk, path)
    spoil(desk)
    report = _ask(desk, path)
    assert (report.result, report.reason, report.tokens_reused) == ("miss", str(reason), 0)
    assert report.tokens_computed > warm.tokens_reused
    assert report.answer == warm.answer
    assert _rows(desk)[1][0] == ("miss" if reason == MissReason.ABSENT else str(reason))


def test_another_model_answers_cold_and_names_the_field(desk: Desk, path: Path) -> None:
    assistant = _assistant(desk, model=ModelSpec(desk.spec.name, "cpu", "bfloat16"))
    answer = assistant.answer(str(path), QUESTION, max_new_tokens=4)
    assert list(answer)
    assert (answer.report.reason, answer.report.detail) == (str(MissReason.MISMATCH), "dtype")


def test_another_preamble_answers_cold_and_names_it(desk: Desk, path: Path) -> None:
    desk.namespace.update_settings({**desk.namespace.state().settings, "preamble": "Be brief."})
    report = _ask(desk, path)
    assert (report.reason, report.detail) == (str(MissReason.MISMATCH), "preamble")


def test_stored_text_that_makes_other_tokens_now_is_a_mismatch(
    desk: Desk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a release of the tokenizer's library that splits otherwise: the tags do not see it."""
    assistant = _assistant(desk)
    tokenize, source = assistant._template.render, HEAD.replace("thirty", "ninety").strip() + "\n"
    monkeypatch.setattr(assistant._template, "render", lambda text: tokenize(source))
    answer = assistant.answer(str(path), QUESTION, max_new_tokens=4)
    assert list(answer)
    assert (answer.report.result, answer.report.reason) == ("miss", str(MissReason.MISMATCH))
    assert "tokens" in answer.report.detail


def test_a_document_whose_source_is_gone_is_answered_from_its_stored_text(desk: Desk, path: Path) -> None:
    document = desk.find(path).hex()
    warm = _ask(desk, path)
    path.unlink()
    report = _ask(desk, document)
    assert report.reason == str(MissReason.STALE)
    assert report.answer == warm.answer


def test_many_questions_load_the_model_once(desk: Desk, path: Path) -> None:
    other = desk.write("other.txt", "The rent is 7.")
    desk.ingest()
    desk.loads.clear()
    assistant = _assistant(desk)
    for name in (path, other, path):
        answer = assistant.answer(str(name), QUESTION, max_new_tokens=4)
        assert list(answer) and answer.report.result == "hit"
    assert len(desk.loads) == 1


def test_what_does_not_exist_or_cannot_be_read_is_an_error(desk: Desk, path: Path) -> None:
    with pytest.raises(NotFound):
        _ask(desk, "nothing of this name")
    with pytest.raises(DocumentError, match="empty"):
        _ask(desk, desk.write("empty.txt", ""))


@pytest.fixture
def attached(desk: Desk) -> Path:
    """An attachment of a mail that is stored."""
    (desk.folder / "mail.eml").write_bytes(mail("Dear Bob.", {"lease.txt": HEAD.encode()}))
    desk.ingest()
    return desk.folder / "mail.eml" / "lease.txt"


def test_an_attachment_is_answered_from_the_cache(desk: Desk, attached: Path) -> None:
    assert _ask(desk, attached).result == "hit"


def test_an_attachment_of_an_edited_mail_is_answered_from_the_mail_as_it_is_now(desk: Desk, attached: Path) -> None:
    attached.parent.write_bytes(mail("Dear Bob.", {"lease.txt": b"The rent is 6."}))
    report = _ask(desk, attached)
    assert (report.result, report.reason) == ("miss", str(MissReason.STALE))
    assert report.answer == _cold_answer(desk, "The rent is 6.")


def test_an_attachment_that_was_never_stored_is_answered_cold(desk: Desk, path: Path) -> None:
    (desk.folder / "new.eml").write_bytes(mail("Dear Bob.", {"lease.txt": b"The rent is 6.", "photo.png": PICTURE}))
    report = _ask(desk, desk.folder / "new.eml" / "lease.txt")
    assert (report.result, report.reason) == ("miss", str(MissReason.ABSENT))
    assert report.answer == _cold_answer(desk, "The rent is 6.")
    with pytest.raises(DocumentError, match="photo.png: unsupported"):
        _ask(desk, desk.folder / "new.eml" / "photo.png")
    with pytest.raises(NotFound):
        _ask(desk, desk.folder / "new.eml" / "nothing.txt")


def test_an_attachment_that_vanished_is_answered_from_its_stored_text(desk: Desk, attached: Path) -> None:
    warm = _ask(desk, attached)
    attached.parent.write_bytes(mail("Dear Bob, the lease follows.", {}))
    report = _ask(desk, attached)
    assert (report.reason, report.answer) == (str(MissReason.STALE), warm.answer)


class Keeping:
    """An engine that keeps the buffers it makes, with what they had room for, and never ends an answer early."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.identity, self.shape, self.max_positions = engine.identity, engine.shape, engine.max_positions
        self.prefill = engine.prefill
        self.made: list[tuple[Any, int]] = []
        self.memories: list[HostMemory | None] = []

    def new_buffer(self, capacity: int, memory: HostMemory | None = None) -> Any:
        buffer = self._engine.new_buffer(capacity, memory)
        self.made.append((buffer, buffer.capacity))
        self.memories.append(memory)
        return buffer

    def generate(self, *given: Any, eos_token_ids: Any, **settings: Any) -> Any:
        return self._engine.generate(*given, eos_token_ids=(), **settings)


@pytest.fixture
def keeping(desk: Desk) -> Keeping:
    return Keeping(desk.engine)


def _told(assistant: Assistant, path: Path, **settings: Any) -> AnswerReport:
    answer = assistant.answer(str(path), QUESTION, **{"max_new_tokens": 200, **settings})
    assert list(answer)
    return answer.report


def test_one_buffer_serves_answer_after_answer(desk: Desk, path: Path, keeping: Keeping) -> None:
    short = desk.write("short.txt", "The rent is 7.")
    desk.ingest()
    assistant = _assistant(desk, load_engine=lambda files: keeping)
    reports = [_told(assistant, each) for each in (path, short, path)]
    assert [report.result for report in reports] == ["hit"] * 3
    assert reports[0].answer == reports[2].answer
    assert len(keeping.made) == 1


def test_no_answer_outgrows_its_buffer(desk: Desk, path: Path, keeping: Keeping) -> None:
    new = desk.write("new.txt", "The rent is 5.")
    for asked in ({"path": path}, {"path": path, "use_cache": False}, {"path": new}):
        _told(_assistant(desk, load_engine=lambda files: keeping), **asked)
    assert [buffer.capacity for buffer, _ in keeping.made] == [capacity for _, capacity in keeping.made]
    assert len(keeping.made) == 3, "one an assistant"


def test_memory_for_a_hit_is_touched_while_the_model_loads(desk: Desk, path: Path, keeping: Keeping) -> None:
    touching: list[HostMemory] = []

    def load_engine(files: object) -> Keeping:
        memory = assistant._workplace._memory
        assert memory is not None and memory.is_touched
        touching.append(memory)
        return keeping

    assistant = _assistant(desk, load_engine=load_engine)
    found = desk.hit(path)
    _told(assistant, path)
    assert keeping.memories == touching and touching[0].capacity >= found.tokens + 200


def test_without_a_hit_no_memory_is_taken_before_its_size_is_known(desk: Desk, path: Path, keeping: Keeping) -> None:
    _told(_assistant(desk, load_engine=lambda files: keeping), desk.write("new.txt", "The rent is 5."))
    assert keeping.memories == [None]


def test_answers_that_are_given_at_once_have_a_buffer_each(desk: Desk, path: Path, keeping: Keeping) -> None:
    assistant = _assistant(desk, load_engine=lambda files: keeping)
    expected = _told(assistant, path, max_new_tokens=8).answer
    one, two = (iter(assistant.answer(str(path), QUESTION, max_new_tokens=8)) for _ in range(2))
    pieces = [next(one), next(two)]
    assert [pieces[0] + "".join(one), pieces[1] + "".join(two)] == [expected, expected]


def test_after_an_answer_that_nobody_wanted_to_the_end_the_next_one_is_whole(desk: Desk, path: Path) -> None:
    assistant = _assistant(desk)
    expected = _told(assistant, path).answer
    left = iter(assistant.answer(str(path), QUESTION, max_new_tokens=8))
    next(left)
    assert _told(assistant, path).answer == expected
