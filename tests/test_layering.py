import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "gguf", "pypdf", "pypdfium2", "docx")
BREACHES = {
    "Stages do not know one another; everything points down": ("types.py", "import kvprep.hashing"),
    "Only prefill touches the model stack": ("hashing.py", "import torch"),
    "Only documents opens foreign files": ("hashing.py", "import pypdf"),
    "Only the databases of the store speak SQL": ("progress.py", "import sqlite3"),
    "Only render draws": ("progress.py", "import rich.progress"),
    "Only the command line knows typer": ("progress.py", "import typer"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_package_keeps_its_layers() -> None:
    result = lint_imports(REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_breach_is_found(contract: str, tmp_path: Path) -> None:
    """Inside a function too: that an import is late does not make it allowed."""
    module, line = BREACHES[contract]
    shutil.copytree(REPOSITORY / "kvprep", tmp_path / "kvprep", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    with (tmp_path / "kvprep" / module).open("a") as file:
        file.write(f"\n\ndef breach() -> None:\n    {line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract} BROKEN" in result.stdout


def test_importing_every_module_loads_neither_torch_nor_a_document_library() -> None:
    script = f"""
import importlib, json, pkgutil, sys
import kvprep
for module in pkgutil.walk_packages(kvprep.__path__, "kvprep."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    result = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == []
