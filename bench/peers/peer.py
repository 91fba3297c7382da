"""A peer runs in an environment of its own, as `python -m bench.peers.NAME`: it is told what to measure on stdin and
writes a line of JSON for every size it has finished, so that a crash or the time limit costs only what came after.

This module needs nothing but Python itself: it is read in both environments.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from bench.environments import REPOSITORY, Environment

PREFILL, SAVE, RESTORE, FIRST, BOTH = "prefill", "save", "restore", "first token", "restore + first token"
STEPS = (PREFILL, SAVE, RESTORE, FIRST, BOTH)
Seconds = dict[str, list[float]]
_REASON_CHARACTERS = 300


class Asked(Protocol):
    """A dataclass that a child reads from stdin."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def threads(self) -> int:
        """Threads to compute with."""


@dataclass(frozen=True)
class Request:
    """What a peer is asked for."""

    weights: str
    """The bundled model's GGUF file."""
    weights_bf16: str
    """The same numbers as a GGUF file in bfloat16."""
    model: str
    """Folder of the same model for transformers: bfloat16 safetensors, config, tokenizer."""
    folder: str
    """An empty folder on the disk that all peers write to."""
    prompts: dict[str, list[int]]
    """By number of tokens, the token ids."""
    token_bytes: int
    """Bytes of KV of a token in bfloat16."""
    threads: int
    rounds: int
    """Of everything but prefills."""

    def prefills(self, prompt: list[int]) -> int:
        """Choose how often to prefill: a long prompt takes a minute, and is no part of a target here."""
        return 3 if len(prompt) < 4096 else 1


@dataclass(frozen=True)
class Description:
    """What the tables say of a peer beside its figures."""

    name: str
    version: str
    numbers: str
    """Type of weights and KV."""
    unchecked: str
    """What it does not do that kvprep does: authenticate, encrypt, tell models apart, tell stale from fresh."""


@dataclass
class Outcome:
    """What came of a peer."""

    peer: Description
    sizes: dict[str, Seconds] = field(default_factory=dict)
    """By number of tokens and step."""
    failed: str = ""
    """Why it stopped before the end, in its own words; empty where it did not."""


@dataclass(frozen=True)
class Peer:
    """Something that keeps a KV cache, and how it is run."""

    description: Description
    environment: Environment
    module: str
    """Of this package; runs inside the environment."""
    seconds: float
    """Time limit for all sizes, installing apart."""

    def run(self, request: Request) -> Outcome:
        """Measure; nothing that was started is left running."""
        answers = Path(request.folder) / "answers"
        try:
            python = self.environment.python()
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", None) or str(error)
            return Outcome(self.description, failed=f"cannot be installed: {_last_line(said)}")
        failed = run_module(python, f"bench.peers.{self.module}", request, answers, self.seconds)
        return Outcome(self.description, dict(_answers(answers)), failed)


def run_module(python: Path, module: str, request: Asked, answers: Path, seconds: float) -> str:
    """Run a module with a time limit; say why it failed, if it did. Nothing that was started is left running."""
    log = answers.with_name("log")
    environment = {**os.environ, "OMP_NUM_THREADS": str(request.threads), "HF_HUB_OFFLINE": "1"}
    with log.open("w") as printed:
        child = subprocess.Popen(
            [python, "-m", module, answers],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that its own children can be ended with it
        )
        try:  # a SIGTERM comes here as an exception: bench.workplace sees to it
            child.communicate(json.dumps(asdict(request)), timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"stopped after {seconds:.0f} s"
        finally:
            _end(child)
    return "" if child.returncode == 0 else _reason(child.returncode, log.read_text(errors="replace"))


def _end(child: "subprocess.Popen[str]") -> None:
    """End a child and all that it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def _reason(code: int, said: str) -> str:
    """Say what ended a child: a signal, as where memory runs out, comes without a word of its own."""
    if code >= 0:
        return _last_line(said)
    names = {number.value: number.name for number in signal.Signals}
    return f"ended by {names.get(-code, f'signal {-code}')}; {_last_line(said)}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_REASON_CHARACTERS] if lines else "ended without a word"


def _answers(path: Path) -> Iterator[tuple[str, Seconds]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return ((answer["tokens"], answer["seconds"]) for answer in map(json.loads, lines))


def serve(measure: Callable[[Request], Iterator[tuple[str, Seconds]]]) -> None:
    """Be the child: measure what stdin asks for, and write each size down as soon as it is there."""
    request = Request(**json.load(sys.stdin))
    for tokens, seconds in measure(request):
        answer: dict[str, Any] = {"tokens": tokens, "seconds": seconds}
        with Path(sys.argv[1]).open("a") as answers:
            print(json.dumps(answer), file=answers)
