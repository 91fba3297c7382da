"""Real command lines on stores of their own, with a tiny random model."""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import jsonschema
import pytest
from model_fixtures import SMALL, save_tiny_model
from typer.testing import CliRunner, Result

from kvprep.cli.app import app

PROGRAM = (sys.executable, "-c", "from kvprep.cli.app import main; main()")
LEASE = "The lease of Mill Court runs for five years. The yearly rent is 4,000 pounds.\n"
INVOICE = "Invoice 17 of Nordlicht. Amount due: 250 pounds by the first of March.\n"


class Run(Protocol):
    def __call__(self, *arguments: object, stdin: str = "") -> Result: ...


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SMALL | {"max_position_embeddings": 1024}
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), "llama", **settings)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """Where the commands of a test keep their store; not made yet."""
    monkeypatch.setenv("KVPREP_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("KVPREP_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("KVPREP_MODEL", str(model))
    monkeypatch.setenv("KVPREP_DEVICE", "cpu")
    return tmp_path / "store"


@pytest.fixture
def run(store: Path) -> Run:
    """Run a command line in this process."""

    def invoke(*arguments: object, stdin: str = "") -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def program(store: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a command line in a process of its own."""

    def start(*arguments: object) -> "subprocess.CompletedProcess[str]":
        command = [*PROGRAM, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)

    return start


@pytest.fixture
def terminal(store: Path) -> Callable[..., str]:
    """Run a command line in a process of its own whose stdout is a terminal of some width."""

    def start(columns: int, *arguments: object) -> str:
        own, its = pty.openpty()
        fcntl.ioctl(own, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
        command = [*PROGRAM, *map(str, arguments)]
        with subprocess.Popen(command, stdout=its, stdin=subprocess.DEVNULL, env=environment):
            os.close(its)
            shown = b"".join(_chunks(own))
        os.close(own)
        return shown.decode().replace("\r", "")

    return start


def _chunks(descriptor: int) -> Iterator[bytes]:
    """Read a terminal until the other side hangs up."""
    with suppress(OSError):
        while data := os.read(descriptor, 1 << 16):
            yield data


@pytest.fixture(scope="session")
def _sources_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents") / "sources"


@pytest.fixture
def sources(_sources_folder: Path) -> Path:
    """A folder with two documents, always at the same place, so that one store fits all tests."""
    shutil.rmtree(_sources_folder, ignore_errors=True)
    _sources_folder.mkdir()
    (_sources_folder / "lease.txt").write_text(LEASE)
    (_sources_folder / "invoice.txt").write_text(INVOICE)
    return _sources_folder


@pytest.fixture(scope="session")
def _stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs a stocked store leaves a copy of it, with its key."""
    return tmp_path_factory.mktemp("stock")


@pytest.fixture
def stocked(run: Run, sources: Path, store: Path, tmp_path: Path, _stock: Path) -> Path:
    """The two documents, ingested."""
    if not (_stock / "store").exists():
        result = run("ingest", "--jobs", 1, sources)
        assert result.exit_code == 0, result.stderr
        shutil.copytree(store, _stock / "store")
        shutil.copy(tmp_path / "key", _stock / "key")
    else:
        shutil.copytree(_stock / "store", store)
        shutil.copy(_stock / "key", tmp_path / "key")
    run("ls")  # this machine has seen the store
    return sources


def valid(command: str, line: str) -> dict[str, Any]:
    """Check a line of JSON against its schema, which must name every field of it."""
    schema = json.loads(files("kvprep.cli").joinpath("schemas", f"{command}.json").read_text())
    facts: dict[str, Any] = json.loads(line)
    closed = jsonschema.Draft202012Validator(_closed(schema), format_checker=jsonschema.FormatChecker())
    closed.validate(facts)
    return facts


@pytest.fixture
def validated() -> Callable[[str, str], dict[str, Any]]:
    """Give `valid`, for a command whose exit code a test does not know beforehand."""
    return valid


def _closed(schema: Any) -> Any:
    """The same schema, refusing what it does not name."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        closed["additionalProperties"] = False
    return closed


@pytest.fixture
def lines_of(run: Run) -> Callable[..., list[dict[str, Any]]]:
    """Run a command with --json, and give the objects that it prints, checked against its schema."""

    def facts(command: str, *arguments: object, exit_code: int = 0, stdin: str = "") -> list[dict[str, Any]]:
        result = run(*command.split(), "--json", *arguments, stdin=stdin)
        assert result.exit_code == exit_code, result.stderr
        return [valid(command.replace(" ", "-"), line) for line in result.stdout.splitlines()]

    return facts


@pytest.fixture
def json_of(lines_of: Callable[..., list[dict[str, Any]]]) -> Callable[..., dict[str, Any]]:
    """The same for a command that prints one object."""

    def facts(command: str, *arguments: object, **more: Any) -> dict[str, Any]:
        (only,) = lines_of(command, *arguments, **more)
        return only

    return facts
