"""Kills, Ctrl-C and a second ingest: what was reported as stored is there, and nothing is computed twice for it.

The child reports a document the moment that the next one begins; the next run must not compute it again.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from desk import HEAD, Desk, distinct_block_tokens, kv
from document_makers import mail

from kvprep.errors import StoreLocked
from kvprep.reuse import load, replay

CHILD = """
import os, signal, sys
from pathlib import Path
from kvprep.api import Cage, IngestSettings, Store, ModelSpec, ingest, load_engine
from kvprep.store import layout
from kvprep.store.namespace import Namespace

store, folder, model, where, nth, number = sys.argv[1:]
seen = 0

def stop(place):
    global seen
    seen += place == where
    if place == where and seen == int(nth):
        os.kill(os.getpid(), int(number))

def around(owner, name, before, after):
    real = getattr(owner, name)
    def wrapped(*arguments, **named):
        stop(before)
        result = real(*arguments, **named)
        stop(after)
        return result
    setattr(owner, name, wrapped)

class Engine:
    def __init__(self, engine):
        self.engine = engine
    def prefill(self, *arguments):
        cost = self.engine.prefill(*arguments)
        stop("piece computed")
        return cost
    def new_buffer(self, capacity):
        return self.engine.new_buffer(capacity)

around(os, "replace", "before a file is renamed", "after a file is renamed")
around(Namespace, "write_segment", "segment sealed", "segment written")
around(Namespace, "_write_document", "before the document", "document written")
real_put = Namespace.put
def put(self, document, entry):
    result = real_put(self, document, entry)
    print("stored", document.content_hash.hex(), flush=True)
    stop("stored")
    return result
Namespace.put = put

with Cage(jobs=1) as cage, Store.open(Path(store)) as opened:
    namespace = opened.namespace("default")
    with namespace.lease(wait_seconds=60):
        print("leased", flush=True)
        settings = IngestSettings(ModelSpec(model, "cpu", "float32"))
        report = ingest(namespace, cage, [Path(folder)], settings, load=lambda files: Engine(load_engine(files)))
print("computed", report.tokens_computed, flush=True)
"""
PLACES = [
    ("piece computed", 2),
    ("before a file is renamed", 7),
    ("segment written", 3),
    ("before the document", 2),
    ("after a file is renamed", 9),
    ("stored", 3),
]


def _child(desk: Desk, where: str = "", nth: int = 0, number: int = 0) -> "subprocess.Popen[str]":
    arguments = [str(desk.store.path), str(desk.folder), desk.spec.name, where, str(nth), str(number)]
    command = [sys.executable, "-c", CHILD, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _write_documents(desk: Desk) -> None:
    for number in range(4):
        desk.write(f"{number}.txt", HEAD + f"Amount due: {number},250.00 pounds. " * 3)


def _check_after(desk: Desk, output: str) -> None:
    """Carry on after an interruption, and hold the result against what was reported."""
    desk.reopen()
    reported = {bytes.fromhex(line.split()[1]) for line in output.splitlines() if line.startswith("stored")}
    before = {entry.document for _, entry in desk.namespace.all_entries()}
    assert reported <= before
    stored = distinct_block_tokens(desk.namespace)
    report = desk.ingest()
    assert report.counts()["ingested"] == 4 - len(before)
    assert report.tokens_computed == distinct_block_tokens(desk.namespace) - stored
    assert not {item.document for item in report.items if item.computed} & {document.hex() for document in before}
    assert len(report.items) == 4
    for item in report.items:
        entry = desk.hit(Path(item.source)).entry
        buffer = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens)
        expected = kv(replay(entry, desk.engine), entry.num_tokens, entry.shape)
        assert kv(buffer, entry.num_tokens, entry.shape) == expected


@pytest.mark.slow
@pytest.mark.parametrize("where, nth", PLACES)
def test_a_kill_loses_nothing_that_was_reported_and_the_next_run_carries_on(desk: Desk, where: str, nth: int) -> None:
    _write_documents(desk)
    child = _child(desk, where, nth, signal.SIGKILL)
    output, errors = child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL, errors
    _check_after(desk, output)


@pytest.mark.slow
@pytest.mark.parametrize("where, nth", [("segment written", 2), ("document written", 2), ("stored", 1), ("stored", 3)])
def test_a_kill_between_a_mail_and_its_attachments_heals(desk: Desk, where: str, nth: int) -> None:
    attachments = {f"{n}.txt": f"{HEAD}Amount due: {n},250.00 pounds.".encode() for n in range(3)}
    (desk.folder / "mail.eml").write_bytes(mail("Dear Bob.", attachments))
    child = _child(desk, where, nth, signal.SIGKILL)
    output, errors = child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL, errors
    _check_after(desk, output)


@pytest.mark.slow
@pytest.mark.parametrize("where, nth", [("piece computed", 3), ("segment sealed", 2)])
def test_ctrl_c_loses_nothing_that_was_reported_and_the_next_run_carries_on(desk: Desk, where: str, nth: int) -> None:
    _write_documents(desk)
    child = _child(desk, where, nth, signal.SIGINT)
    output, errors = child.communicate(timeout=120)
    assert child.returncode != 0 and "KeyboardInterrupt" in errors
    _check_after(desk, output)


@pytest.mark.slow
def test_a_kill_while_a_version_is_superseded_serves_neither_the_old_text_nor_nothing(desk: Desk) -> None:
    path = desk.write("a.txt", HEAD + "Version one.")
    desk.ingest()
    path.write_text(HEAD + "Version two.")
    child = _child(desk, "stored", 1, signal.SIGKILL)
    child.communicate(timeout=120)
    desk.reopen()
    assert "Version two." in desk.hit(path).entry.prompt
    desk.namespace.rebuild_index()
    assert "Version two." in desk.hit(path).entry.prompt
    os.utime(path)
    desk.ingest()
    assert len(list(desk.namespace.all_entries())) == 1


@pytest.mark.slow
def test_a_second_ingest_waits_for_the_first_and_computes_nothing(desk: Desk) -> None:
    _write_documents(desk)
    with desk.namespace.lease():
        child = _child(desk)
        with pytest.raises(StoreLocked), desk.namespace.lease(wait_seconds=0):
            raise AssertionError("two leases")
        desk.ingest_under_lease()
    output, errors = child.communicate(timeout=120)
    assert output.split()[:1] == ["leased"], errors
    assert output.split()[-2:] == ["computed", "0"]
    assert len(list(desk.namespace.all_entries())) == 4


def test_an_ingest_that_may_not_wait_says_who_holds_the_lease(desk: Desk, tmp_path: Path) -> None:
    with desk.namespace.lease(), pytest.raises(StoreLocked, match=f"process {os.getpid()}"):
        desk.ingest()
