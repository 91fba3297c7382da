"""Keys added, removed, rotated: whatever kills it, a key file on disk opens everything, and the next run finishes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from keyed_place import KeyedPlace
from kills import killed_after
from store_makers import Put, load, put

from kvprep.errors import PolicyDenied, StoreError, StoreLocked, WrongKey
from kvprep.store import remembered
from kvprep.store.holder import Role
from kvprep.store.keychanges import NewKey, add_key_file, add_passphrase, remove_key
from kvprep.store.keyfile import read_key_file, write_key_file
from kvprep.store.keylist import list_keys
from kvprep.store.rotation import rotate
from kvprep.store.slots import MasterAccess
from kvprep.store.store import Store
from kvprep.store.verify import verify


class Place(KeyedPlace):
    """A store with two namespaces and three keys, in a folder that can be copied with its keys."""

    def fill(self) -> dict[str, Put]:
        with Store.create(self.store, key_file=self.key) as store:
            made = {name: put(store.namespace(name, create=True), name) for name in ("default", "other")}
            add_key_file(store, NewKey("limited", Role.READER, ("other",)), self.limited)
            add_key_file(store, NewKey("second", Role.ADMIN), self.second)
        return made

    def file_names(self) -> set[str]:
        kinds = ("namespaces", "entries", "documents", "segments")
        return {f.name for kind in kinds for f in (self.store / kind).rglob("*.kv*")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


@pytest.fixture
def made(place: Place) -> dict[str, Put]:
    return place.fill()


def check_all_is_there(store: Store, made: dict[str, Put]) -> None:
    assert [namespace.name for namespace in store.namespaces()] == ["default", "other"]
    for name, one in made.items():
        assert load(store.namespace(name), one.ident) == one.memory.first(200)
    report = verify(store)
    assert report.ok, report.findings


def add(place: Place, store: Store) -> None:
    path = place.folder / "keys" / "third"
    if not any(key.label == "third" for key in list_keys(store.layout, store.keyring)):
        add_key_file(store, NewKey("third", Role.READER), path)
    assert Store.open(place.store, key_file=path).holder.label == "third"


def remove(place: Place, store: Store) -> None:
    if any(key.label == "second" for key in list_keys(store.layout, store.keyring)):
        remove_key(store, "second")
    with pytest.raises(WrongKey):
        Store.open(place.store, key_file=place.second)


def rotated(place: Place, store: Store) -> None:
    rotate(store, place.key)
    with place.open() as opened:
        access = opened.keyring.slot.access
        assert isinstance(access, MasterAccess) and access.former == ()
        assert [key.label for key in list_keys(opened.layout, opened.keyring)] == ["first key", "limited"]
        assert not place.key.with_name("key.new").exists()


@pytest.mark.parametrize("operation", [add, remove, rotated])
def test_a_kill_between_any_two_steps_leaves_a_key_that_opens_everything_and_the_next_run_finishes(
    place: Place, made: dict[str, Put], tmp_path: Path, operation: Callable[[Place, Store], None]
) -> None:
    memory, steps = remembered.memory_file().read_bytes(), 0

    def run(count: Callable[[], None]) -> None:
        with copy.open() as store:
            count()
            operation(copy, store)

    while True:
        copy = place.copy(tmp_path / "copy")
        remembered.memory_file().write_bytes(memory)
        if not killed_after(steps, run):
            break
        with copy.open() as store:
            check_all_is_there(store, made)
            operation(copy, store)
        with copy.open() as store:
            check_all_is_there(store, made)
        with Store.open(copy.store, key_file=copy.limited) as store:
            assert load(store.namespace("other"), made["other"].ident) is not None
        steps += 1
    assert steps > 5


def test_a_rotation_changes_no_name_and_no_file_but_keys(place: Place, made: dict[str, Put]) -> None:
    names, secret = place.file_names(), read_key_file(place.key)
    with place.open() as store:
        before = {path: path.read_bytes() for path in store.layout.all_files("segments")}
        done = rotate(store, place.key)
    assert (done.namespaces, [key.label for key in done.removed]) == (2, ["second"])
    assert place.file_names() == names
    assert all(path.read_bytes() == data for path, data in before.items())
    assert read_key_file(place.key) != secret
    with place.open() as store:
        check_all_is_there(store, made)


def test_what_was_rotated_away_opens_nothing(place: Place, made: dict[str, Put], tmp_path: Path) -> None:
    shutil.copy(place.key, tmp_path / "old")
    with place.open() as store:
        former = store.keyring.slot
        add_passphrase(store, NewKey("words", Role.ADMIN), "some random words")
        rotate(store, place.key)
    for opening in ({"key_file": tmp_path / "old"}, {"key_file": place.second}, {"passphrase": "some random words"}):
        with pytest.raises(WrongKey):
            Store.open(place.store, **opening)
    with place.open() as store:
        assert isinstance(former.access, MasterAccess) and isinstance(store.keyring.slot.access, MasterAccess)
        assert store.keyring.slot.access.master != former.access.master
        assert store.holder.admin_seed == former.holder.admin_seed


def test_a_store_that_was_opened_before_a_rotation_seals_nothing_that_nobody_could_open(
    place: Place, made: dict[str, Put]
) -> None:
    with place.open() as early, place.open() as store:
        rotate(store, place.key)
        with pytest.raises(StoreLocked):
            early.namespace("new", create=True)
        with pytest.raises(WrongKey, match="another master key"):
            early.namespace("default")


def test_a_namespace_that_is_made_between_the_halves_of_a_rotation_is_kept(
    place: Place, made: dict[str, Put], tmp_path: Path
) -> None:
    def run(count: Callable[[], None]) -> None:
        with place.open() as store:
            count()
            rotate(store, place.key)

    old, steps = place.key.read_bytes(), 0
    while place.key.read_bytes() == old:  # until the new key file is in place
        assert killed_after(steps, run)
        steps += 1
    with place.open() as store:
        with pytest.raises(StoreError, match="cut short"):
            remove_key(store, "second")
        store.namespace("new", create=True)
        rotate(store, place.key)
    with place.open() as store:
        assert [namespace.name for namespace in store.namespaces()] == ["default", "new", "other"]


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
def test_only_an_admin_rotates(place: Place, made: dict[str, Put], tmp_path: Path, role: Role) -> None:
    with place.open() as store:
        add_key_file(store, NewKey("one", role), tmp_path / "one")
    with Store.open(place.store, key_file=tmp_path / "one") as store, pytest.raises(PolicyDenied):
        rotate(store, tmp_path / "one")
    assert not (tmp_path / "one.new").exists()


def test_a_key_beside_that_opens_the_store_already_is_not_taken_as_the_next(place: Place, made: dict[str, Put]) -> None:
    shutil.copy(place.second, place.key.with_name("key.new"))
    with place.open() as store, pytest.raises(StoreError, match="as another key"):
        rotate(store, place.key)
    with place.open() as store:
        check_all_is_there(store, made)


def test_a_slot_that_was_put_back_is_gone_after_a_rotation(place: Place, made: dict[str, Put]) -> None:
    with place.open() as store:
        slot = store.layout.file(
            "keys", next(k.slot for k in list_keys(store.layout, store.keyring) if k.label == "second")
        )
        copy = slot.read_bytes()
        remove_key(store, "second")
        slot.write_bytes(copy)
        rotate(store, place.key)
        assert not slot.exists()


def test_a_link_to_a_key_file_stays_a_link(place: Place, made: dict[str, Put], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place.key)
    with place.open() as store:
        rotate(store, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    Store.open(place.store, key_file=tmp_path / "link").close()


def test_a_rotation_needs_the_key_file(place: Place, made: dict[str, Put], tmp_path: Path) -> None:
    write_key_file(tmp_path / "strange", "ab" * 16)
    with place.open() as store:
        for path in (tmp_path / "absent", tmp_path / "strange"):
            with pytest.raises(WrongKey):
                rotate(store, path)
