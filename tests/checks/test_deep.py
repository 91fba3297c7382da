"""Level deep finds keys and values that open and authenticate, and are not what the model computes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desk import HEAD, Desk
from planted import poison

from kvprep.checks.deep import DEFAULT_SAMPLE, verify_deep
from kvprep.checks.replay import first_difference
from kvprep.prefill.models import ModelFiles
from kvprep.reuse import replay
from kvprep.store.findings import VerifyReport
from kvprep.store.namespace import Namespace
from kvprep.store.verify import Effort, verify
from kvprep.types import Severity


def deep(desk: Desk, effort: Effort | None = None, files: ModelFiles | None = None) -> VerifyReport:
    return verify_deep(
        desk.store, effort=effort or Effort(), find_model=lambda _: files or desk.files, load_engine=desk.load
    )


def errors(report: VerifyReport) -> dict[str, str]:
    return {f.subject: f.problem for f in report.findings if f.severity is Severity.ERROR}


@pytest.fixture
def documents(desk: Desk) -> Iterator[list[Path]]:
    paths = [desk.write(f"{number}.txt", HEAD + f"Number {number}. " * 10) for number in range(3)]
    desk.ingest()
    yield paths


def test_what_the_model_computed_is_what_it_computes(desk: Desk, documents: list[Path]) -> None:
    report = deep(desk)
    assert report.findings == ()
    assert (report.checked["replayed"], report.left, report.recent) == (3, 0, 0)
    assert report.checked["chunks"] > 0
    assert len(desk.loads) == 2  # the ingest's, and one for all entries


def test_poisoned_keys_and_values_are_named_with_their_first_token(desk: Desk, documents: list[Path]) -> None:
    entry = poison(desk, documents[1], 450)
    assert verify(desk.store).ok
    found = errors(deep(desk))
    segment = desk.store.layout.relative(desk.store.layout.file("segments", entry.stretches[-1].segment))
    assert "token 450 on" in found.pop(next(subject for subject in found if subject.startswith("entries/")))
    assert list(found) == [segment]


def test_a_sample_rotates_and_begins_with_what_was_unchecked_for_longest(desk: Desk, documents: list[Path]) -> None:
    for left in (2, 1):
        report = deep(desk, Effort(sample=1, max_age_seconds=3600.0))
        assert (report.checked["replayed"], report.left) == (1, left)
    report = deep(desk, Effort(max_age_seconds=3600.0))
    assert (report.checked["replayed"], report.recent) == (1, 2 + 4)  # entries, and segments at the level below
    report = deep(desk, Effort(max_age_seconds=3600.0))
    assert report.ok and (report.recent, report.checked.get("replayed")) == (3 + 4, None)


def test_what_differed_is_not_taken_for_checked(desk: Desk, documents: list[Path]) -> None:
    poison(desk, documents[0], 450)
    for _ in range(2):
        assert not deep(desk, Effort(max_age_seconds=3600.0)).ok


def test_to_have_replayed_nothing_is_a_failure(desk: Desk, documents: list[Path]) -> None:
    identity = replace(desk.files.identity, fingerprint=b"f" * 32)
    report = deep(desk, files=replace(desk.files, identity=identity))
    assert errors(report) == {".": "no entry was computed afresh"}
    assert "3 entries of namespace default were made by another model" in [f.problem for f in report.findings]


def test_an_empty_store_is_whole_at_level_deep(desk: Desk) -> None:
    assert deep(desk).ok
    assert desk.loads == []


def test_an_entry_that_goes_meanwhile_is_no_finding(
    desk: Desk, documents: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Namespace.entry
    document = desk.hit(documents[0]).entry.document

    def removing(files: ModelFiles) -> object:
        monkeypatch.setattr(Namespace, "entry", entry)
        desk.namespace.remove(desk.namespace.index.entries_of(document))
        return desk.load(files)

    report = verify_deep(desk.store, effort=Effort(), find_model=lambda _: desk.files, load_engine=removing)  # type: ignore[arg-type]
    assert report.ok and report.checked["replayed"] == 2


def test_the_first_of_several_differences_is_told(desk: Desk, documents: list[Path]) -> None:
    entry = desk.hit(documents[0]).entry
    one, other = replay(entry, desk.engine), replay(entry, desk.engine)
    assert first_difference(one, other, entry.shape, entry.num_tokens) is None
    view = np.frombuffer(other.chunk_view(1, 1, 1, 0, entry.num_tokens), np.uint8).reshape(entry.num_tokens, -1)
    for token in (300, 70):
        view[token, -1] ^= 1
        assert first_difference(one, other, entry.shape, entry.num_tokens) == token


def test_by_default_a_few_entries_are_replayed(desk: Desk) -> None:
    for number in range(DEFAULT_SAMPLE + 1):
        desk.write(f"{number}.txt", f"Number {number}. " * 10)
    desk.ingest()
    report = deep(desk)
    assert (report.checked["replayed"], report.left) == (DEFAULT_SAMPLE, 1)
