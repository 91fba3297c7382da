import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

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
    printed = run("verify", "--level", level).stdout
    assert "sound at level" in printed
    assert "1 namespace, 2 entries" in printed


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


@pytest.mark.parametrize("kind", ["segments", "entries", "documents", "index.sqlite"])
def test_a_repair_drops_what_is_damaged_and_computes_it_again(
    run, json_of, stocked: Path, store: Path, kind: str
) -> None:
    before = json_of("ls")["documents"]
    damaged = min(p for p in (store / kind).rglob("*") if p.is_file()) if "." not in kind else store / kind
    flip(damaged, damaged.stat().st_size // 2 if "." not in kind else 3)
    assert json_of("verify", exit_code=4)["repaired"] is None
    facts = json_of("verify", "--repair")
    assert facts["ok"] and facts["repaired"]["damaged"] == [damaged.relative_to(store).as_posix()]
    assert facts["repaired"]["left"] == []
    assert facts["repaired"]["ingested"] == (0 if kind == "index.sqlite" else 1)
    after = json_of("ls")["documents"]
    assert {(d["document"], d["state"]) for d in after} == {(d["document"], "fresh") for d in before}
    assert run("verify", "--level", "deep").exit_code == 0


@pytest.mark.parametrize("where", [0, 70], ids=["header", "commitment"])
@pytest.mark.parametrize("kind", ["entries", "documents"])
def test_a_file_that_does_not_even_say_whose_it_is_is_repaired(
    json_of, stocked: Path, store: Path, kind: str, where: int
) -> None:
    damaged = min(p for p in (store / kind).rglob("*") if p.is_file())
    flip(damaged, where)
    assert json_of("verify", "--repair")["ok"]
    assert {d["state"] for d in json_of("ls")["documents"]} == {"fresh"} and len(json_of("ls")["documents"]) == 2


def test_a_document_whose_source_has_changed_is_left_to_be_ingested(json_of, stocked: Path, store: Path) -> None:
    for path in (store / "segments").glob("??/*.kvs"):
        flip(path, path.stat().st_size // 2)
    (stocked / "lease.txt").write_text("Another lease, which nobody has stored.")
    facts = json_of("verify", "--repair")
    assert facts["ok"]
    assert (facts["repaired"]["entries"], facts["repaired"]["ingested"]) == (2, 1)
    assert facts["repaired"]["left"] == [str(stocked / "lease.txt")]


def test_without_the_model_a_repair_says_what_to_ingest(
    run, json_of, stocked: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = min((store / "segments").glob("??/*.kvs"))
    flip(damaged, damaged.stat().st_size // 2)
    monkeypatch.setenv("KVPREP_MODEL", str(store / "nowhere"))
    facts = json_of("verify", "--repair")
    assert facts["ok"] and len(facts["repaired"]["left"]) == 1
    assert Path(facts["repaired"]["left"][0]).parent == stocked


def test_what_no_repair_can_mend_stays_an_error(run, json_of, stocked: Path, store: Path) -> None:
    damaged = min((store / "namespaces").glob("*.kvn"))
    flip(damaged, damaged.stat().st_size // 2)
    assert not json_of("verify", "--repair", exit_code=4)["ok"]


def test_the_result_is_written_for_what_shows_tests(run, stocked: Path, store: Path, tmp_path: Path) -> None:
    (store / "a\x01 stranger <&>").touch()
    damaged = min((store / "segments").glob("??/*.kvs"))
    flip(damaged, damaged.stat().st_size // 2)
    assert run("verify", "--junit", tmp_path / "out.xml").exit_code == 4
    suite = ElementTree.parse(tmp_path / "out.xml").getroot().find("testsuite")
    cases = suite.findall("testcase")
    failed = [case for case in cases if case.find("failure") is not None]
    assert [case.get("name") for case in failed] == [damaged.relative_to(store).as_posix()]
    assert "ingest" in failed[0].find("failure").text
    assert (suite.get("tests"), suite.get("failures")) == (str(len(cases)), "1")
    names = {case.get("name") for case in cases}
    assert "a\\x01 stranger <&>" in names and "segments checked" in names
    assert run("verify", "--junit", tmp_path / "no" / "out.xml").exit_code == 1


def test_a_check_is_spread_over_runs(json_of, stocked: Path) -> None:
    first, second, third = (json_of("verify", "--sample", "50%", "--max-age", "7d") for _ in range(3))
    assert [f["passed_over"] for f in (first, second, third)] == [
        {"recent": 0, "left": 1}, {"recent": 1, "left": 0}, {"recent": 2, "left": 0}
    ]  # fmt: skip
    assert json_of("verify", "--max-duration", "1h", "--level", "checksum")["passed_over"]["left"] == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--sample", "0"],
        ["--sample", "200%"],
        ["--sample", "some"],
        ["--max-age", "none"],
        ["--max-duration", "soon"],
        ["--level", "structure", "--sample", "1"],
        ["--level", "checksum", "--repair"],
    ],
)
def test_options_that_make_no_sense_are_usage_errors(run, stocked: Path, options: list[str]) -> None:
    assert run("verify", *options).exit_code == 2


def test_level_deep_computes_entries_afresh(json_of, run, stocked: Path) -> None:
    facts = json_of("verify", "--level", "deep")
    assert facts["ok"] and facts["checked"]["replayed"] == 2


@pytest.mark.parametrize("level", ["structure", "checksum", "bytes"])
def test_a_level_loads_nothing_that_only_another_needs(stocked: Path, level: str) -> None:
    code = (
        "import sys; from kvprep.cli.app import main\n"
        f"try: sys.argv = ['kvprep', 'verify', '--level', '{level}']; main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert "sound at level" in ended.stdout
    needless = ("torch", "kvprep.checks", "kvprep.pipeline", "kvprep.documents", "kvprep.prefill", "kvprep.cli.repair")
    assert [name for name in ended.stderr.split() if name.startswith(needless)] == []
