from pathlib import Path


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


def test_findings_are_listed(run, stocked: Path) -> None:
    assert "finding   where" in run("show", "--findings", stocked / "lease.txt").stdout


def test_a_name_that_nothing_answers_to_is_an_error_with_a_hint(run, stocked: Path) -> None:
    result = run("show", "nobody")
    assert result.exit_code == 1
    assert "kvprep: hint: `kvprep ls` lists them" in result.stderr


def test_the_prompt_of_an_invalidated_document_is_an_error(run, stocked: Path) -> None:
    run("invalidate", "--all")
    assert run("show", "--prompt", stocked / "lease.txt").exit_code == 1
