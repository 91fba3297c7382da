"""Who opens what: roles, namespaces of a key's own, passphrases."""

import os
import unicodedata
from pathlib import Path

import pytest
from store_makers import flipped, load, put, with_new_footer

from kvprep.errors import ConfigError, IntegrityError, NotFound, PolicyDenied, StoreError, StoreLocked, WrongKey
from kvprep.store import slots
from kvprep.store.gc import collect
from kvprep.store.holder import Role
from kvprep.store.keychanges import NewKey, add_key_file, add_passphrase, back_up_key_file, remove_key
from kvprep.store.keylist import list_keys
from kvprep.store.store import Store, default_key_path
from kvprep.store.verify import verify

PASSPHRASE = "fünf zufällige Wörter"


def add(store: Store, label: str, role: Role = Role.READER, *only: str) -> Path:
    path = store.path.parent / f"{label}.key"
    add_key_file(store, NewKey(label, role, only), path)
    return path


@pytest.fixture
def passphrase_slot(store: Store) -> Path:
    added = add_passphrase(store, NewKey("words", Role.ADMIN), PASSPHRASE)
    return store.layout.file("keys", added.slot)


@pytest.mark.parametrize("role", Role)
def test_a_key_has_the_seeds_of_its_role_and_no_others(store: Store, role: Role) -> None:
    with Store.open(store.path, key_file=add(store, "one", role)) as opened:
        assert opened.holder.role is role
        assert bool(opened.holder.writer_seed) is (role is not Role.READER)
        assert opened.holder.admin_seed == (store.holder.admin_seed if role is Role.ADMIN else b"")
        assert opened.holder.writer_seed != store.holder.writer_seed
        assert opened.holder.admin_public == store.holder.admin_public
        assert opened.holder.audit_key == store.holder.audit_key
        assert opened.namespace("default").ident == store.namespace("default").ident


def test_secrets_of_a_holder_are_never_printed(store: Store) -> None:
    printed = repr(store.keyring.slot) + repr(store.holder) + repr(store.namespace("default")._keys)
    for secret in (store.holder.audit_key, store.holder.writer_seed, store.holder.admin_seed):
        assert repr(secret) not in printed and secret.hex() not in printed


def test_who_opened_the_store_is_its_principal(store: Store) -> None:
    with Store.open(store.path, key_file=add(store, "laptop")) as opened:
        assert opened.principal.endswith("/laptop")
    with Store.open(store.path, principal="server:ann") as opened:
        assert opened.principal == "server:ann"


def test_a_key_of_one_namespace_opens_that_and_no_other(store: Store) -> None:
    made = put(store.namespace("a", create=True))
    put(store.namespace("b", create=True))
    with Store.open(store.path, key_file=add(store, "only-a", Role.WRITER, "a")) as opened:
        assert [namespace.name for namespace in opened.namespaces()] == ["a"]
        assert load(opened.namespace("a"), made.ident) == made.memory.first(200)
        assert opened.open_namespace(store.namespace("b").ident) is None


def test_absent_and_forbidden_look_the_same(store: Store) -> None:
    store.namespace("a", create=True)
    store.namespace("forbidden", create=True)
    with Store.open(store.path, key_file=add(store, "only-a", Role.WRITER, "a")) as opened:
        said = []
        for name in ("forbidden", "absent"):
            with pytest.raises(NotFound) as missing:
                opened.namespace(name)
            with pytest.raises(PolicyDenied) as denied:
                opened.namespace(name, create=True)
            said.append(
                [text.replace(name, "NAME") for e in (missing, denied) for text in (str(e.value), e.value.hint)]
            )
        assert said[0] == said[1]
    with pytest.raises(NotFound) as anybodys:
        store.namespace("absent")
    assert str(anybodys.value).replace("absent", "NAME") == said[0][0]


def test_a_key_of_one_namespace_knows_no_other_key(store: Store) -> None:
    add(store, "other")
    with Store.open(store.path, key_file=add(store, "mine", Role.READER, "default")) as opened:
        assert [key.label for key in list_keys(opened.layout, opened.keyring)] == ["mine"]


def test_verify_with_a_key_of_one_namespace_checks_that_and_calls_nothing_else_damaged(store: Store) -> None:
    put(store.namespace("a", create=True))
    put(store.namespace("b", create=True))
    with Store.open(store.path, key_file=add(store, "only-a", Role.READER, "a")) as opened:
        report = verify(opened)
    assert report.findings == ()
    assert report.checked["chunks"] == verify(store, namespaces=["a"]).checked["chunks"] > 0
    assert report.checked["chunks"] < verify(store).checked["chunks"]


def test_gc_with_a_key_of_one_namespace_removes_nothing_that_another_may_need(store: Store) -> None:
    put(store.namespace("a", create=True))
    other = store.namespace("b", create=True)
    made = put(other)
    with Store.open(store.path, key_file=add(store, "only-a", Role.WRITER, "a")) as opened:
        assert collect(opened, dry_run=False, now=0).segments == 0
    assert load(other, made.ident) == made.memory.first(200)


@pytest.mark.parametrize("only", [(), ("default",)])
@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
def test_only_an_admin_changes_keys(store: Store, role: Role, only: tuple[str, ...]) -> None:
    with Store.open(store.path, key_file=add(store, "one", role, *only)) as opened:
        with pytest.raises(PolicyDenied):
            add(opened, "two")
        with pytest.raises(PolicyDenied):
            remove_key(opened, "first key")
    assert not (store.path.parent / "two.key").exists()


def test_an_admin_of_one_namespace_is_refused(store: Store) -> None:
    with pytest.raises(ConfigError):
        add(store, "one", Role.ADMIN, "default")


def test_a_key_of_a_namespace_that_is_not_there_is_refused_and_no_file_made(store: Store) -> None:
    with pytest.raises(NotFound):
        add(store, "one", Role.READER, "absent")
    assert not (store.path.parent / "one.key").exists()


def test_a_label_is_given_once(store: Store) -> None:
    add(store, "one")
    with pytest.raises(StoreError, match="label"):
        add_key_file(store, NewKey("one", Role.READER), store.path.parent / "another.key")


def test_a_key_file_that_opens_nothing_yet_is_taken_and_one_that_does_is_not(store: Store, tmp_path: Path) -> None:
    with Store.create(tmp_path / "other", key_file=tmp_path / "shared.key"):
        pass
    add_key_file(store, NewKey("shared", Role.READER), tmp_path / "shared.key")
    Store.open(store.path, key_file=tmp_path / "shared.key").close()
    with pytest.raises(StoreError, match="opens this store already, as shared"):
        add_key_file(store, NewKey("again", Role.READER), tmp_path / "shared.key")


def test_a_key_inside_of_the_store_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store.path)
    for folder in (store.path, store.path / "keys", tmp_path / "link"):
        with pytest.raises(ConfigError, match="inside of the store"):
            add_key_file(store, NewKey("one", Role.READER), folder / "one.key")
        with pytest.raises(ConfigError, match="inside of the store"):
            back_up_key_file(store, default_key_path(store.layout.store_id), folder / "copy.key")


def test_a_removed_key_opens_nothing_and_the_others_still_do(store: Store) -> None:
    one, two = add(store, "one"), add(store, "two")
    remove_key(store, "one")
    with pytest.raises(WrongKey, match="no key slot"):
        Store.open(store.path, key_file=one)
    Store.open(store.path, key_file=two).close()
    assert [key.label for key in list_keys(store.layout, store.keyring)] == ["first key", "two"]


def test_the_key_in_use_is_not_removed_so_one_that_opens_everything_is_always_left(store: Store) -> None:
    with pytest.raises(PolicyDenied):
        remove_key(store, "first key")
    with Store.open(store.path, key_file=add(store, "second", Role.ADMIN)) as second:
        remove_key(second, "first key")
        with pytest.raises(StoreLocked, match="removed since"):  # and it removes nobody any more
            remove_key(store, "second")
        with pytest.raises(StoreLocked, match="removed since"):
            store.namespace("new", create=True)


def test_a_key_is_named_by_label_or_by_the_beginning_of_its_id(store: Store) -> None:
    added = [list_keys(store.layout, store.keyring) for _ in (add(store, "one"),)][0][1]
    with pytest.raises(NotFound):
        remove_key(store, added.slot.hex()[:3])
    with pytest.raises(NotFound):
        remove_key(store, "nobody")
    assert remove_key(store, added.slot.hex()[:6]).label == "one"


def test_a_slot_that_a_hand_put_back_is_shown_and_can_be_removed(store: Store) -> None:
    add(store, "one")
    slot = next(key.slot for key in list_keys(store.layout, store.keyring) if key.label == "one")
    copy = store.layout.file("keys", slot).read_bytes()
    remove_key(store, "one")
    store.layout.file("keys", slot).write_bytes(copy)
    assert [(key.label, key.role) for key in list_keys(store.layout, store.keyring)][1] == ("", "")
    remove_key(store, slot.hex()[:8])
    assert not store.layout.file("keys", slot).exists()


def test_a_damaged_list_of_keys_is_named_and_locks_nobody_out(store: Store) -> None:
    slots_before = set(store.layout.all_files("keys"))
    path = add(store, "one")
    (damaged,) = (p for p in set(store.layout.all_files("keys")) - slots_before if slots.kind_of(p) == "l")
    whole = damaged.read_bytes()
    for at in range(0, len(whole), 7):
        for content in (flipped(whole, at, at % 8), with_new_footer(flipped(whole, at, at % 8))):
            if content != whole:
                damaged.write_bytes(content)
                with pytest.raises((WrongKey, StoreError)):
                    list_keys(store.layout, store.keyring)
    Store.open(store.path, key_file=path).namespace("default")


def test_a_backup_opens_the_store_and_is_never_written_over_a_file(store: Store, tmp_path: Path) -> None:
    source, copy = default_key_path(store.layout.store_id), tmp_path / "safe" / "copy.key"
    back_up_key_file(store, source, copy)
    with Store.open(store.path, key_file=copy) as opened:
        assert opened.holder == store.holder
    assert store.layout.store_id in copy.read_text()
    for there in (source, copy):
        before = there.read_bytes()
        with pytest.raises(StoreError, match="already there"):
            back_up_key_file(store, source, there)
        assert there.read_bytes() == before


def test_a_backup_of_a_key_file_that_does_not_open_the_store_is_refused(store: Store, tmp_path: Path) -> None:
    with Store.create(tmp_path / "other", key_file=tmp_path / "other.key"):
        pass
    with pytest.raises((WrongKey, IntegrityError)):
        back_up_key_file(store, tmp_path / "other.key", tmp_path / "copy.key")


def test_a_passphrase_opens_the_store_however_its_letters_are_composed(store: Store, passphrase_slot: Path) -> None:
    for form in ("NFC", "NFD"):
        with Store.open(store.path, passphrase=unicodedata.normalize(form, PASSPHRASE)) as opened:
            assert opened.holder.label == "words"
    with pytest.raises(WrongKey, match="no key slot opens with this passphrase"):
        Store.open(store.path, passphrase=PASSPHRASE + ".")


def test_a_damaged_passphrase_slot_is_named_without_trying_the_passphrase(
    store: Store, passphrase_slot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bytes] = []
    monkeypatch.setattr(slots, "_stretched", lambda passphrase, salt: tried.append(salt))
    data = passphrase_slot.read_bytes()
    for at in range(0, len(data), 11):
        passphrase_slot.write_bytes(flipped(data, at, at % 8))
        with pytest.raises(WrongKey) as caught:
            Store.open(store.path, passphrase=PASSPHRASE)
        assert at < 8 or passphrase_slot.name in str(caught.value)  # with another magic it is no passphrase's slot
    assert tried == []


def test_one_opening_tries_a_few_passphrase_slots_at_most(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []
    monkeypatch.setattr(slots, "_stretched", lambda passphrase, salt: tried.append(salt) or os.urandom(32))
    for number in range(slots.MAX_PASSPHRASE_SLOTS):
        add_passphrase(store, NewKey(f"words {number}", Role.READER), PASSPHRASE)
    with pytest.raises(StoreError, match="passphrases"):
        add_passphrase(store, NewKey("one too many", Role.READER), PASSPHRASE)
    for path in slots.slot_files(store.layout, "p"):
        path.with_name(path.name.replace(path.name[:8], "0" * 8)).write_bytes(path.read_bytes())
    tried.clear()
    with pytest.raises(WrongKey):
        Store.open(store.path, passphrase=PASSPHRASE)
    assert len(tried) == slots.MAX_PASSPHRASE_SLOTS


def test_a_short_passphrase_is_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="fewer than 12"):
        add_passphrase(store, NewKey("short", Role.READER), "eleven char")


def test_a_slot_of_another_store_or_under_another_name_does_not_open(store: Store, tmp_path: Path) -> None:
    path = add(store, "one")
    slot = next(key.slot for key in list_keys(store.layout, store.keyring) if key.label == "one")
    file = store.layout.file("keys", slot)
    with Store.create(tmp_path / "other") as other:
        (other.path / "keys" / file.name).write_bytes(file.read_bytes())
        with pytest.raises(WrongKey):
            Store.open(other.path, key_file=path)
    file.rename(file.with_name(f"{'0' * 64}.kvk"))
    with pytest.raises(WrongKey, match="damaged"):
        Store.open(store.path, key_file=path)
