"""One ingest: every source ends in an outcome, and no token goes through the model twice."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from desk import HEAD, Desk, distinct_block_tokens

from kvprep.discover import discover
from kvprep.errors import ConfigError, StoreFull
from kvprep.pipeline import IngestReport, IngestSettings, ingest
from kvprep.progress import Silent
from kvprep.types import Outcome

SAMPLES = Path(__file__).parents[2] / "sample_docs"


def _outcomes(report: IngestReport) -> dict[str, tuple[str, str]]:
    return {Path(i.source).name: (str(i.outcome), i.reason) for i in report.items}


def test_two_files_that_show_one_text_are_one_document_with_two_sources(desk: Desk) -> None:
    desk.write("a.txt", HEAD)
    (desk.folder / "b.txt").write_bytes(HEAD.replace("\n", "\r\n").encode())
    report = desk.ingest()
    assert _outcomes(report) == {"a.txt": ("ingested", ""), "b.txt": ("duplicate", "")}
    ((_, record),) = desk.namespace.all_documents()
    assert [Path(s.path).name for s in record.sources] == ["a.txt", "b.txt"]
    assert len(list(desk.namespace.all_entries())) == 1


def test_a_near_duplicate_is_a_document_of_its_own(desk: Desk) -> None:
    desk.write("a.txt", HEAD + "Amount due: 1,250.00")
    desk.write("b.txt", HEAD + "Amount due: 1,260.00")
    assert desk.ingest().counts()["ingested"] == 2
    assert desk.find(desk.folder / "a.txt") != desk.find(desk.folder / "b.txt")


def test_bad_files_end_in_an_outcome_each_and_never_stop_the_batch(desk: Desk) -> None:
    shutil.copytree(SAMPLES / "unreadable", desk.folder / "unreadable")
    desk.write("a.txt", HEAD)
    desk.write("z.txt", HEAD + "z")
    desk.write("picture.png", "\x89PNG\r\n\x1a\n\x00\x00")
    os.mkfifo(desk.folder / "pipe")
    assert _outcomes(desk.ingest()) == {
        "a.txt": ("ingested", ""),
        "z.txt": ("ingested", ""),
        "broken-download.pdf": ("failed", "broken"),
        "password-protected.pdf": ("skipped", "password-protected"),
        "goods-received-scan.pdf": ("skipped", "needs-ocr"),
        "empty.txt": ("skipped", "empty"),
        "picture.png": ("skipped", "unsupported"),
        "pipe": ("failed", "unreadable"),
    }


def test_a_file_that_vanishes_after_it_was_listed_fails_alone(desk: Desk) -> None:
    gone, kept = desk.write("gone.txt", HEAD), desk.write("kept.txt", HEAD)

    class Vanishing(Silent):
        def start(self, stage: str, total: int | None, unit: str) -> None:
            if stage == "read":
                gone.unlink()

    report = ingest(desk.namespace, desk.cage, [desk.folder], IngestSettings(desk.spec), Vanishing(), load=desk.load)
    assert _outcomes(report) == {"gone.txt": ("failed", "unreadable"), "kept.txt": ("ingested", "")}
    assert desk.hit(kept)


def test_tokens_computed_are_the_tokens_of_distinct_blocks_in_a_batch_and_across_runs(desk: Desk) -> None:
    desk.write("a.txt", HEAD + "Amount due: 1,250.00 pounds. " * 10)
    desk.write("b.txt", HEAD + "Amount due: 1,260.00 pounds. " * 10)
    desk.write("c.txt", HEAD[:200])
    desk.write("d.txt", "Nothing in common with the others. " * 5)
    first = desk.ingest()
    assert first.tokens_computed == distinct_block_tokens(desk.namespace) < first.tokens_total
    assert first.tokens_computed == sum(item.computed for item in first.items)
    desk.write("e.txt", HEAD + "Amount due: 1,250.00 pounds. " * 5 + "Paid.")
    desk.write("f.txt", HEAD + "Amount due: 1,260.00 pounds. " * 10 + "Not paid.")
    desk.write("g.txt", HEAD[:200] + "g")
    second = desk.ingest()
    assert second.counts()["ingested"] == 3
    assert first.tokens_computed + second.tokens_computed == distinct_block_tokens(desk.namespace)
    assert second.stored_bytes >= second.kv_bytes == second.tokens_computed * desk.files.shape.token_bytes


def test_a_document_that_is_too_long_is_named_before_anything_is_computed(desk: Desk) -> None:
    desk.write("long.txt", "Far too long for this model. " * 100)
    report = desk.ingest()
    assert _outcomes(report) == {"long.txt": ("skipped", "too-long")}
    assert desk.loads == []
    desk.write("a.txt", HEAD)
    assert _outcomes(desk.ingest()) == {"a.txt": ("ingested", ""), "long.txt": ("skipped", "too-long")}


def test_what_exceeds_the_budget_is_refused_before_any_prefill(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD)
    needed = len(desk.template.render(HEAD.strip() + "\n").token_ids) * desk.files.shape.token_bytes
    with pytest.raises(StoreFull, match=f"{needed:,} bytes"):
        desk.ingest(max_bytes=needed - 1)
    assert desk.loads == []
    assert not list(desk.store.layout.all_files("segments"))
    desk.ingest(max_bytes=needed)
    assert desk.hit(path)


def test_what_is_stored_already_does_not_count_against_the_budget(desk: Desk) -> None:
    desk.write("a.txt", HEAD)
    desk.ingest()
    desk.write("b.txt", HEAD)
    assert desk.ingest(max_bytes=0).counts()["duplicates"] == 1


def test_a_time_to_live_may_depend_on_the_path(desk: Desk) -> None:
    lease, invoice = desk.write("lease.txt", HEAD), desk.write("invoice.txt", HEAD + "1")
    desk.ingest(ttl_seconds=None, ttl_globs=(("inv*", 60.0),))
    assert desk.hit(lease).entry.expires_at is None
    entry = desk.hit(invoice).entry
    assert entry.expires_at is not None and abs(entry.expires_at - entry.created_at - 60.0) < 30.0


def test_a_preamble_is_part_of_every_prompt_and_is_remembered(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD)
    desk.ingest(preamble="Answer in one sentence.")
    assert "Answer in one sentence." in desk.hit(path).entry.prompt
    desk.write("b.txt", HEAD + "b")
    desk.ingest()
    assert "Answer in one sentence." in desk.hit(desk.folder / "b.txt").entry.prompt
    desk.ingest(preamble="")
    assert "Answer in one sentence." not in desk.hit(path).entry.prompt


def test_the_model_used_last_is_used_again(desk: Desk) -> None:
    desk.write("a.txt", HEAD)
    desk.ingest()
    path = desk.write("b.txt", HEAD + "b")
    desk.ingest(model=None)
    assert desk.hit(path).entry.model == desk.files.identity


def test_files_are_found_once_in_order_and_without_what_is_hidden_or_linked(tmp_path: Path) -> None:
    for name in ("b/two.txt", "a.txt", ".git/config", "b/.hidden", "b/one.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "loop").symlink_to(tmp_path)

    def names(*paths: str, **globs: tuple[str, ...]) -> list[str]:
        found = discover([tmp_path / path for path in paths], **globs)
        return [path.relative_to(tmp_path).as_posix() for path in found]

    assert names("") == ["a.txt", "b/one.md", "b/two.txt"]
    assert names("b", "a.txt", "") == ["b/one.md", "b/two.txt", "a.txt"]
    assert names(".git/config", "link.txt") == [".git/config", "link.txt"]
    assert names("", include=("*.md",)) == ["b/one.md"]
    assert names("", exclude=("b/*",)) == ["a.txt"]
    with pytest.raises(ConfigError, match="no such file"):
        names("nowhere")


def test_every_outcome_is_counted(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.write("a.txt", HEAD)
    desk.write("b.txt", HEAD)
    desk.write("empty.txt", "")
    report = desk.ingest()
    counts = {"found": 3, "ingested": 1, "duplicates": 1, "skipped": 1}
    assert {outcome: count for outcome, count in report.counts().items() if count} == counts
    assert {item.outcome for item in report.items} == {Outcome.INGESTED, Outcome.DUPLICATE, Outcome.SKIPPED}
