"""Many processes ingest one folder while another invalidates: nothing is computed twice, nobody waits for a prefill."""

import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from byte_engine import ByteEngine
from operations import OLD, SHARER, Place, make_place
from store_makers import Put, load, put

from kvprep.documents.cage import Cage
from kvprep.pipeline import IngestSettings, ingest
from kvprep.prefill.models import ModelSpec
from kvprep.store.verify import verify

PROCESSES, DOCUMENTS = {False: 3, True: 8}, 8
STUCK_SECONDS = 120


def child_of(run: Callable[[], None], log: Path) -> int:
    child = os.fork()
    if not child:
        code = 1
        try:
            run()
            code = 0
        except BaseException:
            log.write_text(traceback.format_exc())
        finally:
            os._exit(code)
    return child


def ended_well(children: list[int]) -> bool:
    """Wait for all; False if one has failed or is stuck, and is ended then."""
    deadline, well = time.monotonic() + STUCK_SECONDS, True
    for child in children:
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                well = False
            time.sleep(0.01)
    return well


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STUCK_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_ingests_of_one_folder_at_once_compute_each_document_once_and_no_invalidation_waits(
    tmp_path: Path, roomy_model: Path, whole: bool, figures: Callable[..., None]
) -> None:
    place = make_place(tmp_path / "place")
    folder, notes = tmp_path / "docs", tmp_path / "notes"
    folder.mkdir()
    with place.open() as store:
        ns = store.namespace("default")
        doomed = [place.made[OLD], *(put(ns, f"doomed {number}", seed=number) for number in range(1, DOCUMENTS))]
    for number in range(DOCUMENTS):
        (folder / f"{number}.txt").write_text(f"{number} is the number of this invoice. " * 10)

    def await_invalidation() -> None:
        """Let a prefill, with its lease held, go on only when something has been invalidated since it began."""
        begun = len(notes.read_text().splitlines())
        await_that(lambda: (tmp_path / f"invalidated {begun - 1}").exists() or begun > DOCUMENTS)

    def run() -> None:
        settings = IngestSettings(ModelSpec(str(roomy_model), "cpu", "float32"))
        engine = lambda files: ByteEngine(files, notes, await_invalidation)  # noqa: E731
        with Cage(jobs=1) as cage, place.open() as store:
            namespace = store.namespace("default")
            with namespace.lease():
                ingest(namespace, cage, [folder], settings, load=engine)

    def invalidate() -> None:
        for number, one in enumerate(doomed):
            await_that(lambda number=number: notes.exists() and len(notes.read_text().splitlines()) > number)
            with place.open() as store:
                assert store.namespace("default").remove([one.ident]).entries == 1
            (tmp_path / f"invalidated {number}").touch()

    children = [child_of(run, tmp_path / f"error {n}") for n in range(PROCESSES[whole])]
    children.append(child_of(invalidate, tmp_path / "error invalidate"))
    well = ended_well(children)
    errors = [path.read_text() for path in tmp_path.glob("error *")]
    assert well and not errors, errors
    prefills = notes.read_text().splitlines()
    assert len(prefills) == len(set(prefills)) >= DOCUMENTS
    check_after(place, doomed)
    counts = {"processes": PROCESSES[whole], "documents": DOCUMENTS, "prefills": len(prefills), "twice": 0}
    figures("11", "together", **counts, invalidations=len(doomed))


def check_after(place: Place, doomed: list[Put]) -> None:
    with place.open() as store:
        ns = store.namespace("default")
        report = verify(store)
        assert report.ok, report.findings
        assert all(load(ns, one.ident) is None for one in doomed)
        assert load(ns, place.made[SHARER].ident) == place.made[SHARER].memory.first(200)
        assert len(list(ns.all_entries())) == DOCUMENTS + 2


def test_the_locks_of_a_killed_holder_are_free_at_once(
    tmp_path: Path, whole: bool, figures: Callable[..., None]
) -> None:
    place = make_place(tmp_path / "place")
    times = 50 if whole else 3
    for number in range(times):
        held = tmp_path / f"held {number}"

        def hold(held: Path = held) -> None:
            with place.open() as store, store.namespace("default").lease(), store.commit_lock():
                held.touch()
                time.sleep(STUCK_SECONDS)

        holder = child_of(hold, tmp_path / "error")
        await_that(held.exists)
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        with place.open() as store, store.namespace("default").lease(wait_seconds=0), store.commit_lock():
            pass
    figures("11", "killed holder", kills=times, waited=0)
