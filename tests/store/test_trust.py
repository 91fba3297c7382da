"""What somebody can do who has a namespace's keys, and the disk, but no key of a trusted writer."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3
from store_makers import (
    BLOCK,
    SHAPE,
    Memory,
    Put,
    changed,
    flipped,
    load,
    make_document,
    put,
    put_branch,
    with_new_footer,
    write_stretch,
)

from kvprep.codec import find_codec
from kvprep.errors import AuthenticationFailed, HashMismatch, IntegrityError, NotFound, PolicyDenied, UntrustedWriter
from kvprep.store import envelope, segmentheader, signing
from kvprep.store.charter import TrustedWriter, sign_charter
from kvprep.store.crypto import new_key
from kvprep.store.entry import document_to_facts, entry_to_facts
from kvprep.store.gc import collect
from kvprep.store.keychanges import NewKey, Role, add_key_file
from kvprep.store.namespace import Namespace
from kvprep.store.segment import associated_data
from kvprep.store.state import write_state
from kvprep.store.store import Store


@pytest.fixture
def signed(ns: Namespace) -> Namespace:
    """A namespace that takes only what its maker, or who he trusts, has signed."""
    ns.amend(lambda charter: replace(charter, trust="signed"))
    return ns


@pytest.fixture
def made(signed: Namespace) -> Put:
    return put(signed)


@contextmanager
def opened_as(store: Store, folder: Path, role: Role) -> Iterator[Namespace]:
    """The namespace as the holder of another key of the store opens it."""
    key_file = folder / f"{role}.key"
    add_key_file(store, NewKey(role, role), key_file)
    with Store.open(store.path, key_file=key_file) as other:
        yield other.namespace("default")


def test_gc_by_who_may_not_write_tries_nothing_that_is_denied(
    signed: Namespace, made: Put, store: Store, tmp_path: Path
) -> None:
    with opened_as(store, tmp_path, Role.READER) as theirs:
        collect(theirs.store, dry_run=False, now=sys.maxsize)
        assert "denied" not in [record.outcome for record in theirs.store.audit.records()]
        with pytest.raises(PolicyDenied):
            theirs.remove([made.ident])
        denied = [(r.verb, r.namespace) for r in theirs.store.audit.records() if r.outcome == "denied"]
        assert denied == [("invalidate", signed.ident)]


def path_of(ns: Namespace, kind: str, ident: bytes) -> Path:
    return ns.store.layout.file(kind, ident)


def state_path(ns: Namespace) -> Path:
    return path_of(ns, "namespaces", ns.ident)


def keys_of(ns: Namespace):  # type: ignore[no-untyped-def]
    """What a reader has, too."""
    keys = ns.store.keyring.open_namespace(ns.ident)
    assert keys is not None
    return keys


def seal_entry(ns: Namespace, made: Put, signer: signing.Signer | None, **changes: object) -> bytes:
    facts, tail = entry_to_facts(replace(made.entry, generation=ns.state().generation, **changes))  # type: ignore[arg-type]
    return envelope.seal("e", keys_of(ns).entry_key, made.ident, facts, tail, signer=signer)


def seal_document(ns: Namespace, made: Put, signer: signing.Signer | None) -> bytes:
    facts, tail = document_to_facts(made.document)
    ident = ns.document_id(made.document.content_hash)
    return envelope.seal("d", keys_of(ns).entry_key, ident, facts, tail, signer=signer)


def writer_of(ns: Namespace) -> bytes:
    return signing.public_key(ns.store.holder.writer_seed)


FORGERS: dict[str, Callable[[], signing.Signer | None]] = {
    "unsigned": lambda: None,
    "signed by a stranger": lambda: signing.Signer(new_key()),
}


@pytest.mark.parametrize("forger", FORGERS.values(), ids=FORGERS)
def test_an_entry_that_no_trusted_writer_signed_is_refused(
    signed: Namespace, made: Put, forger: Callable[[], signing.Signer | None]
) -> None:
    with changed(path_of(signed, "entries", made.ident), seal_entry(signed, made, forger())):
        with pytest.raises(UntrustedWriter, match="entries/"):
            signed.entry(made.ident)
        assert list(signed.all_entries()) == []
    assert load(signed, made.ident) == made.memory.first(200)


@pytest.mark.parametrize("forger", FORGERS.values(), ids=FORGERS)
def test_a_document_that_no_trusted_writer_signed_is_refused(
    signed: Namespace, made: Put, forger: Callable[[], signing.Signer | None]
) -> None:
    ident = signed.document_id(made.document.content_hash)
    with changed(path_of(signed, "documents", ident), seal_document(signed, made, forger())):
        with pytest.raises(UntrustedWriter, match="documents/"):
            signed.document(made.document.content_hash)


@pytest.mark.parametrize("forger", FORGERS.values(), ids=FORGERS)
def test_a_segment_that_no_trusted_writer_signed_is_refused(
    signed: Namespace, made: Put, forger: Callable[[], signing.Signer | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other keys and values for the same tokens, in an entry that the trusted writer signed for it."""
    monkeypatch.setattr(signed, "_signer", forger())
    poison = write_stretch(signed, made.entry.token_ids, Memory(SHAPE, 200, seed=5), SHAPE)
    trusted = signing.Signer(signed.store.holder.writer_seed)
    with changed(path_of(signed, "entries", made.ident), seal_entry(signed, made, trusted, stretches=(poison,))):
        with pytest.raises(UntrustedWriter, match="segments/"):
            load(signed, made.ident)


def test_a_namespace_file_with_a_stranger_among_the_writers_is_refused(signed: Namespace, made: Put) -> None:
    stranger = new_key()
    charter = signed.state().charter.trusting([TrustedWriter("me", signing.public_key(stranger))])
    forger = replace(signed.store.holder, writer_seed=stranger, admin_seed=b"")
    with changed(state_path(signed), state_path(signed).read_bytes()):
        write_state(signed.store.layout, keys_of(signed), forger, replace(signed.state(), charter=charter))
        with pytest.raises(UntrustedWriter, match="not signed by the store's admin"):
            signed.entry(made.ident)


def test_a_namespace_file_under_another_admin_is_refused(ns: Namespace) -> None:
    """In every namespace, whatever its policy: the slot pins the admin's key."""
    usurper = replace(ns.store.holder, admin_seed=new_key())
    charter = sign_charter(usurper, ns.state().charter, name=ns.name)
    write_state(ns.store.layout, keys_of(ns), usurper, replace(ns.state(), charter=charter))
    with pytest.raises(UntrustedWriter, match="not signed by the store's admin"):
        ns.state()


@pytest.mark.parametrize("forger", [b"", new_key()], ids=["unsigned", "signed by a stranger"])
def test_a_namespace_file_without_its_tombstones_is_refused(signed: Namespace, made: Put, forger: bytes) -> None:
    """The charter is the admin's own; what lies beside it is not by anybody who may write."""
    path = path_of(signed, "entries", made.ident)
    entry = path.read_bytes()
    signed.remove([made.ident])
    holder = replace(signed.store.holder, writer_seed=forger, admin_seed=b"")
    write_state(signed.store.layout, keys_of(signed), holder, replace(signed.state(), tombstones={}))
    path.write_bytes(entry)
    with pytest.raises(UntrustedWriter, match="namespaces/"):
        signed.entry(made.ident)


def test_another_namespaces_charter_is_refused(signed: Namespace, store: Store) -> None:
    other = store.namespace("other", create=True)
    write_state(store.layout, keys_of(signed), store.holder, replace(signed.state(), charter=other.state().charter))
    with pytest.raises(AuthenticationFailed, match="another namespace's charter"):
        signed.state()


def test_an_old_charter_that_is_put_back_is_refused(ns: Namespace, store: Store) -> None:
    """With the newest generation, as only the charter's own version can show."""
    old = ns.state().charter
    ns.amend(lambda charter: replace(charter, trust="signed"))
    write_state(store.layout, keys_of(ns), store.holder, replace(ns.state(), charter=old))
    with pytest.raises(IntegrityError, match="version 1 of its charter, but 2 was seen before"):
        store.namespace("default")


def test_an_old_namespace_file_is_refused_by_who_has_the_namespace_open(ns: Namespace, store: Store) -> None:
    """A server opens a namespace once, and then reads its state with every look-up."""
    made = put(ns)
    path, old = state_path(ns), state_path(ns).read_bytes()
    ns.amend(lambda charter: replace(charter, trust="signed"))
    with changed(path, old), pytest.raises(IntegrityError, match="older copy"):
        ns.entry(made.ident)
    old, entry = path.read_bytes(), path_of(ns, "entries", made.ident).read_bytes()
    ns.remove([made.ident])
    path_of(ns, "entries", made.ident).write_bytes(entry)
    assert ns.entry(made.ident) is None
    with changed(path, old), pytest.raises(IntegrityError, match="older copy"):
        ns.entry(made.ident)


def test_what_was_stored_before_signatures_were_wanted_counts_only_if_a_trusted_writer_signed_it(
    ns: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_writer = put(ns, "by a writer")
    with monkeypatch.context() as patch:
        patch.setattr(ns, "_signer", None)
        by_reader = put(ns, "by a reader", seed=3, path="/x/r.txt")
    assert load(ns, by_reader.ident) == by_reader.memory.first(200)
    ns.amend(lambda charter: replace(charter, trust="signed"))
    assert load(ns, by_writer.ident) == by_writer.memory.first(200)
    with pytest.raises(UntrustedWriter, match="is not signed"):
        ns.entry(by_reader.ident)
    assert ns.index.entries_of(by_reader.document.content_hash) == []
    again = put(ns, "by a reader", seed=3, path="/x/r.txt")
    assert again.ident == by_reader.ident
    assert load(ns, again.ident) == again.memory.first(200)


def test_what_a_writer_stored_who_is_trusted_no_more_is_refused(signed: Namespace, made: Put) -> None:
    writer = writer_of(signed)
    signed.amend(lambda charter: charter.without([writer]))
    with pytest.raises(UntrustedWriter, match="does not trust"):
        signed.entry(made.ident)


def test_the_signature_of_another_file_is_refused(signed: Namespace, made: Put) -> None:
    other = put_branch(signed, made, "other")
    forged = seal_entry(signed, made, signing.Signer(new_key()))
    theirs = path_of(signed, "entries", other.ident).read_bytes()[-envelope.FOOTER.size :][:64]
    body = forged[: -envelope.FOOTER.size]
    with changed(path_of(signed, "entries", made.ident), body + envelope.footer([body], theirs)):
        with pytest.raises(UntrustedWriter):
            signed.entry(made.ident)


def test_a_forger_who_names_a_trusted_writer_is_refused(signed: Namespace, made: Put) -> None:
    liar = signing.Signer(new_key())
    liar.public = writer_of(signed)
    with changed(path_of(signed, "entries", made.ident), seal_entry(signed, made, liar)):
        with pytest.raises(UntrustedWriter, match="signed by none"):
            signed.entry(made.ident)


def test_no_file_passes_for_unsigned_once_its_flag_or_signature_is_gone(ns: Namespace) -> None:
    """Also where no signature is looked at."""
    made = put(ns)
    stretch = made.entry.stretches[0]
    for kind, ident in (("entries", made.ident), ("segments", stretch.segment)):
        path = path_of(ns, kind, ident)
        data = path.read_bytes()
        body, start = data[: -envelope.FOOTER.size], len(data) - envelope.FOOTER.size
        stripped = body + envelope.footer([body])
        for forged in (with_new_footer(flipped(data, 12, 0)), stripped):
            with pytest.raises(IntegrityError, match="disagree"):
                envelope.check_footer(forged, subject="file")
        for at in range(start, start + 64):
            with changed(path, with_new_footer(flipped(data, at, at % 8))), pytest.raises(UntrustedWriter):
                check_without_key(kind, path, writer_of(ns))


def check_without_key(kind: str, path: Path, *writers: bytes) -> None:
    data = path.read_bytes()
    if kind == "segments":
        segmentheader.check_segment_signature(data, writers, path, subject=path.name)
    else:
        envelope.check_signature(data, writers, bytes.fromhex(path.stem), subject=path.name)


def test_whoever_knows_the_writers_checks_everything_without_a_key(signed: Namespace, made: Put, store: Store) -> None:
    writer = writer_of(signed)
    check_all(store, dict.fromkeys(("entries", "documents", "segments", "namespaces"), writer))
    signed.amend(lambda charter: charter.without([writer]))
    check_all(store, {"entries": writer, "namespaces": store.holder.admin_public})


def check_all(store: Store, signers: dict[str, bytes]) -> None:
    for kind, signer in signers.items():
        files = list(store.layout.all_files(kind))
        assert files
        for path in files:
            check_without_key(kind, path, signing.public_key(new_key()), signer)
            with pytest.raises(UntrustedWriter):
                check_without_key(kind, path, signing.public_key(new_key()))
            elsewhere = path.with_name(f"{'0' * 64}{path.suffix}")
            path.rename(elsewhere)
            with pytest.raises(IntegrityError):
                check_without_key(kind, elsewhere, signer)
            elsewhere.rename(path)


def test_no_byte_of_a_signed_file_can_be_changed_unnoticed_without_a_key(signed: Namespace, made: Put) -> None:
    writer = writer_of(signed)
    for kind, ident in (("entries", made.ident), ("segments", made.entry.stretches[0].segment)):
        path = path_of(signed, kind, ident)
        data = path.read_bytes()
        check_without_key(kind, path, writer)
        for at in range(0, len(data) - 24, 1 + len(data) // 500):
            with changed(path, with_new_footer(flipped(data, at, at % 8))), pytest.raises(IntegrityError):
                check_without_key(kind, path, writer)


def test_a_chunk_that_was_sealed_again_is_refused_before_it_leaves(signed: Namespace, made: Put) -> None:
    """Whoever has an entry has its data keys, and can seal other numbers at the same place; even mend the digest."""
    stretch = made.entry.stretches[0]
    path = path_of(signed, "segments", stretch.segment)
    data = bytearray(path.read_bytes())
    with signed.open_segment(stretch, made.entry) as reader:
        start, size, digests_at = reader._offsets[0], reader.chunks[0].stored_bytes, reader._header.digests_at
        associated = associated_data(reader._root, 0, len(reader.chunks))
        sealed = reader._cipher.seal(1, bytes(size), associated)
    data[start : start + len(sealed)] = sealed
    with changed(path, with_new_footer(bytes(data))):
        with signed.open_segment(stretch, made.entry) as reader, pytest.raises(HashMismatch, match="chunk 0"):
            reader.load(BLOCK, Memory(SHAPE, 4096).place, find_codec)
    segmentheader.DIGEST.pack_into(data, digests_at, len(sealed), blake3(sealed).digest())
    with changed(path, with_new_footer(bytes(data))), pytest.raises(UntrustedWriter, match="segments/"):
        signed.open_segment(stretch, made.entry)
    signed.amend(lambda charter: replace(charter, trust="aead"))
    with changed(path, with_new_footer(bytes(data))):
        assert load(signed, made.ident) != made.memory.first(200), "a forgery that is none proves nothing"


def test_what_gc_seals_anew_is_signed_by_who_runs_it(signed: Namespace, made: Put, store: Store) -> None:
    branch = put_branch(signed, made, "other")
    signed.remove([made.ident])
    assert collect(store, dry_run=False, now=0.0).resealed == 1
    check_all(store, dict.fromkeys(("entries", "segments"), writer_of(signed)))
    assert load(signed, branch.ident) == branch.memory.first(200)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every message whose signature is looked at."""
    messages: list[bytes] = []
    real = signing._is_good

    def counting(message: bytes, signature: bytes, public: bytes) -> bool:
        messages.append(message)
        return real(message, signature, public)

    monkeypatch.setattr(signing, "_is_good", counting)
    return messages


def test_where_no_signature_is_wanted_none_is_looked_at(ns: Namespace, checked: list[bytes]) -> None:
    made = put(ns)
    checked.clear()
    assert ns.document(made.document.content_hash) == made.document
    assert load(ns, made.ident) == made.memory.first(200)
    assert checked == []


def test_where_signatures_are_wanted_each_file_of_a_hit_is_looked_at(
    signed: Namespace, made: Put, checked: list[bytes]
) -> None:
    assert signed.document(made.document.content_hash) == made.document
    assert load(signed, made.ident) == made.memory.first(200)
    kinds = [message[: len(signing.FILE) + 8] for message in checked]
    for letter in (b"e", b"d", b"n"):
        assert signing.FILE + b"kvprep\0" + letter in kinds
    assert any(message.startswith(signing.SEGMENT) for message in checked)


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
def test_who_is_not_trusted_changes_nothing(signed: Namespace, made: Put, tmp_path: Path, role: Role) -> None:
    with opened_as(signed.store, tmp_path, role) as theirs:
        files = {path: path.read_bytes() for path in theirs.store.path.rglob("*.kv?")}
        stretch = made.entry.stretches[0]
        attempts: list[Callable[[], object]] = [
            lambda: theirs.update_settings({"model": "other"}),
            lambda: theirs.put_document(make_document("x", "/x/x.txt")),
            lambda: theirs.put(made.document, made.entry),
            lambda: theirs.remove([made.ident]),
            lambda: theirs.remove_document(made.document.content_hash),
            lambda: theirs.repoint(made.ident, stretch.segment, stretch),
            lambda: theirs.rebuild_index(),
            lambda: theirs.amend(lambda charter: replace(charter, trust="aead")),
        ]
        for attempt in attempts:
            with pytest.raises(PolicyDenied):
                attempt()
        assert load(theirs, made.ident) == made.memory.first(200)
        assert {path: path.read_bytes() for path in theirs.store.path.rglob("*.kv?")} == files


def test_a_writer_who_is_trusted_writes_and_is_believed(signed: Namespace, tmp_path: Path) -> None:
    with opened_as(signed.store, tmp_path, Role.WRITER) as theirs:
        writer = TrustedWriter("them", writer_of(theirs))
        signed.amend(lambda charter: charter.trusting([writer]))
        made = put(theirs)
        assert load(signed, made.ident) == made.memory.first(200)
        theirs.remove([made.ident])
        assert signed.entry(made.ident) is None


def test_only_an_admin_makes_a_namespace(store: Store, tmp_path: Path) -> None:
    with opened_as(store, tmp_path, Role.WRITER) as theirs, pytest.raises(PolicyDenied, match="makes none"):
        theirs.store.namespace("other", create=True)
    with pytest.raises(NotFound):
        store.namespace("other")
