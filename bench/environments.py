"""Environments of their own for what kvprep is compared with: pinned, made once, kept in `.cache/peers`."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENTS = REPOSITORY / ".cache" / "peers"


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
    """About how much is downloaded, said before; 0 where it is too little to say."""

    def python(self) -> Path:
        """Install the package, unless that was done before; give the Python that has it.

        Raises:
            CalledProcessError: it cannot be installed here; `stderr` holds what pip said.
        """
        folder = ENVIRONMENTS / f"{self.name}-{self.version}"
        python, done = folder / "bin" / "python", folder / "installed"
        if not done.exists():
            self._say()
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            wanted = (f"{self.name}{self.extras}=={self.version}", *self.beside)
            _run(str(python), "-m", "pip", "install", "--quiet", *_index(), *wanted)
            if self.unwanted:
                _run(str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *self.unwanted)
            done.touch()
        return python

    def _say(self) -> None:
        size = f": downloads about {self.download_mb} MB" if self.download_mb else ""
        print(f"installing {self.name} {self.version}{size} …", file=sys.stderr, flush=True)


def _index() -> list[str]:
    """Take torch from the index that `make setup` was told of, if it was."""
    index = os.environ.get("TORCH_INDEX")
    return ["--extra-index-url", index] if index else []


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
