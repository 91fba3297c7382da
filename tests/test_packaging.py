import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

import kvprep

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
TARGETS = {"setup", "demo", "test", "lint", "format", "bench", "docs", "clean"}


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {name.lower().replace("_", "-"): pinned for name, pinned in pairs}


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for line in (*PROJECT["dependencies"], *(line for extra in extras for line in extra))]


def test_make_alone_prints_the_targets() -> None:
    printed = subprocess.run(["make", "-C", REPOSITORY], capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in printed.splitlines() if line.startswith("  make ")} >= TARGETS


def test_every_dependency_is_pinned_within_its_range() -> None:
    pinned = pins()
    assert [str(r) for r in requirements() if pinned.get(r.name) not in r.specifier or r.name not in pinned] == []


def test_the_package_states_the_version_of_the_project() -> None:
    assert kvprep.__version__ == PROJECT["version"]
