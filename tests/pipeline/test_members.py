"""What is attached to a mail is a document of its own, as old as the mail, and goes when the mail goes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import HEAD, Desk
from document_makers import mail

from kvprep.documents.cage import Cage
from kvprep.pipeline.versions import Versions
from kvprep.reuse import Miss
from kvprep.store.verify import verify
from kvprep.types import ContentHash, MissReason

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)
TERMS, INVOICE = f"{HEAD}Terms.".encode(), f"{HEAD}Amount due: 1,250.00".encode()


def write(desk: Desk, attachments: dict[str, bytes], text: str = "Dear Bob, see below.") -> Path:
    path = desk.folder / "mail.eml"
    path.write_bytes(mail(text, attachments))
    return path


def outcomes(desk: Desk, **settings: Any) -> dict[str, str]:
    items = desk.ingest(**settings).items
    return {str(Path(item.source).relative_to(desk.folder)): str(item.outcome) for item in items}


def stored(desk: Desk) -> set[str]:
    """Paths of all sources of documents that have keys and values."""
    live = {entry.document for _, entry in desk.namespace.all_entries()}
    records = [record for _, record in desk.namespace.all_documents() if record.content_hash in live]
    return {str(Path(s.path).relative_to(desk.folder)) for record in records for s in record.sources}


@pytest.fixture
def blind(desk: Desk) -> Iterator[Desk]:
    """The same desk, for which nothing can be read any more."""
    with Cage(jobs=1, command=["false"]) as cage:
        desk.cage = cage
        yield desk


def test_a_mail_and_what_is_attached_are_documents_with_paths_of_their_own(desk: Desk) -> None:
    path = write(desk, {"terms.txt": TERMS, "again.eml": mail("Forwarded.", {"invoice.txt": INVOICE})})
    assert outcomes(desk) == {
        "mail.eml": "ingested",
        "mail.eml/terms.txt": "ingested",
        "mail.eml/again.eml": "ingested",
        "mail.eml/again.eml/invoice.txt": "ingested",
    }
    invoice = desk.namespace.document(ContentHash(desk.find(path / "again.eml" / "invoice.txt")))
    assert invoice is not None and invoice.text == INVOICE.decode() + "\n"
    (source,) = invoice.sources
    assert (source.file, source.container) == (str(path), str(path / "again.eml"))
    letter = desk.namespace.document(ContentHash(desk.find(path)))
    assert letter is not None and source.state == letter.sources[0].state
    assert [member.name for member in letter.sources[0].members] == ["terms.txt", "again.eml"]
    assert desk.hit(path / "terms.txt")


def test_an_unchanged_mail_is_not_read(desk: Desk, later: None, request: pytest.FixtureRequest) -> None:
    write(desk, {"terms.txt": TERMS, "photo.png": PICTURE})
    assert outcomes(desk)["mail.eml/photo.png"] == "skipped"
    request.getfixturevalue("blind")
    assert outcomes(desk) == {"mail.eml": "unchanged", "mail.eml/terms.txt": "unchanged"}
    assert len(desk.loads) == 1


def test_what_vanished_from_a_mail_goes_and_the_rest_computes_nothing(desk: Desk) -> None:
    path = write(desk, {"terms.txt": TERMS, "invoice.txt": INVOICE})
    desk.ingest()
    write(desk, {"terms.txt": TERMS})
    report = desk.ingest()
    assert report.superseded == 1 and report.tokens_computed == 0
    assert stored(desk) == {"mail.eml", "mail.eml/terms.txt"}
    assert desk.hit(path / "terms.txt") and desk.hit(path)
    assert verify(desk.store).ok


def test_an_attachment_under_another_name_keeps_its_keys_and_values(desk: Desk) -> None:
    path = write(desk, {"terms.txt": TERMS})
    desk.ingest()
    write(desk, {"conditions.txt": TERMS})
    report = desk.ingest()
    assert (report.tokens_computed, report.superseded) == (0, 0)
    assert desk.hit(path / "conditions.txt")
    assert stored(desk) == {"mail.eml", "mail.eml/conditions.txt"}


def test_a_changed_attachment_supersedes_its_older_version(desk: Desk) -> None:
    path = write(desk, {"terms.txt": TERMS})
    desk.ingest()
    write(desk, {"terms.txt": TERMS + b" And more."})
    assert desk.ingest().superseded == 1
    record = desk.namespace.document(ContentHash(desk.find(path / "terms.txt")))
    assert record is not None and record.version == 2


def test_an_attachment_is_as_stale_as_its_mail(desk: Desk) -> None:
    path = write(desk, {"terms.txt": TERMS})
    desk.ingest()
    write(desk, {"terms.txt": TERMS}, "Dear Bob, once more.")
    found = desk.look_up(path / "terms.txt")
    assert isinstance(found, Miss) and found.reason == MissReason.STALE


@pytest.mark.parametrize("lost", ["mail.eml", "mail.eml/terms.txt"])
def test_a_run_cut_short_between_a_mail_and_its_attachment_heals(desk: Desk, later: None, lost: str) -> None:
    write(desk, {"terms.txt": TERMS})
    desk.ingest()
    document = ContentHash(desk.find(desk.folder / lost))
    desk.namespace.remove(desk.namespace.index.entries_of(document))
    desk.namespace.remove_document(document)
    assert outcomes(desk) == {"mail.eml": "unchanged", "mail.eml/terms.txt": "unchanged"} | {lost: "ingested"}
    assert set(outcomes(desk).values()) == {"unchanged"}


def test_a_run_cut_short_before_what_vanished_went_heals(
    desk: Desk, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(desk, {"terms.txt": TERMS, "invoice.txt": INVOICE})
    desk.ingest()
    write(desk, {"terms.txt": TERMS})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Versions, "withdraw_vanished", _interrupt)
        desk.ingest()
    assert "mail.eml/invoice.txt" in stored(desk)
    assert desk.ingest().superseded == 1
    assert stored(desk) == {"mail.eml", "mail.eml/terms.txt"}


def _interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_mail_that_is_gone_is_pruned_with_what_it_held(desk: Desk) -> None:
    path = write(desk, {"terms.txt": TERMS})
    desk.ingest()
    assert desk.ingest(prune_missing=True).pruned == 0
    path.unlink()
    assert desk.ingest(prune_missing=True).pruned == 2
    assert stored(desk) == set()


def test_globs_leave_out_attachments_too_until_they_are_gone(
    desk: Desk, later: None, request: pytest.FixtureRequest
) -> None:
    write(desk, {"terms.txt": TERMS, "invoice.txt": INVOICE})
    assert outcomes(desk, exclude=("inv*",)) == {"mail.eml": "ingested", "mail.eml/terms.txt": "ingested"}
    assert set(outcomes(desk, exclude=("inv*",)).values()) == {"unchanged"}
    assert outcomes(desk)["mail.eml/invoice.txt"] == "ingested"
    write(desk, {"terms.txt": TERMS, "invoice.txt": INVOICE}, "Dear Bob, once more.")
    desk.ingest(exclude=("inv*",))
    assert "mail.eml/invoice.txt" in stored(desk), "passed over, not gone"
    request.getfixturevalue("blind")
    assert outcomes(desk, exclude=("inv*",)) == {"mail.eml": "unchanged", "mail.eml/terms.txt": "unchanged"}


def test_an_attachment_that_failed_is_tried_again_and_one_that_nobody_reads_is_not(desk: Desk, later: None) -> None:
    write(desk, {"broken.pdf": b"%PDF-1.7\nnothing", "photo.png": PICTURE})
    assert outcomes(desk)["mail.eml/broken.pdf"] == "failed"
    assert outcomes(desk) == {
        "mail.eml": "unchanged",
        "mail.eml/broken.pdf": "failed",
        "mail.eml/photo.png": "skipped",
    }


def test_a_mail_that_becomes_no_document_still_gives_what_is_attached(desk: Desk) -> None:
    write(desk, {"terms.txt": TERMS}, "Far too long for this model. " * 200)
    assert outcomes(desk) == {"mail.eml": "skipped", "mail.eml/terms.txt": "ingested"}
    write(desk, {}, "Far too long for this model. " * 200)
    assert desk.ingest().superseded == 1, "what it held is known without it"
    assert stored(desk) == set()


def test_two_mails_with_one_attachment_are_two_sources_of_it(desk: Desk) -> None:
    write(desk, {"terms.txt": TERMS})
    (desk.folder / "other.eml").write_bytes(mail("Dear Ann.", {"terms.txt": TERMS}))
    assert list(outcomes(desk).values()).count("duplicate") == 1
    write(desk, {})
    assert desk.ingest().superseded == 0
    assert desk.hit(desk.folder / "other.eml" / "terms.txt")


def test_the_index_of_a_store_with_mails_is_built_again_from_its_files(desk: Desk) -> None:
    write(desk, {"terms.txt": TERMS, "photo.png": PICTURE})
    desk.ingest()
    before = desk.namespace.index.snapshot()
    assert verify(desk.store).findings == ()
    desk.namespace.rebuild_index()
    assert desk.namespace.index.snapshot() == before
