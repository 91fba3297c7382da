"""Index rows of one namespace, made from its sealed files alone."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kvprep.store.entry import DocumentRecord, EntryRecord
from kvprep.store.index import NamespaceIndex
from kvprep.store.layout import Layout
from kvprep.store.sealedfiles import SealedFiles
from kvprep.types import DocumentId, EntryId

Stamps = dict[Path, tuple[int, int, int]]
"""Files by path, with inode, ctime and size: every write makes a new inode."""


def fill(files: SealedFiles, index: NamespaceIndex) -> None:
    """Put the rows of all documents and entries in place of what an index has of the namespace."""
    with index.rebuilding():
        _put_documents(index, (document for _, document in files.all_documents()))
        for ident, entry in files.all_entries():
            put_entry(files, index, ident, entry)


def put_entry(files: SealedFiles, index: NamespaceIndex, ident: EntryId, entry: EntryRecord) -> None:
    """Put the rows of an entry; inside a transaction."""
    hashes = files.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
    index.put_entry(ident, entry, hashes, files.root(entry.model.fingerprint))


def _put_documents(index: NamespaceIndex, documents: Iterable[DocumentRecord]) -> None:
    """Two documents may name one source after a kill: the one that was read last is put last, and wins."""
    for document in sorted((replace(d, text="") for d in documents), key=_last_read):
        index.put_document(document)


def _last_read(document: DocumentRecord) -> int:
    return max((s.state.read_at_ns for s in document.sources), default=0)


def stamps(layout: Layout) -> Stamps:
    """Look at every document and entry of a store, without opening any."""
    found: Stamps = {}
    for kind in ("documents", "entries"):
        for path in layout.all_files(kind):
            try:
                result = os.stat(path)
            except FileNotFoundError:
                continue
            found[path] = (result.st_ino, result.st_ctime_ns, result.st_size)
    return found


def files_behind(layout: Layout, index: NamespaceIndex) -> set[Path]:
    """Name the files of which an index has rows. Of those, some may have come and gone between two looks at all."""
    entries = {layout.file("entries", facts["id"]) for facts in index.entries()}
    return entries | {layout.file("documents", facts["id"]) for facts in index.documents()}


def refresh(files: SealedFiles, index: NamespaceIndex, changed: Iterable[Path]) -> None:
    """Put the rows of files that were written or removed since an index was filled."""
    documents = []
    with index.transaction():
        for path in changed:
            try:
                ident = bytes.fromhex(path.stem)
            except ValueError:
                continue
            if path.suffix == ".kve":
                _refresh_entry(files, index, EntryId(ident))
            else:
                index.remove_document(DocumentId(ident))
                documents.append(DocumentId(ident))
        opened = (files.document_or_none(ident) for ident in documents)
        _put_documents(index, (document for document in opened if document is not None))


def _refresh_entry(files: SealedFiles, index: NamespaceIndex, ident: EntryId) -> None:
    entry = files.entry_or_none(ident)
    if entry is None:
        index.remove_entry(ident)
    else:
        put_entry(files, index, ident, entry)
