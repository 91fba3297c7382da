from pathlib import Path

from document_makers import mail

from kvprep.cli import render

LEASE = "The lease of Mill Court runs for five years. The yearly rent is 4,000 pounds.\n"
SAMPLES = Path(__file__).resolve().parents[2] / "sample_docs"
V1, V2 = (SAMPLES / "contracts" / f"supply-agreement-v{number}.docx" for number in (1, 2))


def test_two_files_are_compared_word_by_word_without_a_store(run, store: Path) -> None:
    result = run("diff", V1, V2)
    assert result.exit_code == 0
    assert "GBP [-250,000.00-]{+500,000.00+} for each event" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("8 words differ, similarity 0.9")
    assert not store.exists()


def test_json_says_where_and_what(json_of) -> None:
    facts = json_of("diff", V1, V2)
    assert not facts["equal"]
    assert facts["words"] == 8
    assert {"a_line": 68, "b_line": 68, "old": "250,000.00", "new": "500,000.00"} in facts["changes"]


def test_of_one_text_nothing_is_printed(run, json_of) -> None:
    result = run("diff", V1, V1)
    assert (result.exit_code, result.stdout) == (0, "")
    facts = json_of("diff", V1, V1)
    assert (facts["equal"], facts["similarity"], facts["changes"]) == (True, 1, [])


def test_an_older_version_is_compared_by_its_id_with_the_file_as_it_is_now(run, json_of, stocked: Path) -> None:
    lease = stocked / "lease.txt"
    old = json_of("show", lease)["document"]
    lease.write_text(lease.read_text().replace("4,000", "4,200"))
    printed = run("diff", old[:12], lease).stdout
    assert "[-4,000-]{+4,200+}" in printed


def test_two_documents_of_the_store_are_named_by_title(json_of, stocked: Path) -> None:
    titles = [document["title"] for document in json_of("ls")["documents"]]
    facts = json_of("diff", *titles)
    assert facts["words"] > 10


def test_an_attachment_is_named_by_its_path(run, sources: Path) -> None:
    (sources / "mail.eml").write_bytes(mail("Dear Bob.", {"lease.txt": LEASE.replace("five", "six").encode()}))
    printed = run("diff", sources / "lease.txt", sources / "mail.eml" / "lease.txt").stdout
    assert "for [-five-]{+six+} years" in printed
    assert run("diff", sources / "lease.txt", sources / "mail.eml" / "other.txt").exit_code == 1


def test_what_is_nowhere_is_an_error(run, stocked: Path) -> None:
    assert run("diff", stocked / "lease.txt", "nothing").exit_code == 1


def test_without_a_store_only_files_can_be_compared(run) -> None:
    assert run("diff", V1, "3fa9").exit_code == 10


def test_a_file_that_is_no_document_says_why(run) -> None:
    result = run("diff", V1, SAMPLES / "unreadable" / "empty.txt")
    assert result.exit_code == 1
    assert "empty" in result.stderr


def test_on_a_terminal_marks_have_colours_and_control_characters_are_shown(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    render.marked([("The ", ""), ("\x1b[2Jold", "-"), ("new", "+"), ("\n", "")])
    printed = capsys.readouterr().out
    assert "\x1b[2J" not in printed
    assert "\\x1b[2Jold" in printed
    assert "\x1b[31m" in printed
    assert "\x1b[32m" in printed
