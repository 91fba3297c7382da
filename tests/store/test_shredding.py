import shutil
from pathlib import Path

import pytest
from store_makers import Put, load, put

from kvprep.errors import IntegrityError, NotFound, PolicyDenied
from kvprep.store import shredding
from kvprep.store.gc import collect
from kvprep.store.keychanges import NewKey, Role, add_key_file
from kvprep.store.namespace import Namespace
from kvprep.store.shredding import shred
from kvprep.store.store import Store
from kvprep.store.verify import verify


@pytest.fixture
def secret(store: Store) -> Namespace:
    return store.namespace("secret", create=True)


@pytest.fixture
def stored(secret: Namespace) -> Put:
    return put(secret, "secret")


def sealed_files(store: Store) -> set[Path]:
    return set(store.path.rglob("*.kv?"))


def test_a_namespace_goes_with_everything_and_others_stay(store: Store, ns: Namespace) -> None:
    kept = put(ns, "kept")
    before = sealed_files(store)
    secret = store.namespace("secret", create=True)
    put(secret, "secret", seed=1)
    gone = shred(store, "secret")
    assert (gone.entries, gone.documents) == (1, 1)
    collect(store, dry_run=False, now=0.0)
    assert sealed_files(store) == before
    assert load(ns, kept.ident) == kept.memory.first(200)
    assert verify(store).ok
    with pytest.raises(NotFound):
        store.namespace("secret")
    with pytest.raises(NotFound):
        shred(store, "secret")


def test_a_name_that_was_shredded_can_be_used_anew_without_a_false_alarm(
    store: Store, secret: Namespace, stored: Put
) -> None:
    for _ in range(3):  # its generation has been seen to grow
        secret.remove([stored.ident])
    shred(store, "secret")
    again = store.namespace("secret", create=True)
    assert again.ident == secret.ident
    assert again.state().generation == 1
    made = put(again, "secret")
    assert made.ident != stored.ident
    with Store.open(store.path) as other:
        assert load(other.namespace("secret"), made.ident) == made.memory.first(200)


def test_a_copy_that_is_put_back_is_refused(store: Store, secret: Namespace, stored: Put, tmp_path: Path) -> None:
    shutil.copytree(store.path, tmp_path / "copy")
    shred(store, "secret")
    shutil.copytree(tmp_path / "copy", store.path, dirs_exist_ok=True)
    with pytest.raises(IntegrityError, match="shredded"):
        store.namespace("secret")
    shred(store, "secret")
    assert verify(store).ok


@pytest.mark.parametrize("step", ["unlink_durably", "_unlink", "sync_folder"])
def test_a_shredding_that_is_cut_short_is_finished_by_the_next(
    store: Store, secret: Namespace, stored: Put, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shredding, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            shred(store, "secret")
    with pytest.raises(IntegrityError, match="shred"):
        store.namespace("secret")
    shred(store, "secret")
    collect(store, dry_run=False, now=0.0)
    assert verify(store).ok
    assert put(store.namespace("secret", create=True), "new")


def test_nothing_is_put_into_a_namespace_that_is_gone(store: Store, secret: Namespace, stored: Put) -> None:
    shred(store, "secret")
    with pytest.raises(IntegrityError):
        secret.put(stored.document, stored.entry)
    with pytest.raises(IntegrityError):
        secret.put_document(stored.document)
    assert not store.layout.file("entries", stored.ident).exists()


def test_only_an_admin_shreds(store: Store, secret: Namespace, stored: Put, tmp_path: Path) -> None:
    add_key_file(store, NewKey("writer", Role.WRITER), tmp_path / "writer.key")
    with Store.open(store.path, key_file=tmp_path / "writer.key") as theirs, pytest.raises(PolicyDenied):
        shred(theirs, "secret")
    assert load(store.namespace("secret"), stored.ident) == stored.memory.first(200)
