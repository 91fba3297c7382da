"""Writers, gc and an invalidator on one store, killed at random moments: what was acknowledged stays."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from operations import STATE, Place, check_clean
from store_makers import SHAPE, Memory, Put, load, put

from kvprep.errors import EntryGone, StoreLocked
from kvprep.hashing import content_hash
from kvprep.store.gc import collect
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.store.verify import verify

WRITERS, TEXTS = 4, 12
KILLS = {False: 12, True: 1000}
VERBS = ("put", "remove", "gc", "read")


class Acknowledgements:
    """A log of one process: what it was about to do, and what had returned; each line is one write."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(self, *words: object) -> None:
        os.write(self.file, (" ".join(map(str, words)) + "\n").encode())


def text_of(writer: int, number: int) -> str:
    return f"writer {writer} text {number}"


def seed_of(writer: int, number: int) -> int:
    return 1000 * writer + number + 1


def put_one(ns: Namespace, writer: int, number: int) -> Put:
    path = f"/x/{writer}/{number}"
    return put(ns, text_of(writer, number), seed=seed_of(writer, number), count=70, path=path)


def write(place: Place, writer: int, log: Acknowledgements) -> None:
    """Put and remove texts that no other process touches, and read them back, until killed."""
    rng = random.Random(os.getpid())
    with place.open() as store:
        ns = store.namespace("default")
        while True:
            number = rng.randrange(TEXTS)
            log.say("begin", writer, number)
            if rng.random() < 0.7:
                with ns.lease():
                    one = put_one(ns, writer, number)
                log.say("put", writer, number)
                assert load(ns, one.ident) == one.memory.first(70)
                log.say("read", writer, number)
            else:
                ns.remove(ns.index.entries_of(content_hash(text_of(writer, number))))
                log.say("remove", writer, number)


def invalidate(place: Place, writer: int, log: Acknowledgements) -> None:
    """Remove texts that nobody else touches but to put them here, until killed."""
    with place.open() as store:
        ns = store.namespace("default")
        while True:
            log.say("begin", writer, 0)
            one = put_one(ns, writer, 0)
            ns.remove([one.ident])
            assert load(ns, one.ident) is None
            log.say("remove", writer, 0)


def sweep(place: Place, writer: int, log: Acknowledgements) -> None:
    """Collect, again and again, until killed."""
    with place.open() as store:
        while True:
            try:
                collect(store, dry_run=False, now=time.time())
                log.say("gc", writer, 0)
            except (StoreLocked, EntryGone):
                continue


ROLES = [write] * WRITERS + [invalidate, sweep]


def start(place: Place, role: int, log: Path) -> int:
    child = os.fork()
    if not child:
        try:
            ROLES[role](place, role, Acknowledgements(log))
        except BaseException as error:  # said in the log, where the parent looks for it
            Acknowledgements(log).say("failed", role, type(error).__name__, error)
        finally:
            os._exit(1)
    return child


def test_random_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    place = Place(tmp_path)
    os.environ[STATE] = str(tmp_path / "state")
    Store.create(place.store, key_file=place.key).close()
    logs = [tmp_path / f"log {role}" for role in range(len(ROLES))]
    rng = random.Random(7)
    running = {role: start(place, role, logs[role]) for role in range(len(ROLES))}
    try:
        for _ in range(KILLS[whole]):
            time.sleep(rng.uniform(0.0, 0.15))
            role = rng.randrange(len(ROLES))
            kill(running.pop(role))
            running[role] = start(place, role, logs[role])
        await_verbs(logs)
    finally:
        for child in running.values():
            kill(child)
    said = [log.read_text().splitlines() if log.exists() else [] for log in logs]
    failures = [line for lines in said for line in lines if line.startswith("failed")]
    assert not failures, failures
    acknowledged = check(place, said)
    done = {verb: sum(line.startswith(f"{verb} ") for lines in said for line in lines) for verb in VERBS}
    figures("4", "all", kills=KILLS[whole], acknowledged_now=acknowledged, lost=0, **done)


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def await_verbs(logs: list[Path]) -> None:
    """Wait until each verb has succeeded once, and let the test's own time limit end what does not come."""
    while not all(any(f"{verb} " in log.read_text() for log in logs if log.exists()) for verb in VERBS):
        time.sleep(0.1)


def check(place: Place, said: list[list[str]]) -> int:
    """Hold the store to the last thing that was acknowledged of each text; return how many are there."""
    there = 0
    with place.open() as store:
        report = verify(store)
        assert report.ok, report.findings
        ns = store.namespace("default")
        for writer in range(WRITERS):
            for number in range(TEXTS):
                last = [line.split()[0] for line in said[writer] if line.split()[1:3] == [str(writer), str(number)]]
                state = next((word for word in reversed(last) if word != "read"), "")
                idents = ns.index.entries_of(content_hash(text_of(writer, number)))
                # A kill may leave the row of an entry that is gone.
                served = [given for given in (load(ns, ident) for ident in idents) if given is not None]
                assert len(served) <= 1 and (state != "put" or served) and (state != "remove" or not served), state
                if served:
                    assert served == [expected(writer, number)]
                    there += 1
        collect(store, dry_run=False, now=0)
    check_clean(place)
    return there


def expected(writer: int, number: int) -> list[bytes]:
    return Memory(SHAPE, 70, seed=seed_of(writer, number)).first(70)
