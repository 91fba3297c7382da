import stat
import tomllib
from pathlib import Path


def test_a_store_a_key_outside_of_it_and_commented_settings_are_made(run, store: Path, tmp_path: Path) -> None:
    result = run("init")
    assert result.exit_code == 0
    assert (store / "store.toml").is_file()
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert set(tomllib.loads((store / "kvprep.toml").read_text())) == {"model", "ingest", "ttl", "ask", "gc", "prices"}


def test_it_says_where_store_and_key_lie_and_what_the_key_does_not_guard(run, store: Path, tmp_path: Path) -> None:
    said = run("init").stderr
    assert str(store) in said
    assert str(tmp_path / "key") in said
    assert "not a stolen disk that holds both" in said


def test_without_a_setting_the_key_lies_in_the_configuration_folder(run, monkeypatch, json_of) -> None:
    monkeypatch.delenv("KVPREP_KEY_FILE")
    facts = json_of("init")
    assert "config" in facts["key_file"] and Path(facts["key_file"]).is_file()


def test_a_store_is_not_made_over_another(run, store: Path) -> None:
    run("init")
    again = run("init")
    assert again.exit_code == 1
    assert f"kvprep: error: {store}: is a store already" in again.stderr


def test_the_settings_as_written_can_be_read(run, store: Path) -> None:
    run("init")
    assert run("ls").exit_code == 0


def test_every_commented_setting_can_be_set(run, store: Path) -> None:
    run("init")
    file = store / "kvprep.toml"
    lines = [line.removeprefix("# ") if "=" in line else line for line in file.read_text().splitlines()]
    lines = [line for line in lines if not line.startswith(("namespace", "key_file", "passphrase_file"))]
    file.write_text("\n".join(lines))
    assert tomllib.loads(file.read_text())["ttl"]["default"] == "30d"
    assert run("ls").exit_code == 0
