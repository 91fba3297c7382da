"""The crontab of docs/recipes: every line does its work in the environment that cron gives, and under cron itself."""

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recipe_places import RECIPES, Place

ADOPTED = '"outcome": "duplicate", "documents": 2'
"""The store has the documents already, from another folder."""
WHOLE = bool(os.environ.get("KVPREP_CAMPAIGN_WHOLE"))
JOB = re.compile(r"((?:[\d*/,-]+\s+){5})(\S.*)")
SETTING = re.compile(r"(\w+)=(.*)")


def jobs_of(text: str) -> dict[str, tuple[str, str]]:
    """Read the jobs of a crontab: by kvprep's command their times and their command line."""
    found = [match for line in text.splitlines() if (match := JOB.fullmatch(line))]
    return {match[2].split()[1]: (match[1].strip(), match[2]) for match in found}


def settings_of(text: str) -> dict[str, str]:
    return {match[1]: match[2] for line in text.splitlines() if (match := SETTING.fullmatch(line))}


def run_job(place: Place, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a job as cron does: its whole line by the crontab's shell, with the crontab's environment and no other."""
    text = place.recipe("crontab")
    settings = {"LOGNAME": "kvprep", **settings_of(text)}
    line = jobs_of(text)[command][1]
    assert "%" not in line, "cron makes new lines of it"
    return place.run([settings["SHELL"], "-c", line], **settings)


def log_of(place: Place) -> str:
    return (place.root / "lib" / "log").read_text()


def test_each_job_does_its_work_and_prints_nothing_that_cron_would_mail(filled: Place) -> None:
    for command, said in (
        ("ingest", ADOPTED),
        ("verify", "sound at level bytes"),
        ("gc", "freed"),
    ):
        done = run_job(filled, command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert said in log_of(filled)
    done = run_job(filled, "stats")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "kvprep_" in filled.metrics.read_text()


def test_an_ingest_that_steps_aside_is_not_mailed(filled: Place) -> None:
    (filled.root / "documents" / "new.txt").write_text("A new one.\n")
    (lease,) = (filled.store / "locks").glob("*.lease")
    with open(lease, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run_job(filled, "ingest")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert '"code": 75' in log_of(filled)


def test_a_check_that_finds_damage_is_mailed(filled: Place, damage) -> None:
    damage(filled.store)
    done = run_job(filled, "verify")
    assert done.stdout.startswith("kvprep verify found problems")
    assert '"code": 4' in log_of(filled)


def test_the_jobs_of_a_night_do_not_begin_together() -> None:
    times = {command: when.split() for command, (when, _) in jobs_of((RECIPES / "crontab").read_text()).items()}
    assert set(times) == {"ingest", "verify", "gc", "stats"}
    starts = {tuple(when[:2]) for command, when in times.items() if command != "stats"}
    assert len(starts) == 3


@contextmanager
def _cron(crontab: str, folder: Path) -> Iterator[None]:
    """Run a cron daemon that sees this crontab and none of the machine's, in a namespace of mounts of its own."""
    for name in ("crontabs", "cron.d", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "crontab").touch()
    table = folder / "crontabs" / "root"
    table.write_text(crontab)
    table.chmod(0o600)
    script = f"""
mount --bind {folder}/crontabs /var/spool/cron/crontabs && mount --bind {folder}/cron.d /etc/cron.d &&
{{ [ ! -e /etc/crontab ] || mount --bind {folder}/crontab /etc/crontab; }} &&
mount --bind {folder}/run /run && exec cron -f
"""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
        assert daemon.poll() is None, daemon.stderr.read() if daemon.stderr else ""
    finally:
        daemon.kill()
        daemon.wait(timeout=30)
        if daemon.stderr:
            daemon.stderr.close()


@pytest.mark.slow
@pytest.mark.skipif(not WHOLE, reason="waits for a full minute; `make campaign` runs it")
@pytest.mark.skipif(not shutil.which("cron"), reason="no cron here")
@pytest.mark.skipif(os.geteuid() != 0, reason="cron and its mounts are for root")
def test_a_real_cron_runs_every_job(filled: Place, tmp_path: Path) -> None:
    text = filled.recipe("crontab")
    for when, _ in jobs_of(text).values():
        text = text.replace(when, "* * * * *", 1)
    marks = [tmp_path / f"done-{number}" for number in range(4)]
    lines = text.splitlines()
    jobs = [number for number, line in enumerate(lines) if JOB.fullmatch(line)]
    for number, mark in zip(jobs, marks, strict=True):
        lines[number] += f"; echo $? >{mark}"
    with _cron("\n".join(lines) + "\n", tmp_path / "daemon"):
        waits = 0
        while not all(mark.exists() and mark.read_text() for mark in marks):
            waits += 1
            assert waits < 180, log_of(filled)
            time.sleep(1)
    assert [mark.read_text() for mark in marks] == ["0\n"] * 4
    assert ADOPTED in log_of(filled)
    assert "sound at level bytes" in log_of(filled)
    assert "kvprep_" in filled.metrics.read_text()
