import hashlib
import os
from pathlib import Path

from document_makers import mail


def test_the_text_of_one_file_is_printed_alone(run, sources: Path) -> None:
    result = run("text", sources / "lease.txt")
    assert result.exit_code == 0
    assert result.stdout == (sources / "lease.txt").read_text()


def test_neither_store_nor_key_nor_model_is_needed(run, sources: Path, store: Path, monkeypatch) -> None:
    monkeypatch.setenv("KVPREP_MODEL", "/no/such/model")
    assert run("text", sources).exit_code == 0
    assert not store.exists()


def test_several_texts_are_told_apart(run, sources: Path) -> None:
    printed = run("text", sources).stdout
    assert f"==> {sources / 'invoice.txt'} <==\nInvoice 17" in printed


def test_json_is_one_object_a_line_and_a_bad_file_has_its_reason(lines_of, sources: Path) -> None:
    (sources / "empty.txt").touch()
    os.mkfifo(sources / "pipe")
    found = {Path(facts["source"]).name: facts for facts in lines_of("text", sources, exit_code=3)}
    lease = found["lease.txt"]
    assert lease["outcome"] == "read"
    assert lease["document"] == hashlib.sha256(lease["text"].encode()).hexdigest()
    assert (found["empty.txt"]["outcome"], found["empty.txt"]["reason"]) == ("skipped", "empty")
    assert (found["pipe"]["outcome"], found["pipe"]["reason"]) == ("failed", "unreadable")


def test_findings_are_listed_in_place_of_the_text(run, sources: Path) -> None:
    (sources / "lease.txt").write_bytes("Rent by the year\u200b: 4000\n".encode())
    printed = run("text", "--findings", sources / "lease.txt").stdout
    assert "Rent" not in printed


def test_a_path_that_is_not_there_is_an_error(run, sources: Path) -> None:
    result = run("text", sources / "nothing.pdf")
    assert result.exit_code == 1
    assert "no such file or folder" in result.stderr


def test_a_name_that_would_steer_the_terminal_is_shown_as_an_escape(run, sources: Path) -> None:
    (sources / "\x1b[2Jevil.txt").touch()
    result = run("text", sources)
    assert "\x1b" not in result.stderr
    assert "\\x1b[2Jevil.txt" in result.stderr


def test_what_is_attached_to_a_mail_follows_it(run, lines_of, sources: Path) -> None:
    path = sources / "mail.eml"
    path.write_bytes(mail("Dear Bob.", {"terms.txt": b"Thirty days.", "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(92)}))
    printed = run("text", path)
    assert f"==> {path} <==\nFrom:" in printed.stdout
    assert printed.stdout.endswith(f"==> {path}/terms.txt <==\nThirty days.\n")
    assert f"{path}/photo.png: unsupported: no reader takes a picture" in printed.stderr
    letter, terms, photo = lines_of("text", path, exit_code=3)
    assert letter["members"] == [{"name": "terms.txt", "bytes": 12}, {"name": "photo.png", "bytes": 100}]
    assert (terms["source"], terms["text"], terms["members"]) == (f"{path}/terms.txt", "Thirty days.\n", [])
    assert (photo["outcome"], photo["reason"]) == ("skipped", "unsupported")


def test_globs_leave_out_attachments_too(lines_of, sources: Path) -> None:
    path = sources / "mail.eml"
    path.write_bytes(mail("Dear Bob.", {"terms.txt": b"Thirty days.", "note.md": b"# Note"}))
    found = lines_of("text", "--exclude", "*.md", "--include", "*.eml", sources)
    assert [facts["source"] for facts in found] == [str(path), f"{path}/terms.txt"]
