"""The recipes of docs/recipes with a test's own folders in place of theirs."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RECIPES = Path(__file__).resolve().parents[2] / "docs" / "recipes"
PROGRAM = Path(sys.executable).with_name("kvprep")
TEXTS = {
    "lease.txt": "The lease of Mill Court runs for five years. The yearly rent is 4,000 pounds.\n",
    "invoice.txt": "Invoice 17 of Nordlicht. Amount due: 250 pounds by the first of March.\n",
}


@dataclass(frozen=True)
class Place:
    """What stands in a test for the places that recipes name."""

    root: Path

    @property
    def places(self) -> Mapping[str, Path]:
        return {
            "/opt/kvprep/bin/kvprep": PROGRAM,
            "/var/lib/kvprep": self.root / "lib",
            "/var/cache/kvprep": self.root / "cache",
            "/var/lib/prometheus/node-exporter": self.root / "metrics",
            "/etc/kvprep": self.root / "etc",
            "/srv/documents": self.root / "documents",
        }

    @property
    def store(self) -> Path:
        return self.root / "lib" / "store"

    @property
    def key(self) -> Path:
        return self.root / "etc" / "key"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics" / "kvprep.prom"

    def recipe(self, name: str) -> str:
        """Read a recipe, with the places of this test in it."""
        text = (RECIPES / name).read_text("utf-8")
        for place, here in self.places.items():
            text = text.replace(place, str(here))
        return text

    def run(self, command: Sequence[str | Path], **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in next to no environment."""
        bare = {"HOME": str(self.root), "PATH": "/usr/bin:/bin", **environment}
        return subprocess.run(
            command, cwd=self.root, env=bare, capture_output=True, text=True, check=False, timeout=100
        )

    def kvprep(self, *arguments: str | Path) -> str:
        """Run kvprep on the store of this place."""
        done = self.run([PROGRAM, *arguments], KVPREP_STORE=str(self.store), KVPREP_KEY_FILE=str(self.key))
        assert done.returncode == 0, done.stderr
        return done.stdout
