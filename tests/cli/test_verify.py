from pathlib import Path

import pytest

LEVELS = ("structure", "checksum", "bytes")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("level", LEVELS)
def test_a_sound_store_is_sound_at_every_level(run, json_of, stocked: Path, level: str) -> None:
    facts = json_of("verify", "--level", level)
    assert facts["ok"] and facts["findings"] == []
    assert facts["checked"]["segments"] > 0
    assert "sound at level" in run("verify", "--level", level).stdout


@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("kind", ["segments", "entries", "documents", "namespaces"])
def test_a_flipped_bit_is_exit_4_and_names_the_file(json_of, stocked: Path, store: Path, level: str, kind: str) -> None:
    damaged = min(p for p in (store / kind).rglob("*") if p.is_file())
    flip(damaged, damaged.stat().st_size // 2)
    facts = json_of("verify", "--level", level, exit_code=4)
    errors = [f["subject"] for f in facts["findings"] if f["severity"] == "error"]
    assert damaged.relative_to(store).as_posix() in errors


@pytest.mark.parametrize("level", LEVELS[:2])
def test_structure_and_checksums_need_no_key(run, stocked: Path, tmp_path: Path, level: str) -> None:
    (tmp_path / "key").unlink()
    assert run("verify", "--level", level).exit_code == 0
    assert run("verify").exit_code == 12


def test_a_damaged_key_file_is_exit_12(run, stocked: Path, tmp_path: Path) -> None:
    flip(tmp_path / "key", 200)
    assert run("verify").exit_code == 12


def test_an_index_that_was_deleted_is_built_anew(run, json_of, stocked: Path, store: Path) -> None:
    before = json_of("ls")
    for file in store.glob("index.sqlite*"):
        file.unlink()
    assert run("verify", "--rebuild-index").exit_code == 0
    assert json_of("ls") == before


def test_a_level_that_there_is_not_is_a_usage_error(run, stocked: Path) -> None:
    assert run("verify", "--level", "thorough").exit_code == 2


@pytest.mark.parametrize("kind", ["segments", "entries", "documents"])
def test_the_remedy_that_verify_names_mends_the_store(run, json_of, stocked: Path, store: Path, kind: str) -> None:
    before = json_of("ls")["documents"]
    damaged = min(p for p in (store / kind).rglob("*") if p.is_file())
    flip(damaged, damaged.stat().st_size // 2)
    (finding,) = [f for f in json_of("verify", exit_code=4)["findings"] if f["severity"] == "error"]
    assert finding["remedy"] == "Delete this file, and ingest its document again."
    (store / finding["subject"]).unlink()
    run("ingest", str(stocked))
    assert json_of("verify")["ok"]
    after = json_of("ls")["documents"]
    assert {d["document"] for d in after} == {d["document"] for d in before}
    assert {d["state"] for d in after} == {"fresh"}
