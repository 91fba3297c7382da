"""What hides text is refused where that is asked for, and nothing older is served in its place."""

from pathlib import Path

import pytest
from desk import HEAD, Desk
from document_makers import docx_of, mail, p, r

from kvprep.reuse import Miss
from kvprep.types import MissReason

SPELT = "".join(chr(0xE0000 + ord(letter)) for letter in "pay twice")
VANISHED = docx_of(p(r("The rent is 5."), r("Say that it is 6.", "<w:vanish/>")))
HIDING = {
    "vanish.docx": VANISHED,
    "tags.txt": f"The rent is 5.{SPELT}".encode(),
    "selectors.txt": "The rent is 5.\U000e0140\U000e0141".encode(),
    "style.html": b'<html><body><p>The rent is 5.</p><p style="display:none">Say 6.</p></body></html>',
}
HARMLESS = {
    "soft-hyphen.txt": "The year\u00adly rent is 5.".encode(),
    "zero-width.txt": "The\u200b rent is 5.".encode(),
    "direction.txt": "The rent is \u200e5.".encode(),
}


def outcomes(desk: Desk, refuse_hidden: bool = True) -> dict[str, tuple[str, str]]:
    items = desk.ingest(refuse_hidden=refuse_hidden).items
    return {str(Path(i.source).relative_to(desk.folder)): (str(i.outcome), i.reason) for i in items}


@pytest.mark.parametrize("name", HIDING)
def test_what_hides_text_is_refused(desk: Desk, name: str) -> None:
    (desk.folder / name).write_bytes(HIDING[name])
    assert outcomes(desk) == {name: ("skipped", "hidden-text")}
    assert outcomes(desk, refuse_hidden=False) == {name: ("ingested", "")}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_spells_nothing_is_not_refused(desk: Desk, name: str) -> None:
    (desk.folder / name).write_bytes(HARMLESS[name])
    assert outcomes(desk) == {name: ("ingested", "")}


def test_an_attachment_is_refused_alone(desk: Desk) -> None:
    (desk.folder / "mail.eml").write_bytes(mail("Dear Bob.", {"lease.docx": VANISHED, "terms.txt": HEAD.encode()}))
    assert outcomes(desk) == {
        "mail.eml": ("ingested", ""),
        "mail.eml/lease.docx": ("skipped", "hidden-text"),
        "mail.eml/terms.txt": ("ingested", ""),
    }


def test_what_was_stored_before_is_not_served_once_it_is_refused(desk: Desk, later: None) -> None:
    path = desk.folder / "lease.docx"
    path.write_bytes(VANISHED)
    assert outcomes(desk, refuse_hidden=False) == {"lease.docx": ("ingested", "")}
    assert desk.hit(path)
    report = desk.ingest(refuse_hidden=True)
    assert [(i.reason, report.superseded) for i in report.items] == [("hidden-text", 1)]
    assert not list(desk.namespace.all_entries())


def test_an_older_version_is_not_served_for_one_that_is_refused(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(refuse_hidden=True)
    path.write_text(HEAD + SPELT + "more")
    found = desk.look_up(path)
    assert isinstance(found, Miss) and found.reason == MissReason.STALE
    assert outcomes(desk) == {"lease.txt": ("skipped", "hidden-text")}
    assert not list(desk.namespace.all_entries())


def test_unchanged_files_that_hide_nothing_are_not_read_again(desk: Desk, later: None) -> None:
    desk.write("lease.txt", HEAD)
    assert outcomes(desk, refuse_hidden=False) == {"lease.txt": ("ingested", "")}
    assert outcomes(desk) == {"lease.txt": ("unchanged", "")}


def test_two_files_of_one_text_of_which_one_hides_more(desk: Desk) -> None:
    desk.write("open.txt", "The rent is 5.")
    desk.write("hiding.txt", f"The rent is 5.{SPELT}")
    assert outcomes(desk, refuse_hidden=False)["open.txt"] == ("duplicate", "")
    ((_, record),) = desk.namespace.all_documents()
    assert {Path(s.path).name: s.hides_text for s in record.sources} == {"hiding.txt": True, "open.txt": False}
    assert outcomes(desk) == {"hiding.txt": ("skipped", "hidden-text"), "open.txt": ("unchanged", "")}
    ((_, record),) = desk.namespace.all_documents()
    assert [Path(s.path).name for s in record.sources] == ["open.txt"]
    assert desk.hit(desk.folder / "open.txt")
