"""The units of docs/recipes/systemd: systemd accepts them, they are fenced in, and what they start does its work."""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from recipe_places import Place

ANALYZE = shutil.which("systemd-analyze")
NAMES = ("ingest", "verify", "gc", "stats")
MOST_EXPOSED = "10"
"""Of 100, by the reckoning of `systemd-analyze security`: a unit that says nothing of it has 96."""
# As the service manager starts it: with the unit's umask, and no memory that is written to and then run.
START = """
import ctypes, os, sys
os.umask(0o077)
if sys.argv[1] == "yes" and ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    print("this kernel knows no PR_SET_MDWE", file=sys.stderr)
os.execv(sys.argv[2], sys.argv[2:])
"""


def settings_of(*texts: str) -> dict[str, list[str]]:
    """Read the settings of a unit and its drop-ins; one that is given twice has two values."""
    settings: dict[str, list[str]] = {}
    for line in "\n".join(texts).splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, as an administrator has put them in place."""
    place = Place(tmp_path / "place")
    folder = tmp_path / "units"
    (folder / "kvprep-.service.d").mkdir(parents=True)
    names = ["kvprep-.service.d/common.conf", *(f"kvprep-{n}.{kind}" for n in NAMES for kind in ("service", "timer"))]
    for name in names:
        (folder / name).write_text(place.recipe(f"systemd/{name}"))
    return folder


def analyze(folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    if ANALYZE is None:
        pytest.skip("no systemd-analyze here")
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"}
    command = [ANALYZE, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_wrong_with_any_unit(units: Path) -> None:
    files = sorted(units.glob("kvprep-*.[st]*[er]"))
    assert len(files) == 2 * len(NAMES)
    checked = analyze(units, "verify", "--man=no", *files)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_setting_that_systemd_does_not_know_would_be_found(units: Path) -> None:
    drop_in = units / "kvprep-.service.d" / "common.conf"
    drop_in.write_text(drop_in.read_text() + "ProtectEverything=yes\n")
    assert "ProtectEverything" in analyze(units, "verify", "--man=no", units / "kvprep-gc.service").stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_fenced_in(units: Path, name: str) -> None:
    threshold = f"--threshold={MOST_EXPOSED}"
    checked = analyze(units, "security", "--no-pager", "--offline=true", threshold, f"kvprep-{name}.service")
    assert checked.returncode == 0, checked.stdout


def _start(place: Place, units: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Run what a unit runs, in the unit's environment."""
    common = (units / "kvprep-.service.d" / "common.conf").read_text()
    settings = settings_of((units / f"kvprep-{name}.service").read_text(), common)
    environment = dict(pair.split("=", 1) for line in settings["Environment"] for pair in shlex.split(line))
    (credential,) = settings["LoadCredential"]
    label, _, source = credential.partition(":")
    handed = place.root / "credentials"
    handed.mkdir(exist_ok=True)
    shutil.copy(source, handed / label)
    environment = {key: value.replace("%d", str(handed)) for key, value in environment.items()}
    (line,) = settings["ExecStart"]
    no_new_code = settings.get("MemoryDenyWriteExecute", ["no"])[-1]
    return place.run([sys.executable, "-c", START, no_new_code, *shlex.split(line)], **environment)


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")
def test_what_the_units_start_ingests_checks_cleans_and_counts(place: Place, units: Path) -> None:
    ingested = _start(place, units, "ingest")
    assert ingested.returncode == 0, ingested.stderr
    assert '"outcome": "ingested", "documents": 2' in ingested.stderr
    for name, said in (("verify", "sound at level bytes"), ("gc", "freed")):
        done = _start(place, units, name)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    counted = _start(place, units, "stats")
    assert counted.returncode == 0, counted.stderr
    assert "kvprep_" in place.metrics.read_text()
    assert place.metrics.stat().st_mode & 0o044 == 0o044  # another user collects it


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")
def test_an_ingest_steps_aside_and_systemd_calls_that_a_success(filled: Place, units: Path) -> None:
    (filled.root / "documents" / "new.txt").write_text("A new one.\n")
    (lease,) = (filled.store / "locks").glob("*.lease")
    with open(lease, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        aside = _start(filled, units, "ingest")
    common = settings_of((units / "kvprep-.service.d" / "common.conf").read_text())
    assert aside.returncode == 75
    assert "75" in common["SuccessExitStatus"]
