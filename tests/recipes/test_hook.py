"""The hook of docs/recipes: pre-commit runs it on a repository that holds a store."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from recipe_places import PROGRAM, RECIPES, Place

HOOK = RECIPES / "pre-commit-config.yaml"


@pytest.fixture
def repository(filled: Place, tmp_path: Path) -> Path:
    """A git repository with a store, and the hook installed; nothing is committed yet."""
    folder = tmp_path / "repository"
    shutil.copytree(filled.store, folder / "store")
    shutil.copy(HOOK, folder / ".pre-commit-config.yaml")
    shutil.copy(RECIPES / "gitignore", folder / ".gitignore")
    git(folder, "init", "--quiet")
    for name, value in (("user.name", "A"), ("user.email", "a@example.org")):
        git(folder, "config", name, value)
    installed = pre_commit(folder, "install")
    assert installed.returncode == 0, installed.stderr
    return folder


def environment(folder: Path) -> dict[str, str]:
    found = {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(folder.parent / "hooks")}
    return {**os.environ, **found, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False, timeout=100)


def pre_commit(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pre_commit", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=100
    )


def test_a_sound_store_is_committed_again_and_again(repository: Path) -> None:
    for text in ("one", "two"):
        (repository / "store" / "kvprep.toml").write_text(f"# {text}\n")
        git(repository, "add", ".")
        committed = git(repository, "commit", "--message", text)
        assert committed.returncode == 0, committed.stderr
        assert "Passed" in committed.stderr
    assert git(repository, "status", "--porcelain").stdout == ""


def test_a_damaged_store_is_not_committed(repository: Path, damage) -> None:
    damage(repository / "store")
    git(repository, "add", ".")
    refused = git(repository, "commit", "--message", "damaged")
    assert refused.returncode == 1
    assert "NOT SOUND at level checksum" in refused.stderr
    assert git(repository, "log").returncode != 0


def test_what_does_not_touch_the_store_is_not_held_up(repository: Path, damage) -> None:
    damage(repository / "store")
    (repository / "notes.txt").write_text("notes\n")
    git(repository, "add", "notes.txt")
    committed = git(repository, "commit", "--message", "notes")
    assert committed.returncode == 0, committed.stderr
    assert "Skipped" in committed.stderr
