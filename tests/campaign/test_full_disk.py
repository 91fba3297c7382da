"""A disk that fills up, again and again, at other moments each time: nothing is lost, and with room it goes on."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from operations import NEW, Place, check_clean, make_place
from store_makers import Put, load, put

from kvprep.errors import StoreFull
from kvprep.hashing import content_hash
from kvprep.store.gc import collect
from kvprep.store.verify import Level, verify, verify_sealed

SIZE = 1 << 20
PASSES = 10


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_ten_times_a_full_disk_loses_nothing(disk: Path, whole: bool, figures: Callable[..., None]) -> None:
    place, made, refused = make_place(disk), dict[str, Put](), 0
    for number in range(PASSES if whole else 2):
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(SIZE // 8 + 1234 * number))
        refused += fill(place, made)
        check_served(place, made, is_full=True)
        make_room(place, made, ballast)
        with place.open() as store:
            made["after"] = put(store.namespace("default"), "after", seed=5000)
        check_served(place, made)
    with place.open() as store:
        collect(store, dry_run=False, now=time.time())  # "after" was put anew: the segment of the one before it
    check_clean(place)
    figures("10", "all", passes=PASSES, refused=refused, texts=len(made))


def fill(place: Place, made: dict[str, Put]) -> int:
    """Put texts until the disk is full, first those that were refused before; return how many were refused."""
    refused = 0
    with suppress(StoreFull), place.open() as store:
        ns = store.namespace("default")
        for seed in range(4, 1000):
            text = f"text {seed}"
            if text in made:
                continue
            try:
                made[text] = put(ns, text, seed=seed, path=f"/x/{seed}")
            except StoreFull as error:
                assert "space" in error.hint
                refused += 1
            if refused == 3:
                break
    assert refused
    return refused


def make_room(place: Place, made: dict[str, Put], ballast: Path) -> None:
    """Take away what is not kvprep's, and a third of what is: removing needs no room."""
    ballast.unlink()
    gone = [text for at, text in enumerate(made) if at % 3 == 0]
    with place.open() as store:
        ns = store.namespace("default")
        for text in gone:
            ns.remove([made.pop(text).ident])
            ns.remove_document(content_hash(text))
        collect(store, dry_run=False, now=time.time())


def check_served(place: Place, made: dict[str, Put], *, is_full: bool = False) -> None:
    """All is served, and verifies; on a full disk without the audit log, in which verify would note itself."""
    looked = False
    with suppress(StoreFull) if is_full else nullcontext(), place.open() as store:
        ns = store.namespace("default")
        for text, one in (place.made | made).items():
            if text != NEW:
                assert load(ns, one.ident) == one.memory.first(200)
        report = verify_sealed(store.layout, Level.CHECKSUM) if is_full else verify(store)
        assert report.ok and report.checked["bytes"], report.findings
        looked = True
    assert looked
