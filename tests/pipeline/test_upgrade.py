"""After another kvprep or another library reads: files are read again, and only what shows another text is computed."""

from dataclasses import replace
from pathlib import Path

import pytest
from desk import HEAD, Desk
from document_makers import mail

from kvprep.documents import versions
from kvprep.documents.base import Kind
from kvprep.documents.versions import canonicaliser
from kvprep.pipeline import IngestReport
from kvprep.pipeline.known import KnownFiles, Standing
from kvprep.sources import read_source
from kvprep.store.entry import DocumentRecord
from kvprep.types import ContentHash

OLD = "canon 0, Unicode 1.0, text 0 ()"


def shown(desk: Desk, path: Path) -> DocumentRecord:
    record = desk.namespace.document(ContentHash(desk.find(path)))
    assert record is not None
    return record


def read_by_an_older_release(desk: Desk, path: Path, text: str | None = None) -> None:
    """Leave the store as if the file, as it is now, had shown the stored text to an older release."""
    record = shown(desk, path)
    if text is not None:
        path.write_text(text)
    state = read_source(path).state
    sources = tuple(replace(s, canonicaliser=OLD, state=state) for s in record.sources)
    desk.namespace.put_document(replace(record, sources=sources, canonicaliser=OLD))


def rereads(report: IngestReport) -> tuple[int, int]:
    return report.reread, report.reread_changed


@pytest.fixture
def path(desk: Desk, later: None) -> Path:
    path = desk.write("a.txt", HEAD)
    desk.ingest()
    return path


def known(desk: Desk) -> KnownFiles:
    fingerprint, tags = desk.files.identity.fingerprint, desk.template.tags
    return KnownFiles(desk.namespace, fingerprint, tags, refuse_hidden=False, exclude=())


def test_the_same_text_is_noted_and_computes_nothing(desk: Desk, path: Path) -> None:
    read_by_an_older_release(desk, path)
    assert known(desk).standing(path) is Standing.OUTDATED
    report = desk.ingest()
    assert rereads(report) == (1, 0)
    assert report.counts()["unchanged"] == 1 and report.tokens_computed == 0
    record = shown(desk, path)
    assert record.canonicaliser == record.sources[0].canonicaliser == canonicaliser(Kind.TEXT)
    assert known(desk).standing(path) is Standing.UNCHANGED
    assert rereads(desk.ingest()) == (0, 0)


def test_another_text_is_computed_and_supersedes_the_old_one(desk: Desk, path: Path) -> None:
    old = shown(desk, path).content_hash
    other = desk.write("b.txt", HEAD + "b")
    desk.ingest()
    read_by_an_older_release(desk, path, HEAD.replace("thirty", "ninety"))
    read_by_an_older_release(desk, other)
    report = desk.ingest()
    assert rereads(report) == (2, 1)
    assert (report.counts()["ingested"], report.superseded) == (1, 1)
    assert shown(desk, path).supersedes == (old,)
    assert desk.hit(path) and desk.hit(other)


def test_a_drifted_text_is_kept_where_that_is_asked_for_and_not_read_again(desk: Desk, path: Path) -> None:
    before = shown(desk, path)
    read_by_an_older_release(desk, path, HEAD.replace(" buyer ", "\nbuyer "))
    report = desk.ingest(keep_drifted=True)
    assert rereads(report) == (1, 0)
    assert report.tokens_computed == report.superseded == 0
    record = shown(desk, path)
    assert (record.text, record.canonicaliser) == (before.text, OLD)
    assert [(f.kind, f.where) for f in record.sources[0].findings] == [("kept-text", f"read by {OLD}")]
    assert desk.hit(path)
    assert known(desk).standing(path) is Standing.UNCHANGED
    assert shown(desk, path) == record


def test_a_drifted_text_is_replaced_where_nothing_is_asked_for(desk: Desk, path: Path) -> None:
    read_by_an_older_release(desk, path, HEAD.replace(" buyer ", "\nbuyer "))
    report = desk.ingest()
    assert rereads(report) == (1, 1) and report.superseded == 1


def test_an_edited_file_is_never_kept_for_its_blanks(desk: Desk, path: Path) -> None:
    path.write_text(HEAD.replace(" buyer ", "\nbuyer "))
    report = desk.ingest(keep_drifted=True)
    assert rereads(report) == (0, 0) and report.superseded == 1


def test_a_mail_is_read_again_for_what_is_attached(desk: Desk, later: None) -> None:
    path = desk.folder / "mail.eml"
    path.write_bytes(mail("Dear Bob.", {"terms.txt": HEAD.encode()}))
    desk.ingest()
    record = shown(desk, path / "terms.txt")
    sources = tuple(replace(s, canonicaliser=OLD) for s in record.sources)
    desk.namespace.put_document(replace(record, sources=sources, canonicaliser=OLD))
    report = desk.ingest()
    assert rereads(report) == (1, 0)
    assert report.counts()["unchanged"] == 2


def test_two_releases_that_take_turns_read_what_each_of_them_made(desk: Desk, path: Path) -> None:
    second = desk.write("b.txt", HEAD)
    desk.ingest()
    record = shown(desk, path)
    sources = tuple(replace(s, canonicaliser=OLD if s.path == str(second) else s.canonicaliser) for s in record.sources)
    desk.namespace.put_document(replace(record, sources=sources))
    assert (known(desk).standing(path), known(desk).standing(second)) == (Standing.UNCHANGED, Standing.OUTDATED)


def test_a_reader_that_is_new_is_given_what_mails_hold_and_no_reader_took(
    desk: Desk, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, holding = desk.folder / "plain.eml", desk.folder / "holding.eml"
    plain.write_bytes(mail("Dear Bob.", {"terms.txt": HEAD.encode()}))
    holding.write_bytes(mail("Dear Ann.", {"photo.png": b"\x89PNG\r\n\x1a\n" + bytes(100)}))
    desk.ingest()
    assert (known(desk).standing(plain), known(desk).standing(holding)) == (Standing.UNCHANGED, Standing.UNCHANGED)
    sheets = versions._READERS[Kind.XLSX]
    monkeypatch.setattr(versions, "_READERS", {**versions._READERS, Kind.XLSX: sheets._replace(version=99)})
    _forget_names()
    try:
        assert (known(desk).standing(plain), known(desk).standing(holding)) == (Standing.UNCHANGED, Standing.OUTDATED)
    finally:
        _forget_names()


def _forget_names() -> None:
    for names in (versions.canonicaliser, versions.current_canonicalisers, versions._all_readers):
        names.cache_clear()
