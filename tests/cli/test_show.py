from pathlib import Path

import pytest
from document_makers import mail


def test_a_document_answers_to_path_title_and_beginning_of_its_id(json_of, stocked: Path) -> None:
    by_path = json_of("show", stocked / "lease.txt")
    assert by_path["sources"][0]["path"] == str(stocked / "lease.txt")
    assert json_of("show", by_path["document"][:8]) == by_path
    assert json_of("show", by_path["title"]) == by_path


def test_the_entry_says_model_tokens_and_what_the_prefill_took(json_of, stocked: Path, model: Path) -> None:
    (entry,) = json_of("show", stocked / "lease.txt")["entries"]
    assert entry["model"] == model.name
    assert entry["tokens"] > 0
    assert entry["prefill_seconds"] > 0


def test_the_text_is_printed_alone(run, stocked: Path) -> None:
    text = run("text", stocked / "lease.txt").stdout
    assert run("show", "--text", stocked / "lease.txt").stdout.rstrip("\n") == text.rstrip("\n")


def test_the_prompt_is_printed_to_the_character(run, json_of, stocked: Path) -> None:
    printed = run("show", "--prompt", stocked / "lease.txt").stdout
    assert json_of("show", "--prompt", stocked / "lease.txt")["prompt"] == printed
    assert printed.startswith("The lease of Mill Court")


def test_the_history_reaches_back_to_the_first_version(run, json_of, stocked: Path) -> None:
    (stocked / "lease.txt").write_text("The lease of Mill Court runs for six years.\n")
    run("ingest", stocked)
    history = json_of("show", "--history", stocked / "lease.txt")["history"]
    assert [version["version"] for version in history] == [2, 1]
    assert "version   document" in run("show", "--history", stocked / "lease.txt").stdout


def test_findings_are_listed_by_source(run, json_of, stocked: Path) -> None:
    lease = stocked / "lease.txt"
    (stocked / "copy.txt").write_text(lease.read_text().replace("yearly", "year\u00adly"))
    run("ingest", stocked)
    (finding,) = json_of("show", "--findings", lease)["findings"]
    assert (finding["kind"], finding["count"], finding["source"]) == ("hidden-characters", 1, str(stocked / "copy.txt"))
    assert str(stocked / "copy.txt") in run("show", "--findings", lease).stdout.split("finding")[1]


@pytest.fixture
def letter(run, stocked: Path) -> Path:
    """A stored mail, with a document and a picture attached."""
    path = stocked / "mail.eml"
    picture = b"\x89PNG\r\n\x1a\n" + bytes(99)
    path.write_bytes(mail("Dear Bob.", {"terms.txt": b"Thirty days.", "photo.png": picture}))
    run("ingest", stocked)
    return path


def test_a_mail_shows_its_family(run, json_of, letter: Path) -> None:
    terms = json_of("show", letter / "terms.txt")
    assert json_of("show", letter)["family"] == [
        {"source": f"{letter}/terms.txt", "name": "terms.txt", "bytes": 12, "document": terms["document"]},
        {"source": f"{letter}/photo.png", "name": "photo.png", "bytes": 107, "document": None},
    ]
    printed = " ".join(run("show", letter).stdout.split())
    assert f"terms.txt 12 B {terms['document'][:12]} photo.png 107 B" in printed


def test_an_attachment_shows_what_it_is_inside_of(run, json_of, letter: Path) -> None:
    facts = json_of("show", letter / "terms.txt")
    assert [(s["path"], s["container"]) for s in facts["sources"]] == [(f"{letter}/terms.txt", str(letter))]
    assert facts["family"] == []
    assert f"inside 1  {letter}\n" in run("show", letter / "terms.txt").stdout


def test_a_name_that_nothing_answers_to_is_an_error_with_a_hint(run, stocked: Path) -> None:
    result = run("show", "nobody")
    assert result.exit_code == 1
    assert "kvprep: hint: `kvprep ls` lists them" in result.stderr


def test_the_prompt_of_an_invalidated_document_is_an_error(run, stocked: Path) -> None:
    run("invalidate", "--all")
    assert run("show", "--prompt", stocked / "lease.txt").exit_code == 1
