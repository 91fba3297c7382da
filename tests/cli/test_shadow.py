"""`ask --shadow` finds what was wrong to serve, says so at once, and `stats --check` ends with it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from planted import poison_entry
from prometheus_client.parser import text_string_to_metric_families

from kvprep.prefill.models import ModelSpec
from kvprep.store.store import Store

SHORT = ("--max-new-tokens", 3)
LYING_DISK = """
import os, sys
path, size, mtime, ctime, inode = sys.argv[1], *map(int, sys.argv[2:6])
real = os.stat
class Lie:
    st_size, st_mtime_ns, st_ctime_ns, st_ino, st_ctime = size, mtime, ctime, inode, ctime / 1e9
    st_mode = real(path).st_mode
os.stat = lambda p, **more: Lie if str(p) == path else real(p, **more)
sys.argv[1:] = sys.argv[6:]
from kvprep.cli.app import main
main()
"""


def metric(run, folder: Path, name: str) -> float:
    assert run("stats", "--prometheus", folder / "kvprep.prom").exit_code == 0
    families = text_string_to_metric_families((folder / "kvprep.prom").read_text())
    return {sample.name: sample.value for family in families for sample in family.samples}[name]


def test_without_a_share_nothing_is_checked_and_with_all_of_them_every_hit(run, json_of, stocked: Path) -> None:
    assert run("ask", stocked / "lease.txt", "Who?", *SHORT).exit_code == 0
    assert sum(json_of("stats")["checks"].values()) == 0
    result = run("ask", "--shadow", 1, stocked / "lease.txt", "Who?", "What?", *SHORT)
    assert (result.exit_code, "wrong to give" in result.stderr) == (0, False)
    assert json_of("stats")["checks"] == {"equal": 2, "differs": 0, "stale": 0}
    assert run("stats", "--check").exit_code == 0


def test_the_share_may_come_from_the_settings(run, json_of, stocked: Path, store: Path) -> None:
    (store / "kvprep.toml").write_text("[ask]\nshadow = 1.0\n")
    run("ask", stocked / "lease.txt", "Who?", *SHORT)
    assert json_of("stats")["checks"]["equal"] == 1


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "some"])
def test_what_is_no_share_is_refused(run, stocked: Path, share: str) -> None:
    assert run("ask", "--shadow", share, stocked / "lease.txt", "Who?").exit_code == 2


def test_a_source_that_a_lying_disk_shows_unchanged_is_served_stale_and_found(
    run, stocked: Path, store: Path, tmp_path: Path, later: None
) -> None:
    lease = stocked / "lease.txt"
    os.utime(lease, (time.time() - 60, time.time() - 60))
    assert run("ingest", stocked).exit_code == 0
    seen = lease.stat()
    lease.write_text(lease.read_text().replace("five", "nine"))
    numbers = (seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
    assert metric(run, tmp_path, "kvprep_stale_served_total") == 0
    answered = subprocess.run(
        [sys.executable, "-c", LYING_DISK, *map(str, (lease, *numbers, "ask", "--shadow", 1, lease, "Who?", *SHORT))],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert answered.returncode == 0, answered.stderr
    assert "[hit]" in answered.stderr
    assert "this answer was wrong to give, stale" in answered.stderr
    assert metric(run, tmp_path, "kvprep_stale_served_total") == 1
    result = run("stats", "--check")
    assert result.exit_code == 5
    assert "4,000 pounds.: served although its source had changed" in result.stderr


def test_numbers_that_no_model_computes_are_found(program, run, stocked: Path, store: Path, tmp_path, model) -> None:
    with Store.open(store, key_file=tmp_path / "key") as opened:
        poison_entry(opened.namespace("default"), str(stocked / "lease.txt"), ModelSpec(str(model), "cpu", "auto"), 20)
    answered = program("ask", "--shadow", 1, stocked / "lease.txt", "Who?", *SHORT)
    assert answered.returncode == 0, answered.stderr
    assert "this answer was wrong to give, differs: keys and values differ from token 20 on" in answered.stderr
    result = run("stats", "--check")
    assert result.exit_code == 4
    assert "4,000 pounds.: computed again, it differs" in result.stderr
