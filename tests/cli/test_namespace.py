from pathlib import Path

import pytest

from kvprep.store.store import Store


@pytest.fixture
def made(run, store: Path) -> Path:
    assert run("init").exit_code == 0
    return store


def test_a_namespace_is_made_with_its_policy_and_listed(run, json_of, made: Path) -> None:
    told = json_of("namespace create", "invoices", "--policy", "signed", "--source-check", "ttl-only")
    assert (told["policy"], told["source_check"], told["charter"]) == ("signed", "ttl-only", 1)
    assert [writer["label"] for writer in told["writers"]] == ["first key"]
    listed = {facts["name"]: facts for facts in json_of("namespace list")["namespaces"]}
    assert set(listed) == {"default", "invoices"}
    assert listed["invoices"]["policy"] == "signed" and listed["default"]["policy"] == "aead"
    assert "signed" in run("namespace", "list").stdout
    assert run("namespace", "create", "invoices").exit_code == 1


def test_a_writer_is_trusted_and_trusted_no_more(run, json_of, made: Path) -> None:
    public = "ab" * 32
    own = json_of("namespace list")["namespaces"][0]["writers"]
    told = json_of("namespace trust", "default", public, "--label", "nightly", "--policy", "signed")
    assert told["writers"] == [*own, {"label": "nightly", "key": public}]
    assert (told["policy"], told["charter"]) == ("signed", 2)
    assert "nightly" in run("namespace", "list").stdout
    assert json_of("namespace trust", "default", "--remove", public)["writers"] == own


@pytest.mark.parametrize("arguments", [["default"], ["default", "xyz"], ["default", "--policy", "none"]])
def test_a_trust_that_makes_no_sense_is_a_mistake_in_its_use(run, made: Path, arguments: list[str]) -> None:
    assert run("namespace", "trust", *arguments).exit_code == 2


def test_where_signatures_are_wanted_a_reader_neither_ingests_nor_invalidates(
    run, json_of, stocked: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stocked / "more.txt").write_text("One more document.")
    run("namespace", "trust", "default", "--policy", "signed")
    run("key", "add", "--file", tmp_path / "reader.key", "--role", "reader")
    monkeypatch.setenv("KVPREP_KEY_FILE", str(tmp_path / "reader.key"))
    entries = sorted((store / "entries").rglob("*.kve"))
    for command in (["ingest", stocked], ["invalidate", "--all"], ["namespace", "shred", "default", "--yes"]):
        result = run(*command)
        assert result.exit_code == 13, (command, result.output)
    assert sorted((store / "entries").rglob("*.kve")) == entries
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0


def test_what_nobody_trusted_signed_is_denied_and_the_next_ingest_computes_it_again(
    run, json_of, stocked: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("key", "add", "--file", tmp_path / "writer.key", "--role", "writer")
    run("invalidate", "--all")
    with monkeypatch.context() as patch:
        patch.setenv("KVPREP_KEY_FILE", str(tmp_path / "writer.key"))
        assert run("ingest", stocked).exit_code == 0
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0
    run("namespace", "trust", "default", "--policy", "signed")
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code != 0
    assert run("ingest", stocked).exit_code == 0
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 0
    assert run("verify").exit_code == 0


def test_an_entry_of_a_stranger_that_is_put_in_place_is_a_miss_with_its_reason(
    run, json_of, stocked: Path, store: Path, tmp_path: Path
) -> None:
    """While the index still knows it."""
    with Store.open(store, key_file=tmp_path / "key") as opened:
        namespace = opened.namespace("default")
        entries = dict(namespace.all_entries())
    run("namespace", "trust", "default", "--policy", "signed")
    with Store.open(store, key_file=tmp_path / "key") as opened:
        namespace = opened.namespace("default")
        namespace._signer = None
        for ident, entry in entries.items():
            namespace._write_entry(ident, entry)
    result = run("ask", "--json", stocked / "lease.txt", "Who?", "--max-new-tokens", 1)
    assert '"denied"' in result.stdout
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?", "--max-new-tokens", 1).exit_code == 13


def test_shredding_wants_to_be_meant(run, json_of, stocked: Path, store: Path) -> None:
    assert run("namespace", "shred", "default").exit_code == 1
    assert list((store / "entries").rglob("*.kve"))
    told = json_of("namespace shred", "default", "--yes")
    assert (told["entries"], told["documents"]) == (2, 2)
    assert not list((store / "entries").rglob("*.kve"))
    assert run("ls").exit_code == 1
    assert run("namespace", "create", "default").exit_code == 0
    assert run("ingest", stocked).exit_code == 0
    assert run("namespace", "shred", "nothing", "--yes").exit_code == 1
