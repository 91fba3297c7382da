"""New keys for everything, after a key has leaked: names, namespace keys, data keys.

After a rotation, which leaves one key of the whole store, each namespace is written once more under new keys and a new
name. The moment in which the former one's state is unlinked is the one in which the new one counts: before it, the
former is whole, after it, the new. What was cut short is carried on by the next run.

Source: docs/format.md, "Keys".
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from kvprep.errors import IntegrityError, TryAgainLater, WrongKey
from kvprep.store import signing
from kvprep.store.crypto import new_key
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.gc import collect
from kvprep.store.holder import Holder
from kvprep.store.keychanges import admin_access
from kvprep.store.keyfile import read_key_file
from kvprep.store.keylist import KIND as LIST
from kvprep.store.keylist import KINDS, ListedKey, list_keys, listed, write_list
from kvprep.store.keyring import Keyring
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import Layout, unlink_durably
from kvprep.store.manifest import NO_CODEC, Manifest
from kvprep.store.namespace import Namespace
from kvprep.store.rotation import Rotated, rotate
from kvprep.store.segment import FindCodec
from kvprep.store.shredding import shred_all_of
from kvprep.store.slots import FILE_SLOT, MasterAccess, kind_of, open_slot, seal_slot, write_slot
from kvprep.store.store import Store
from kvprep.types import DocumentId, EntryId, NamespaceId, SegmentId


def rewrite(store: Store, key_file: Path, find_codec: FindCodec) -> Rotated:
    """Rotate the key, and seal everything anew under new keys. No other key opens anything afterwards.

    Only the audit log's key stays: what was logged can still be checked.

    Args:
        store: opened with an admin's key; to be opened anew afterwards.
        key_file: of an admin; replaced.
        find_codec: decodes and encodes what is stored encoded.

    Raises:
        PolicyDenied, WrongKey: as `rotate` does.
        IntegrityError: something does not open. Nothing of its namespace has been removed.
        StoreFull: no room for a second copy of a namespace.
        TryAgainLater: all is done, but another gc was running: the former segments are left to the next one.
    """
    removed: tuple[ListedKey, ...] = ()
    if not store.keyring.is_rewriting:
        removed = rotate(store, key_file).removed
        _begin(store, key_file)
    with Store.open(store.path, key_file=key_file, principal=store.principal) as opened:
        superseded = opened.keyring.superseded()
        for keys in superseded:
            if opened.layout.file("namespaces", keys.ident).exists():
                _Move(opened, keys, find_codec).carry_out()
            shred_all_of(opened, keys)
        dropped = _finish(opened, read_key_file(key_file))
        opened.audit.record("key rewrite", "done", subject=opened.holder.slot)
        _clear_away(opened, find_codec)
    return Rotated(len(superseded), (*removed, *dropped))


def _clear_away(store: Store, find_codec: FindCodec) -> None:
    """Remove the former segments."""
    try:
        collect(store, dry_run=False, now=0.0, find_codec=find_codec)
    except TryAgainLater as error:
        raise TryAgainLater(
            f"all is sealed anew, but its former segments are still there: {error}",
            hint="Run `kvprep gc` when the other one has ended.",
        ) from error


def _begin(store: Store, key_file: Path) -> None:
    """Draw new keys for naming, admin and writer; from here on the slot says that a rewrite is under way."""
    layout, secret = store.layout, read_key_file(key_file)
    with store.commit_lock():
        slot = open_slot(layout, secret)
        access = admin_access(slot)
        holder = _successor(slot.holder)
        fresh_access = MasterAccess(access.master, new_key(), former_naming=access.naming)
        fresh = replace(slot, holder=holder, access=fresh_access)
        others = [key for key in list_keys(layout, Keyring(layout, slot)) if key.slot != holder.slot]
        write_list(layout, fresh_access, [listed(fresh, FILE_SLOT), *others])
        write_slot(layout, fresh, seal_slot(layout, fresh, secret))


def _successor(holder: Holder) -> Holder:
    admin_seed = new_key()
    return replace(
        holder,
        admin_public=signing.public_key(admin_seed),
        admin_seed=admin_seed,
        former_admin=holder.admin_public,
        writer_seed=new_key() if holder.writer_seed else b"",
    )


def _finish(store: Store, secret: bytes) -> tuple[ListedKey, ...]:
    """Remove every other slot and list, and say that the rewrite is done."""
    layout, slot = store.layout, store.keyring.slot
    access = admin_access(slot)
    with store.commit_lock():
        store.keyring.check_current()
        dropped = [key for key in list_keys(layout, store.keyring) if key.slot != slot.holder.slot]
        holder = replace(slot.holder, former_admin=b"")
        done = replace(slot, holder=holder, access=replace(access, former_naming=b""))
        for path in _slots_and_lists(layout):
            if path != layout.file("keys", slot.holder.slot):
                unlink_durably(path)
        write_list(layout, access, [listed(slot, FILE_SLOT)])
        write_slot(layout, done, seal_slot(layout, done, secret))
    return tuple(dropped)


def _slots_and_lists(layout: Layout) -> list[Path]:
    return [path for path in layout.all_files("keys") if kind_of(path) in (*KINDS, LIST)]


class _Move:
    """One namespace on its way to new keys."""

    def __init__(self, store: Store, keys: NamespaceKeys, find_codec: FindCodec) -> None:
        self._store, self._find_codec = store, find_codec
        former = store.open_namespace(keys.ident)
        if former is None:
            raise WrongKey(f"namespace {keys.name}: gone meanwhile", hint="Run the command again.")
        charter = former.state().charter
        self._old, self._new = former, store.make_namespace(keys.name, charter.trust, charter.source_check)
        self._segments: dict[SegmentId, StretchRef] = {}

    def carry_out(self) -> None:
        """Copy until nothing has changed meanwhile, then let the new one count."""
        with self._old.lease(), self._new.lease():
            while True:
                before = self._look()
                self._copy()
                with self._store.commit_lock():
                    if self._look() == before:
                        unlink_durably(self._store.layout.file("namespaces", self._old.ident))
                        return

    def _look(self) -> tuple[object, ...]:
        """What is there. An invalidation waits for no lease, so it may change while this copies."""
        return (self._old.state().generation, *(sorted(self._old.files(kind)) for kind in ("entries", "documents")))

    def _copy(self) -> None:
        self._new.update_settings(self._old.state().settings)
        wanted = {self._copy_entry(EntryId(ident)) for ident in _names(self._old, "entries")}
        self._new.remove(EntryId(ident) for ident in _names(self._new, "entries") if ident not in wanted)
        kept = set()
        for ident in _names(self._old, "documents"):
            document = self._old.document_by_id(DocumentId(ident))
            if document is not None:
                self._new.put_document(document)
                kept.add(document.content_hash)
        for ident in _names(self._new, "documents"):
            copied = self._new.document_by_id(DocumentId(ident))
            if copied is not None and copied.content_hash not in kept:
                self._new.remove_document(copied.content_hash)
        self._new.rebuild_index()  # of two documents that name one source, as after a kill, the one read last counts

    def _copy_entry(self, ident: EntryId) -> EntryId | None:
        """Put an entry into the new namespace, with its segments; None where it has been removed."""
        entry = self._old.entry(ident)
        if entry is None:
            return None
        document = self._old.document(entry.document)
        if document is None:
            raise IntegrityError(f"entry {ident.hex()}: its document is missing", hint="Run `kvprep verify`.")
        hashes = self._new.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        renamed = self._new.entry_id(entry.document, hashes[-1])
        copied = self._new.entry(renamed)
        if copied is not None and (copied.created_at, copied.expires_at) == (entry.created_at, entry.expires_at):
            self._take_over(entry, renamed, copied)
            return renamed
        stretches = tuple(self._copy_stretch(stretch, entry) for stretch in entry.stretches)
        return self._new.put(document, replace(entry, stretches=stretches))

    def _take_over(self, entry: EntryRecord, renamed: EntryId, copied: EntryRecord) -> None:
        """Go on from what an earlier run has put; it may not have come to the index."""
        self._new.adopt(renamed, copied)
        for old, new in zip(entry.stretches, copied.stretches, strict=False):
            with self._old.open_segment(old, entry) as former, self._new.open_segment(new, copied) as copy:
                if len(former.manifest.block_hashes) == len(copy.manifest.block_hashes):
                    self._segments[old.segment] = new

    def _copy_stretch(self, stretch: StretchRef, entry: EntryRecord) -> StretchRef:
        if stretch.segment not in self._segments:
            with self._old.open_segment(stretch, entry) as reader:
                manifest = self._renamed(reader.manifest, entry)
                codec = None if reader.manifest.codec == NO_CODEC else self._find_codec(reader.manifest.codec)
                sealed = self._new.seal(manifest, reader.place(self._find_codec), codec)
                self._segments[stretch.segment] = self._new.write_segment(sealed)
        copy = self._segments[stretch.segment]
        return replace(copy, first_block=stretch.first_block, last_block=stretch.last_block)

    def _renamed(self, manifest: Manifest, entry: EntryRecord) -> Manifest:
        """Describe the same tokens under the block hashes of the new namespace."""
        token_ids = np.concatenate([entry.token_ids[: manifest.first_token], manifest.token_ids])
        root = self._new.root(manifest.fingerprint)
        hashes = self._new.block_hashes(manifest.fingerprint, token_ids, manifest.block_size)
        first = manifest.first_token // manifest.block_size
        return replace(
            manifest,
            namespace=NamespaceId(self._new.ident),
            parent=hashes[first - 1] if first else root,
            block_hashes=tuple(hashes[first:]),
            codec=NO_CODEC,
            stored_bytes=(),
        )


def _names(namespace: Namespace, kind: str) -> Iterator[bytes]:
    yield from [bytes.fromhex(path.stem) for path in namespace.files(kind)]
