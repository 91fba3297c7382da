import errno
import os
import stat
from pathlib import Path

import pytest
from store_makers import flipped, with_new_footer

from kvprep.errors import StoreError, WrongKey
from kvprep.store import keyfile
from kvprep.store.store import Store, default_key_path

ID = "ab" * 16


def test_a_key_file_gives_back_its_secret_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    secret = keyfile.write_key_file(path, ID)
    assert keyfile.read_key_file(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.write_key_file(path, ID)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="already there"):
        keyfile.write_key_file(path, ID)
    assert path.read_bytes() == before


def test_on_a_disk_without_links_a_key_file_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    secret = keyfile.write_key_file(tmp_path / "key", ID)
    assert keyfile.read_key_file(tmp_path / "key") == secret
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
    with pytest.raises(StoreError, match="already there"):
        keyfile.write_key_file(tmp_path / "key", ID)


def test_every_flipped_bit_and_every_cut_of_a_key_file_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.write_key_file(path, ID)
    data = path.read_bytes()
    broken = [flipped(data, at, bit) for at in range(len(data)) for bit in range(8)]
    broken += [data[:length] for length in range(len(data))] + [data + b"\n", data + data]
    for content in broken:
        path.write_bytes(content)
        with pytest.raises(WrongKey):
            keyfile.read_key_file(path)


def test_a_missing_key_file_is_a_wrong_key(tmp_path: Path) -> None:
    with pytest.raises(WrongKey, match="no readable key file"):
        keyfile.read_key_file(tmp_path / "key")


def test_the_key_lies_outside_the_store(store: Store) -> None:
    path = default_key_path(store.layout.store_id)
    assert path.is_file()
    assert not path.is_relative_to(store.path)
    secret = keyfile.read_key_file(path)
    for file in store.path.rglob("*"):
        if file.is_file():
            assert secret not in file.read_bytes()
            assert secret.hex().encode() not in file.read_bytes()


def test_another_key_file_does_not_open_the_store(store: Store, tmp_path: Path) -> None:
    keyfile.write_key_file(tmp_path / "other", ID)
    with pytest.raises(WrongKey, match="no key slot"):
        Store.open(store.path, key_file=tmp_path / "other")


def key_files(store: Store) -> list[Path]:
    return list(store.layout.all_files("keys"))


def test_every_flipped_bit_in_keys_is_a_wrong_key(store: Store) -> None:
    for path in key_files(store):
        data = path.read_bytes()
        for at in range(0, len(data), 7):  # a sample: each costs two openings
            for content in (flipped(data, at, at % 8), with_new_footer(flipped(data, at, at % 8))):
                if content == data:
                    continue  # a bit of the checksum itself, mended
                path.write_bytes(content)
                with pytest.raises(StoreError) as caught, Store.open(store.path) as opened:
                    opened.namespace("default")
                assert isinstance(caught.value, WrongKey) or "version" in str(caught.value)
        path.write_bytes(data)
    Store.open(store.path).namespace("default")


def test_keys_of_two_namespaces_that_change_places_do_not_open(store: Store) -> None:
    one, two = (store.layout.file("keys", store.namespace(name, create=True).ident) for name in ("a", "b"))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    for name in ("a", "b"):
        with pytest.raises(WrongKey):
            store.namespace(name)


def test_keys_of_another_store_do_not_open(store: Store, tmp_path: Path) -> None:
    with Store.create(tmp_path / "other") as other:
        theirs = other.layout.file("keys", other.namespace("default").ident).read_bytes()
    store.layout.file("keys", store.namespace("default").ident).write_bytes(theirs)
    with pytest.raises(WrongKey):
        store.namespace("default")


def test_a_second_slot_opens_the_same_store(store: Store, tmp_path: Path) -> None:
    """A damaged slot beside a whole one locks nobody out."""
    slots = set(key_files(store)) - {store.layout.file("keys", store.namespace("default").ident)}
    slot = slots.pop()
    slot.with_name(f"{'0' * 64}.kvk").write_bytes(slot.read_bytes())
    Store.open(store.path).namespace("default")
