"""After a leak everything is sealed anew: the same is stored, and nothing that the leaked key opens."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from keyed_place import KeyedPlace
from kills import killed_after
from store_makers import Put, flipped, load, put, put_branch

from kvprep.errors import IntegrityError, PolicyDenied, StoreError, TryAgainLater, UntrustedWriter, WrongKey
from kvprep.hashing import content_hash
from kvprep.store import remembered, signing
from kvprep.store.charter import SourceCheck, TrustedWriter, sign_charter
from kvprep.store.gc import collect
from kvprep.store.holder import Role
from kvprep.store.keychanges import NewKey, add_key_file, remove_key
from kvprep.store.keylist import list_keys
from kvprep.store.lock import exclusive
from kvprep.store.namespace import Namespace
from kvprep.store.reseal import no_codec
from kvprep.store.rewrite import _begin, rewrite
from kvprep.store.rotation import rotate
from kvprep.store.slots import MasterAccess
from kvprep.store.state import write_state
from kvprep.store.store import Store
from kvprep.store.verify import verify
from kvprep.types import NamespaceId


class Place(KeyedPlace):
    """A store with two namespaces, one of them signed, with documents that share a segment; and three keys."""

    def fill(self) -> "dict[tuple[str, str], Put]":
        with Store.create(self.store, key_file=self.key) as store:
            plain = store.namespace("default")
            signed = store.create_namespace("signed", trust="signed", source_check="ttl-only")
            whole = put(plain, "text", seed=1)
            made = {
                ("default", "text"): whole,
                ("default", "branch"): put_branch(plain, whole, "branch"),
                ("signed", "text"): put(signed, "text", seed=2),
            }
            plain.update_settings({"model": "m"})
            gone = put(plain, "removed", seed=3, path="/x/removed.txt")
            plain.remove([gone.ident])  # its document stays, as history
            add_key_file(store, NewKey("limited", Role.WRITER, ("default",)), self.limited)
            add_key_file(store, NewKey("second", Role.ADMIN), self.second)
        return made

    def files(self) -> dict[str, bytes]:
        kinds = ("keys", "namespaces", "entries", "documents", "segments")
        return {f.name: f.read_bytes() for kind in kinds for f in (self.store / kind).rglob("*.kv*")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


@pytest.fixture
def made(place: Place) -> dict[tuple[str, str], Put]:
    return place.fill()


def rewritten(place: Place) -> None:
    with place.open() as store:
        rewrite(store, place.key, no_codec)


def loaded(namespace: Namespace, text: str) -> object:
    entries = namespace.index.entries_of(content_hash(text))
    return [load(namespace, ident) for ident in entries]


def check_all_is_there(store: Store, made: dict[tuple[str, str], Put]) -> None:
    for (name, text), one in made.items():
        assert loaded(store.namespace(name), text) == [one.memory.first(200)]
    assert not store.namespace("default").index.entries_of(content_hash("removed"))
    removed = store.namespace("default").document(content_hash("removed"))
    assert removed is not None and removed.text == "removed"
    report = verify(store)
    assert report.ok, report.findings


def test_everything_is_stored_as_before_under_other_names_and_keys(
    place: Place, made: dict[tuple[str, str], Put]
) -> None:
    before = place.files()
    with place.open() as store:
        former = store.namespace("default")._keys
        done = rewrite(store, place.key, no_codec)
    assert (done.namespaces, sorted(key.label for key in done.removed)) == (2, ["limited", "second"])
    after = place.files()
    assert not set(before) & set(after)
    assert not set(before.values()) & set(after.values())
    with place.open() as store:
        check_all_is_there(store, made)
        fresh = store.namespace("default")._keys
        for secret in ("id_key", "index_key", "entry_key"):
            assert getattr(fresh, secret) != getattr(former, secret)
        assert verify(store).findings == ()
        assert len(list((store.path / "segments").rglob("*.kvs"))) == 3  # the shared one once
        assert store.namespace("default").state().settings == {"model": "m"}


def test_the_policy_stays_and_only_the_new_writer_is_trusted(place: Place, made: dict[tuple[str, str], Put]) -> None:
    with place.open() as store:
        (former,) = store.namespace("signed").state().charter.writers
    rewritten(place)
    with place.open() as store:
        charter = store.namespace("signed").state().charter
        assert (charter.trust, charter.source_check) == ("signed", "ttl-only")
        assert former.key not in {writer.key for writer in charter.writers}
        assert len(charter.writers) == 1


def test_a_charter_that_the_former_admin_signs_counts_for_nothing_once_it_is_done(
    place: Place, made: dict[tuple[str, str], Put]
) -> None:
    with place.open() as store:
        leaked = store.holder
    rewritten(place)
    with place.open() as store:
        ns = store.namespace("signed")
        state, keys = ns.state(), store.keyring.open_namespace(NamespaceId(ns.ident))
        assert keys is not None and leaked.admin_public not in store.holder.admins
        usurped = state.charter.trusting([TrustedWriter("x", signing.public_key(leaked.writer_seed))])
        charter = sign_charter(leaked, replace(usurped, version=state.charter.version + 1), name="signed")
        write_state(store.layout, keys, leaked, replace(state, charter=charter))  # as a reader could, with his keys
        with pytest.raises(UntrustedWriter):
            ns.state()


def test_a_charter_can_be_changed_while_a_rewrite_is_cut_short(place: Place, made: dict[tuple[str, str], Put]) -> None:
    with place.open() as store:
        rotate(store, place.key)
        _begin(store, place.key)
    with place.open() as store:
        assert store.keyring.is_rewriting
        charter = store.namespace("signed").amend(lambda charter: replace(charter, source_check=SourceCheck.STAT))
    rewritten(place)
    with place.open() as store:
        assert store.namespace("signed").state().charter.source_check == charter.source_check == "stat"
        assert store.holder.former_admin == b""


def test_where_another_gc_is_running_the_former_segments_are_left_to_the_next(
    place: Place, made: dict[tuple[str, str], Put]
) -> None:
    former = {path.name for path in (place.store / "segments").rglob("*.kvs")}
    with exclusive(place.store / "locks" / "gc.lock"), place.open() as store, pytest.raises(TryAgainLater):
        rewrite(store, place.key, no_codec)
    with place.open() as store:
        assert not store.keyring.is_rewriting
        check_all_is_there(store, made)
        collect(store, dry_run=False, now=0)
        assert not former & {path.name for path in (place.store / "segments").rglob("*.kvs")}
        assert verify(store).findings == ()


def test_no_former_key_opens_anything(place: Place, made: dict[tuple[str, str], Put], tmp_path: Path) -> None:
    shutil.copy(place.key, tmp_path / "leaked")
    rewritten(place)
    for key in (tmp_path / "leaked", place.limited, place.second):
        with pytest.raises(WrongKey):
            Store.open(place.store, key_file=key)
    with place.open() as store:
        assert [key.label for key in list_keys(store.layout, store.keyring)] == ["first key"]


def test_a_kill_between_any_two_steps_leaves_a_key_that_opens_everything_and_the_next_run_finishes(
    place: Place, made: dict[tuple[str, str], Put], tmp_path: Path
) -> None:
    memory, steps = remembered.memory_file().read_bytes(), 0

    def run(count: Callable[[], None]) -> None:
        with copy.open() as store:
            count()
            rewrite(store, copy.key, no_codec)

    while True:
        copy = place.copy(tmp_path / "copy")
        remembered.memory_file().write_bytes(memory)
        if not killed_after(steps, run):
            break
        with copy.open() as store:
            check_all_is_there(store, made)
        rewritten(copy)
        with copy.open() as store:
            check_all_is_there(store, made)
            collect(store, dry_run=False, now=0)
            assert verify(store).findings == (), steps
            assert not store.keyring.is_rewriting
        steps += 37  # every thirty-seventh: each takes about a second
    assert steps > 100


def test_until_a_rewrite_is_finished_keys_do_not_change(
    place: Place, made: dict[tuple[str, str], Put], tmp_path: Path
) -> None:
    damaged = place.store / "entries"
    file = sorted(damaged.rglob("*.kve"))[-1]
    whole = file.read_bytes()
    file.write_bytes(flipped(whole, len(whole) // 2, 3))
    with pytest.raises(IntegrityError):
        rewritten(place)
    with place.open() as store:
        assert store.keyring.is_rewriting
        with pytest.raises(StoreError, match="cut short"):
            add_key_file(store, NewKey("third", Role.READER), tmp_path / "third")
        with pytest.raises(StoreError, match="cut short"):
            remove_key(store, "limited")
    file.write_bytes(whole)
    rewritten(place)
    with place.open() as store:
        check_all_is_there(store, made)


def test_what_is_invalidated_while_it_copies_is_not_in_the_copy(
    place: Place, made: dict[tuple[str, str], Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one, invalidated = Namespace.put, []

    def put_and_invalidate(namespace: Namespace, *arguments: object) -> object:
        if not invalidated:
            with place.open() as other:  # as another process would
                old = other.namespace("default")
                invalidated.extend(old.index.entries_of(content_hash("branch")))
                old.remove(invalidated)
                old.remove_document(content_hash("branch"))
        return put_one(namespace, *arguments)

    monkeypatch.setattr(Namespace, "put", put_and_invalidate)
    rewritten(place)
    with place.open() as store:
        assert invalidated
        assert loaded(store.namespace("default"), "branch") == []
        assert store.namespace("default").document(content_hash("branch")) is None
        assert loaded(store.namespace("default"), "text") != []
        assert verify(store).ok


def test_only_an_admin_rewrites(place: Place, made: dict[tuple[str, str], Put]) -> None:
    with Store.open(place.store, key_file=place.limited) as store, pytest.raises(PolicyDenied):
        rewrite(store, place.limited, no_codec)


def test_after_a_rewrite_the_naming_key_is_another(place: Place, made: dict[tuple[str, str], Put]) -> None:
    with place.open() as store:
        former = store.keyring.slot.access
    rewritten(place)
    with place.open() as store:
        fresh = store.keyring.slot.access
        assert isinstance(former, MasterAccess) and isinstance(fresh, MasterAccess)
        assert fresh.naming != former.naming and fresh.master != former.master
        assert (fresh.former, fresh.former_naming) == ((), b"")
