"""All checks, in the order in which one explains the next."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kvprep.doctor import disk, inside, leftovers, places, programs
from kvprep.doctor.check import Check, look, of_error
from kvprep.doctor.model import Use, check_model
from kvprep.errors import KvprepError
from kvprep.prefill.models import ModelSpec
from kvprep.progress import Progress
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store


@dataclass(frozen=True, slots=True)
class Patient:
    """What is to be looked at."""

    path: Path
    """The store's folder, absolute; there need not be one."""
    key_file: Path | None
    """As set; None: where `init` puts it."""
    max_bytes: int | None
    """Budget of an ingest, as set."""
    open_store: Callable[[], AbstractContextManager[Store]]
    """Opens the store as every command does."""
    model_of: Callable[[Namespace | None], ModelSpec]
    """The model that a command would use in a namespace, or without one."""


def examine(patient: Patient, progress: Progress) -> Iterator[Check]:
    """Look at everything; one thing that is broken keeps nothing else from being looked at.

    Opens the store where that is possible, which is noted in its audit log like any other use; changes nothing else.

    Args:
        patient: what to look at.
        progress: hears of a model's digest, where its files were never seen before.
    """
    yield from look("versions", programs.check_versions)
    yield from look("sqlite", programs.check_sqlite)
    path = patient.path
    yield from look("store", lambda: places.check_store(path))
    yield from look("file system", lambda: disk.check_file_system(path))
    yield from look("space", lambda: disk.check_space(path, patient.max_bytes))
    yield from look("disk speed", lambda: disk.check_speed(path))
    uses = [Use(patient.model_of(None))]
    if (layout := places.found_layout(path)) is not None:
        yield from look("permissions", lambda: places.check_permissions(path))
        yield from look("key", lambda: places.check_key(layout, patient.key_file))
        yield from look("ways in", lambda: places.check_ways_in(layout))
        yield from look("index", lambda: leftovers.check_index(layout))
        yield from look("figures", lambda: leftovers.check_figures(layout))
        yield from look("leftovers", lambda: leftovers.check_leftovers(layout))
        yield from look("locks", lambda: leftovers.check_locks(layout))
        uses = yield from _inside(patient)
    for use in uses:
        yield from look("model", partial(check_model, use, progress))


def _inside(patient: Patient) -> Generator[Check, None, list[Use]]:
    """Look at what only a key shows; return what is asked of models there."""
    found: list[Check] = []
    uses: list[Use] = []
    try:
        with patient.open_store() as store:
            found.extend(inside.check_opening(store))
            uses = _look_inside(patient, store, found)
    except (KvprepError, OSError) as error:
        found.append(of_error("opening", error))
    yield from found
    return uses or [Use(patient.model_of(None))]


def _look_inside(patient: Patient, store: Store, found: list[Check]) -> list[Use]:
    namespaces, checks = inside.open_all(store)
    found.extend(checks)
    uses: list[Use] = []
    for namespace in namespaces:
        found.extend(look("entries", partial(_entries, patient, namespace, uses)))
    newest = [entry for use in uses for entry in use.entries]
    found.extend(look("audit log", lambda: inside.check_audit(store)))
    found.extend(look("backup", lambda: inside.check_backup(store)))
    found.extend(look("clock", lambda: inside.check_clock(store, newest)))
    return uses


def _entries(patient: Patient, namespace: Namespace, uses: list[Use]) -> list[Check]:
    entries, checks = inside.newest_entries(namespace)
    uses.append(Use(patient.model_of(namespace), namespace.name, entries))
    return checks
