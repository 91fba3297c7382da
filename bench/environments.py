"""Environments of their own for what kvprep is compared with: pinned, made once, kept in `.cache/peers`."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENTS = REPOSITORY / ".cache" / "peers"
_SECONDS = 900
"""For one installation: past this, the network is not what it should be."""


@dataclass(frozen=True)
class Environment:
    """A package in a release, and what has to be installed with it."""

    name: str
    version: str
    extras: str = ""
    """In brackets, as pip takes them."""
    beside: tuple[str, ...] = ()
    """Further requirements, pinned."""
    unwanted: tuple[str, ...] = ()
    """Dependencies to remove again: they break the package, or are not needed for what is measured."""
    download_mb: int = 0
    """About how much is downloaded."""

    def python(self) -> Path:
        """Install the package, unless that was done before; give the Python that has it.

        Raises:
            CalledProcessError: it cannot be installed here; `stderr` holds what pip said.
            TimeoutExpired: it took too long.
        """
        folder, python = self._done.parent, self._done.parent / "bin" / "python"
        if not self.is_installed():
            print(f"installing {self.name} {self.version} …", file=sys.stderr, flush=True)
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            wanted = (f"{self.name}{self.extras}=={self.version}", *self.beside)
            _run(str(python), "-m", "pip", "install", "--quiet", *_index(), *wanted)
            if self.unwanted:
                _run(str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *self.unwanted)
            self._done.touch()
        return python

    def is_installed(self) -> bool:
        """Tell whether nothing is left to download."""
        return self._done.exists()

    @property
    def _done(self) -> Path:
        return ENVIRONMENTS / f"{self.name}-{self.version}" / "installed"


def _index() -> list[str]:
    """Take torch from the index that `make setup` was told of, if it was."""
    index = os.environ.get("TORCH_INDEX")
    return ["--extra-index-url", index] if index else []


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, timeout=_SECONDS)
