"""Other extractors on the same files, each in an environment of its own with pinned versions."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.corpus.files import Measured
from bench.corpus.measures import MEASURES, Measure
from bench.environments import Environment


@dataclass(frozen=True)
class Peer:
    """An extractor, what installs it, and what it reads."""

    name: str
    version: str
    extras: str
    suffixes: frozenset[str]

    def python(self) -> Path:
        """Install the peer, unless that was done before; give the Python that has it."""
        return Environment(self.name, self.version, self.extras).python()

    def texts(self, corpus: Path, names: Iterable[str]) -> dict[str, str]:
        """Extract files; one that the peer fails on gives an empty text."""
        command = [str(self.python()), str(Path(__file__).with_name("extractor.py")), self.name, str(corpus)]
        done = subprocess.run(
            command, input="\n".join(names), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
        )
        answers = map(json.loads, done.stdout.splitlines())
        return {answer["name"]: answer["text"] for answer in answers}

    def measures(self) -> dict[str, Measure]:
        """Choose the measures that look only at files which the peer reads."""
        return {key: measure for key, measure in MEASURES.items() if measure.shared and self._reads(measure)}

    def _reads(self, measure: Measure) -> bool:
        return all(_suffixes(pattern) <= self.suffixes for pattern in measure.patterns)


def _suffixes(pattern: str) -> set[str]:
    """Tell which suffixes a pattern of names stands for: `*.pdf`, `data/xlsx/sources/*`."""
    return {Path(pattern).suffix or f".{Path(pattern).parts[-3]}"}


PEERS = (
    Peer("markitdown", "0.1.9", "[docx,pdf,xlsx]", frozenset({".pdf", ".docx", ".html", ".xlsx", ".csv"})),
    Peer("pypdf", "7.1.1", "", frozenset({".pdf"})),
)


def judge(peer: Peer, corpus: Path, names: Iterable[str]) -> dict[str, Measured]:
    """Take the measures that apply to a peer."""
    measures = peer.measures()
    wanted = [name for name in names if any(measure.looks_at(name) for measure in measures.values())]
    texts = peer.texts(corpus, wanted)
    return {key: measure.run(texts, corpus) for key, measure in measures.items()}
