"""One golden vector: a file, what opens it, and what must come out; shared by who makes them and by their test."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kvprep.codec import find_codec
from kvprep.errors import KvprepError
from kvprep.store import envelope
from kvprep.store.audit import Audit
from kvprep.store.auditcheck import check_audit
from kvprep.store.entry import document_from_sealed, entry_from_sealed
from kvprep.store.keyfile import read_key_file
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import FOLDERS, Layout, open_layout
from kvprep.store.segment import SegmentReader
from kvprep.store.slots import Slot, open_passphrase_slot, open_slot
from kvprep.store.state import read_state
from kvprep.types import NamespaceId

STORE_ID = "5" * 32
PROBLEM = "problem"
"""In place of an error's name: what a check of the audit log finds is no exception."""


@dataclass(frozen=True)
class Case:
    """A vector."""

    name: str
    kind: str
    """What decodes it: `sealed`, `entry`, `document`, `namespace`, `slot`, `passphrase`, `key file`, `segment`,
    `audit` or `store`."""
    ident: str = ""
    """Hex of the name under which the file is decoded."""
    key: str = ""
    """Hex of the key or secret, or the passphrase."""
    letter: str = ""
    """Of a sealed file: its kind."""
    trusted: tuple[str, ...] | None = None
    """Public keys of the writers, in hex; None: no signature is looked at."""
    admin: str = ""
    """The admin's public key, in hex."""
    ok: str = ""
    """Of a good one: SHA-256 over all that it says."""
    error: str = ""
    """Of a bad one: the name of the error's class."""
    message: str = ""
    """Of a bad one: a part of the message."""


def read_cases(path: Path) -> list[Case]:
    """Read the list of vectors."""
    return [_case(facts) for facts in json.loads(path.read_text("utf-8"))]


def write_cases(path: Path, cases: list[Case]) -> None:
    """Write it; what is empty is left out."""
    facts = [{k: v for k, v in asdict(case).items() if v not in ("", None)} for case in cases]
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _case(facts: dict[str, Any]) -> Case:
    trusted = facts.get("trusted")
    return Case(**{**facts, "trusted": None if trusted is None else tuple(trusted)})


def outcome(case: Case, data: bytes) -> tuple[str, str]:
    """Decode a vector: `ok` and the digest of what it says, or the name of the error and its message."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder), STORE_ID)
        for name in FOLDERS:
            (layout.root / name).mkdir(exist_ok=True)
        try:
            said = _DECODERS[case.kind](case, data, layout)
        except KvprepError as error:
            return type(error).__name__, str(error)
    if isinstance(said, list):
        return PROBLEM, "\n".join(said)
    return "ok", hashlib.sha256(said).hexdigest()


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def _said(*facts: object) -> bytes:
    return json.dumps([str(fact) for fact in facts]).encode()


def _unsealed(case: Case, data: bytes, letter: str) -> envelope.Sealed:
    ident = bytes.fromhex(case.ident)
    opened = envelope.unseal(data, letter, bytes.fromhex(case.key), ident, subject=case.name)
    if case.trusted is not None:
        envelope.check_writer(data, opened, ident, _keys(case.trusted), subject=case.name)
    return opened


def _keys(trusted: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(bytes.fromhex(key) for key in trusted)


def _sealed(case: Case, data: bytes, layout: Layout) -> bytes:
    opened = _unsealed(case, data, case.letter)
    return _said(sorted(opened.facts.items()), opened.tail)


def _entry(case: Case, data: bytes, layout: Layout) -> bytes:
    entry = entry_from_sealed(_unsealed(case, data, "e"), subject=case.name)
    stretches = [(s.segment.hex(), s.data_key.hex(), s.first_block, s.last_block) for s in entry.stretches]
    facts = (entry.document.hex(), entry.model, entry.tags, entry.shape, entry.block_size, stretches, entry.pieces)
    times = (entry.created_at, entry.expires_at, entry.generation, entry.cost, entry.prompt)
    return _said(*facts, *times, entry.token_ids.tolist())


def _document(case: Case, data: bytes, layout: Layout) -> bytes:
    document = document_from_sealed(_unsealed(case, data, "d"), subject=case.name)
    hashes = (document.content_hash.hex(), document.drift_hash.hex(), [h.hex() for h in document.supersedes])
    facts = (document.title, document.reader, document.canonicaliser, document.sources)
    return _said(*hashes, *facts, document.version, document.created_at, document.text)


def _namespace(case: Case, data: bytes, layout: Layout) -> bytes:
    ident, key = NamespaceId(bytes.fromhex(case.ident)), bytes.fromhex(case.key)
    _written(layout.file("namespaces", ident), data)
    state = read_state(layout, NamespaceKeys("name", ident, key, key, key), bytes.fromhex(case.admin))
    tombstones = sorted((entry.hex(), generation) for entry, generation in state.tombstones.items())
    facts = (state.name, state.charter.text, state.generation, state.created_at, sorted(state.settings.items()))
    return _said(*facts, tombstones)


def _slot(case: Case, data: bytes, layout: Layout) -> bytes:
    _written(layout.file("keys", bytes.fromhex(case.ident)), data)
    return _slot_said(open_slot(layout, bytes.fromhex(case.key)))


def _passphrase(case: Case, data: bytes, layout: Layout) -> bytes:
    _written(layout.file("keys", bytes.fromhex(case.ident)), data)
    return _slot_said(open_passphrase_slot(layout, case.key))


def _slot_said(slot: Slot) -> bytes:
    holder = slot.holder
    keys = (holder.admin_public, holder.audit_key, holder.writer_seed, holder.admin_seed)
    facts = [(name, getattr(slot.access, name)) for name in type(slot.access).__slots__]
    secrets = [(keys.name, keys.ident, keys.id_key, keys.entry_key) for keys in getattr(slot.access, "namespaces", ())]
    return _said(holder.label, str(holder.role), *keys, slot.created_at, secrets or facts)


def _key_file(case: Case, data: bytes, layout: Layout) -> bytes:
    return read_key_file(_written(layout.root / "a.key", data))


def _segment(case: Case, data: bytes, layout: Layout) -> bytes:
    path = _written(layout.file("segments", bytes.fromhex(case.ident)), data)
    trusted = None if case.trusted is None else _keys(case.trusted)
    with SegmentReader(path, bytes.fromhex(case.key), subject=case.name, trusted=trusted) as reader:
        reader.check()
        manifest = reader.manifest
        plain = {chunk.place: bytearray(chunk.num_bytes) for chunk in reader.chunks}
        end = manifest.first_token + manifest.num_tokens
        reader.load(end, lambda *place: memoryview(plain[place]), find_codec)
    names = (manifest.namespace.hex(), manifest.fingerprint.hex(), manifest.parent.hex())
    hashes = [value.hex() for value in manifest.block_hashes]
    facts = (manifest.first_token, manifest.block_size, manifest.chunk_tokens, manifest.shape, manifest.pieces)
    more = (manifest.cost, manifest.created_at, manifest.codec, manifest.stored_bytes, manifest.writer.hex())
    runs = [(place, bytes(run).hex()) for place, run in plain.items()]
    return _said(*names, hashes, *facts, *more, manifest.token_ids.tolist(), runs)


def _audit(case: Case, data: bytes, layout: Layout) -> bytes | list[str]:
    key = bytes.fromhex(case.key)
    with closing(Audit(_written(layout.root / "audit.sqlite", data), key, "reader")) as log:
        records = list(log.records())
    report = check_audit(records, key, ())
    return report.problems or _said(*records)


def _store(case: Case, data: bytes, layout: Layout) -> bytes:
    _written(layout.root / "store.toml", data)
    return open_layout(layout.root).store_id.encode()


_DECODERS: dict[str, Callable[[Case, bytes, Layout], bytes | list[str]]] = {
    "sealed": _sealed,
    "entry": _entry,
    "document": _document,
    "namespace": _namespace,
    "slot": _slot,
    "passphrase": _passphrase,
    "key file": _key_file,
    "segment": _segment,
    "audit": _audit,
    "store": _store,
}
