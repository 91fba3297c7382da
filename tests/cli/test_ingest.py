import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from document_makers import mail

from kvprep.store.store import Store


@pytest.fixture
def lease(run, store: Path, tmp_path: Path):
    """The lease of the default namespace, held by somebody else."""
    run("init")
    with Store.open(store, key_file=tmp_path / "key") as opened, opened.namespace("default").lease():
        yield


def test_documents_are_stored_and_the_second_time_they_are_unchanged(run, sources: Path, json_of) -> None:
    for file in sources.iterdir():
        os.utime(file, (1, 1))
    first = json_of("ingest", sources)
    assert first["documents"]["ingested"] == 2
    assert first["tokens"]["computed"] > 0
    assert {Path(item["source"]).name for item in first["items"]} == {"lease.txt", "invoice.txt"}
    second = json_of("ingest", sources)
    assert second["documents"]["unchanged"] == 2
    assert second["tokens"]["computed"] == 0


def test_a_summary_counts_documents_tokens_bytes_and_seconds(run, sources: Path) -> None:
    printed = run("ingest", sources).stdout
    assert "2 found, 2 ingested" in printed
    assert "computed, 0 reused" in printed
    assert "prefill" in printed


def test_a_bad_file_stops_nothing_is_named_with_its_reason_and_gives_exit_code_3(run, sources: Path) -> None:
    (sources / "broken.pdf").write_bytes(b"%PDF-1.7\nno pages")
    (sources / "empty.txt").touch()
    result = run("ingest", sources)
    assert result.exit_code == 3
    assert "2 ingested" in result.stdout
    lines = {line.split()[-1]: line.split()[:2] for line in result.stdout.splitlines() if str(sources) in line}
    assert lines[str(sources / "broken.pdf")] == ["failed", "broken"]
    assert lines[str(sources / "empty.txt")] == ["skipped", "empty"]


def test_with_strict_a_failed_document_is_an_error_and_a_skipped_one_is_not(run, sources: Path) -> None:
    (sources / "empty.txt").touch()
    assert run("ingest", "--strict", sources).exit_code == 3
    (sources / "broken.pdf").write_bytes(b"%PDF-1.7\nno pages")
    assert run("ingest", "--strict", sources).exit_code == 1


def test_a_changed_document_supersedes_its_older_version(run, stocked: Path, json_of) -> None:
    (stocked / "lease.txt").write_text("The lease of Mill Court runs for six years.\n")
    assert json_of("ingest", stocked)["documents"]["superseded"] == 1


def test_a_namespace_is_made_when_it_is_first_used(run, sources: Path, json_of) -> None:
    json_of("ingest", "--namespace", "alpha", sources)
    assert len(json_of("ls", "--namespace", "alpha")["documents"]) == 2
    assert run("ls").stdout == ""


def test_globs_choose_among_the_files(run, sources: Path, json_of) -> None:
    assert json_of("ingest", "--exclude", "lease*", sources)["documents"]["found"] == 1


@pytest.mark.usefixtures("lease")
def test_no_wait_gives_up_at_once_with_75(run, sources: Path) -> None:
    result = run("ingest", "--json", "--no-wait", sources)
    assert result.exit_code == 75
    assert json.loads(result.stderr.splitlines()[-1])["error"] == "TryAgainLater"


@pytest.mark.usefixtures("lease")
def test_a_wait_that_is_over_gives_11_and_names_the_holder(run, sources: Path) -> None:
    result = run("ingest", "--wait", "0.1", sources)
    assert result.exit_code == 11
    assert f"held by process {os.getpid()}" in result.stderr


def test_a_store_that_has_vanished_is_not_made_anew_in_silence(run, stocked: Path, store: Path) -> None:
    store.rename(store.with_name("elsewhere"))
    assert run("ingest", stocked).exit_code == 10
    assert not store.exists()


def test_a_budget_that_is_too_small_is_refused_before_anything_is_computed(run, sources: Path) -> None:
    result = run("ingest", "--max-bytes", "1kB", sources)
    assert result.exit_code == 1
    assert "more than the budget" in result.stderr


@pytest.mark.parametrize("flags", [("--ttl", "soon"), ("--max-bytes", "much"), ("--jobs", "0")])
def test_a_flag_that_makes_no_sense_is_a_usage_error(run, sources: Path, flags: tuple[str, str]) -> None:
    assert run("ingest", *flags, sources).exit_code == 2


def test_the_time_to_live_comes_from_flag_then_glob_then_default(run, store: Path, sources: Path, json_of) -> None:
    def expires() -> dict[str, str | None]:
        return {Path(d["sources"][0]).name: d["expires"] for d in json_of("ls")["documents"]}

    run("init")
    (store / "kvprep.toml").write_text('[ttl]\n"*lease*" = "none"\n')
    run("ingest", sources)
    assert expires()["lease.txt"] is None
    assert expires()["invoice.txt"] is not None


def test_readers_start_before_the_key_is_read(run, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvprep.documents.cage import Cage
    from kvprep.store import store

    order: list[str] = []
    enter, read, write = Cage.__enter__, store.read_key_file, store.write_key_file
    monkeypatch.setattr(Cage, "__enter__", lambda cage: order.append("cage") or enter(cage))
    monkeypatch.setattr(store, "read_key_file", lambda *a: order.append("key") or read(*a))
    monkeypatch.setattr(store, "write_key_file", lambda *a: order.append("key") or write(*a))
    run("ingest", sources)
    run("ask", sources / "lease.txt", "Who?", "--max-new-tokens", 1)
    assert order == ["cage", "key", "cage", "key"]


def test_attachments_are_items_with_paths_of_their_own(json_of, sources: Path) -> None:
    (sources / "mail.eml").write_bytes(mail("Dear Bob.", {"terms.txt": b"Thirty days."}))
    items = {item["source"]: item["outcome"] for item in json_of("ingest", sources)["items"]}
    assert items[f"{sources}/mail.eml/terms.txt"] == items[f"{sources}/mail.eml"] == "ingested"


def test_what_an_upgrade_read_again_is_said(run, json_of, stocked: Path, store: Path, tmp_path: Path) -> None:
    with Store.open(store, key_file=tmp_path / "key") as opened:
        namespace = opened.namespace("default")
        for _, record in list(namespace.all_documents()):
            older = tuple(replace(source, canonicaliser="canon 0") for source in record.sources)
            namespace.put_document(replace(record, sources=older))
    documents = json_of("ingest", stocked)["documents"]
    assert (documents["unchanged"], documents["reread"], documents["reread_changed"]) == (2, 2, 0)
    assert "read again" not in run("ingest", stocked).stdout


@pytest.mark.parametrize("setting", ["flag", "file"])
def test_what_hides_text_is_refused_by_flag_or_setting(run, store: Path, sources: Path, json_of, setting: str) -> None:
    (sources / "lease.txt").write_text("The rent is 5.\U000e0036")
    run("init")
    if setting == "file":
        (store / "kvprep.toml").write_text("[ingest]\nrefuse_hidden = true\n")
    flags = ("--refuse-hidden",) if setting == "flag" else ()
    items = {Path(i["source"]).name: i for i in json_of("ingest", *flags, sources, exit_code=3)["items"]}
    assert (items["lease.txt"]["outcome"], items["lease.txt"]["reason"]) == ("skipped", "hidden-text")
    assert items["invoice.txt"]["outcome"] == "ingested"
