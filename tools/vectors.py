"""Makes the golden vectors of the store's format: `python -m tools.vectors`.

They lie in `tests/vectors/v<FORMAT_VERSION>`, good and bad ones, and `cases.json` says of each what opens it and what
must come out. A version's vectors are made once and kept: whoever changes the format raises its version. The product
has no way to be given its random bytes, so they are replaced here, for as long as this runs.
"""

import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from kvprep.codec import Lossless
from kvprep.hashing import block_hashes, block_root, content_hash, derive_key, drift_hash, fingerprint
from kvprep.store import envelope
from kvprep.store.audit import Audit
from kvprep.store.charter import SourceCheck, Trust, first_charter
from kvprep.store.entry import DocumentRecord, EntryRecord, StretchRef, document_id, document_to_facts, entry_id
from kvprep.store.entry import entry_to_facts as entry_facts
from kvprep.store.holder import Holder
from kvprep.store.keyfile import write_secret
from kvprep.store.keys import NamespaceKeys, wrap_namespace_keys
from kvprep.store.layout import FOLDERS, FORMAT_VERSION, Layout, write_store_toml
from kvprep.store.manifest import Manifest
from kvprep.store.sealing import SealedSegment, seal_segment
from kvprep.store.signing import Signer, public_key
from kvprep.store.slots import MasterAccess, NamespaceAccess, Slot, seal_passphrase_slot, seal_slot
from kvprep.store.state import NamespaceState, write_state
from kvprep.types import (
    CacheShape,
    EntryId,
    LayerShape,
    Member,
    ModelIdentity,
    NamespaceId,
    Piece,
    PrefillCost,
    PromptTags,
    SourceRecord,
    SourceState,
    TextFinding,
)
from tools.vectorcases import STORE_ID, Case, outcome, write_cases
from tools.vectorflaws import bad_vectors

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "vectors" / f"v{FORMAT_VERSION}"
PASSPHRASE = "Grüße an alle Leser dieses Buches"
BLOCK = 64
COUNT = 150
SHAPE = CacheShape((LayerShape(1, 4, 4), LayerShape(2, 2, 2)), "bfloat16")
WIDE = CacheShape((LayerShape(1, 32, 32),), "float16")
FIELDS = {"engine": "vectors", "weights": "none"}
TEXT = "Rechnung 4711: 1.250,00 €\nzahlbar in 30 Tagen.\n"


def key(name: str) -> bytes:
    """Give a fixed key of 32 bytes."""
    return blake3(name.encode()).digest()


WRITER, STRANGER, ADMIN = key("writer"), key("stranger"), key("admin")
NAMESPACE = NamespaceKeys("vectors", NamespaceId(key("namespace")), key("id"), key("index"), key("entry"))
HOLDER = Holder(key("slot"), "first key", public_key(ADMIN), key("audit"), WRITER, ADMIN)
TRUSTED = (public_key(WRITER).hex(),)


def _fixed_randomness() -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield blake3(f"random {number}".encode()).digest()


def document() -> DocumentRecord:
    """A document with everything that one can have."""
    state = SourceState(48, 1_700_000_000_000_000_001, 1_700_000_000_000_000_002, 77, key("source"), 1_700_000_001)
    source = SourceRecord(
        path="/docs/rechnung.eml/rechnung.pdf",
        state=state,
        canonicaliser="1",
        member="rechnung.pdf",
        findings=(TextFinding("white-on-white", 2, "page 1"),),
        hides_text=True,
        members=(Member("logo.png", 300),),
        documents_inside=(),
    )
    return DocumentRecord(
        content_hash=content_hash(TEXT),
        drift_hash=drift_hash(TEXT),
        title="Rechnung 4711",
        reader="pdf",
        canonicaliser="1",
        sources=(source,),
        supersedes=(content_hash("before"),),
        version=2,
        created_at=1_700_000_000.5,
        text=TEXT,
    )


def manifest(shape: CacheShape) -> Manifest:
    """What a segment says of itself."""
    token_ids = np.arange(COUNT, dtype=np.uint32) * 7 % 50_000
    model = fingerprint(FIELDS)
    root = block_root(NAMESPACE.id_key, model)
    return Manifest(
        namespace=NAMESPACE.ident,
        fingerprint=model,
        parent=root,
        first_token=0,
        block_size=BLOCK,
        chunk_tokens=BLOCK,
        shape=shape,
        pieces=(Piece(0, 128), Piece(128, COUNT)),
        cost=PrefillCost(COUNT, 1.5, 2e9),
        created_at=1_700_000_000.25,
        block_hashes=tuple(block_hashes(root, token_ids, BLOCK)),
        token_ids=token_ids,
    )


def numbers(shape: CacheShape) -> Any:
    """Give keys and values: a wave, so that a codec finds something to do."""

    def place(layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        dim = (shape.layers[layer].key_dim, shape.layers[layer].value_dim)[part]
        count = (end - start) * dim
        first = 1000 * layer + 100 * part + 10 * head + start
        if shape.dtype == "float16":
            wave = (((np.arange(count) + first) % 64 - 32) / 8).astype(np.float16)
            return memoryview(wave.view(np.uint8))
        return memoryview(((np.arange(2 * count) * 37 + first) % 251).astype(np.uint8))

    return place


def entry(segment: SealedSegment, shape: CacheShape) -> tuple[EntryId, EntryRecord]:
    """An entry of the document, whose only stretch is a segment."""
    made = segment.manifest
    record = EntryRecord(
        document=content_hash(TEXT),
        model=ModelIdentity("vectors", tuple(sorted(FIELDS.items())), made.fingerprint),
        tags=PromptTags("tokenizer", "template", "preamble"),
        shape=shape,
        block_size=BLOCK,
        stretches=(StretchRef(segment.ident, segment.data_key, 0, len(made.block_hashes)),),
        pieces=made.pieces,
        created_at=1_700_000_000.75,
        expires_at=None,
        generation=3,
        cost=made.cost,
        prompt=TEXT,
        token_ids=made.token_ids,
    )
    return entry_id(NAMESPACE.id_key, record.document, made.block_hashes[-1]), record


class Vectors:
    """Those made so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self.data: dict[str, bytes] = {}
        self.cases: dict[str, Case] = {}

    def add(self, case: Case, data: bytes) -> None:
        """Keep a good one, with what it says."""
        result, said = outcome(case, data)
        if result != "ok":
            raise SystemExit(f"{case.name}: {result}: {said}")
        self.data[case.name], self.cases[case.name] = data, replace(case, ok=said)

    def add_segments(self) -> None:
        """Segments: plain and encoded, unsigned and signed; and the entries that name them."""
        for name, shape, codec, signer in (
            ("plain", SHAPE, None, None),
            ("encoded", WIDE, Lossless(), None),
            ("signed", SHAPE, None, Signer(WRITER)),
            ("signed-encoded", WIDE, Lossless(), Signer(WRITER)),
        ):
            trusted = TRUSTED if signer else None
            segment = seal_segment(manifest(shape), NAMESPACE.id_key, numbers(shape), codec, signer)
            data = b"".join(bytes(part) for part in segment.take_parts())
            case = Case(f"segment-{name}.kvs", "segment", segment.ident.hex(), segment.data_key.hex(), trusted=trusted)
            self.add(case, data)
            ident, record = entry(segment, shape)
            self.add_sealed(f"entry-{name}.kve", "entry", ident, entry_facts(record), signer)

    def add_sealed(
        self, name: str, kind: str, ident: bytes, content: tuple[dict[str, Any], bytes], signer: Signer | None
    ) -> None:
        """An entry or a document."""
        facts, tail = content
        data = envelope.seal(kind[0], NAMESPACE.entry_key, ident, facts, tail, signer=signer)
        trusted = TRUSTED if signer else None
        self.add(Case(name, kind, ident.hex(), NAMESPACE.entry_key.hex(), trusted=trusted), data)

    def add_documents(self) -> None:
        """The document, unsigned and signed."""
        ident, content = document_id(NAMESPACE.id_key, content_hash(TEXT)), document_to_facts(document())
        self.add_sealed("document.kvd", "document", ident, content, None)
        self.add_sealed("document-signed.kvd", "document", ident, content, Signer(WRITER))

    def add_namespaces(self, layout: Layout) -> None:
        """Namespace files by policy and by who signs them."""
        nobody = replace(HOLDER, writer_seed=b"", admin_seed=b"")
        admin = replace(HOLDER, writer_seed=b"")
        for name, trust, writer in (
            ("aead", Trust.AEAD, nobody),
            ("signed", Trust.SIGNED, HOLDER),
            ("by-admin", Trust.SIGNED, admin),
        ):
            charter = first_charter(HOLDER, NAMESPACE.ident, name="vectors", trust=trust, source_check=SourceCheck.STAT)
            tombstones = {EntryId(key("gone")): 4, EntryId(key("also gone")): 2}
            state = NamespaceState("vectors", charter, 5, 1_700_000_000.0, {"model": "vectors"}, tombstones)
            write_state(layout, NAMESPACE, writer, state)
            data = layout.file("namespaces", NAMESPACE.ident).read_bytes()
            opens = (NAMESPACE.ident.hex(), NAMESPACE.entry_key.hex())
            self.add(Case(f"namespace-{name}.kvn", "namespace", *opens, admin=HOLDER.admin_public.hex()), data)

    def add_keys(self, layout: Layout) -> None:
        """Key files, slots of every kind and role, and the keys of a namespace."""
        master = MasterAccess(key("master"), key("naming"))
        rotating = MasterAccess(key("new master"), key("naming"), (key("master"),), key("former naming"))
        single, secret = NamespaceAccess((NAMESPACE,)), key("secret")
        reader, writer = replace(HOLDER, writer_seed=b"", admin_seed=b""), replace(HOLDER, admin_seed=b"")
        for name, holder, access in (
            ("admin", HOLDER, master),
            ("rotating", HOLDER, rotating),
            ("writer", writer, master),
            ("single-reader", reader, single),
        ):
            data = seal_slot(layout, Slot(holder, access, 1_700_000_000.0), secret)
            self.add(Case(f"slot-{name}.kvk", "slot", HOLDER.slot.hex(), secret.hex()), data)
        data = seal_passphrase_slot(layout, Slot(reader, master, 1_700_000_000.0), PASSPHRASE)
        self.add(Case("slot-passphrase.kvk", "passphrase", HOLDER.slot.hex(), PASSPHRASE), data)
        write_secret(layout.root / "a.key", secret, ("Opens vectors.", "Not a secret."))
        self.add(Case("first.key", "key file"), (layout.root / "a.key").read_bytes())
        wrap_namespace_keys(layout, master.master, NAMESPACE)
        wrapping = derive_key(master.master, "namespace keys").hex()
        data = layout.file("keys", NAMESPACE.ident).read_bytes()
        self.add(Case("namespace-keys.kvk", "sealed", NAMESPACE.ident.hex(), wrapping, "k"), data)

    def add_audit(self, layout: Layout) -> None:
        """A log of a few records."""
        path = layout.root / "audit.sqlite"
        with closing(Audit(path, HOLDER.audit_key, "ann/first key")) as log:
            for number, outcome_ in enumerate(("hit", "partial", "stale", "denied", "corrupt", "hit")):
                log.record("look-up", outcome_, namespace=NAMESPACE.ident, subject=key(str(number)), tokens=number)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("VACUUM")
        self.add(Case("audit.sqlite", "audit", key=HOLDER.audit_key.hex()), path.read_bytes())

    def add_store(self, layout: Layout) -> None:
        """The store's own file."""
        write_store_toml(layout)
        self.add(Case("store.toml", "store"), (layout.root / "store.toml").read_bytes())


def make() -> Vectors:
    """Make the good ones."""
    made, randomness = Vectors(), _fixed_randomness()
    secrets.token_bytes = lambda count=32: next(randomness)[:count]  # type: ignore[assignment]
    clock = iter(range(1_700_000_000, 1_800_000_000))
    time.time_ns = lambda: next(clock) * 10**9  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder), STORE_ID)
        for name in FOLDERS:
            (layout.root / name).mkdir()
        made.add_segments()
        made.add_documents()
        made.add_namespaces(layout)
        made.add_keys(layout)
        made.add_audit(layout)
        made.add_store(layout)
    return made


def main() -> None:
    """Write all, unless this version's are there already."""
    if FOLDER.exists():
        sys.exit(f"{FOLDER}: made already; a version's vectors are kept for ever")
    good = make()
    bad = list(bad_vectors(good.data, good.cases))
    for name in ("good", "bad"):
        (FOLDER / name).mkdir(parents=True)
    for case_name, data in good.data.items():
        (FOLDER / "good" / case_name).write_bytes(data)
    for case, data in bad:
        (FOLDER / "bad" / case.name).write_bytes(data)
    write_cases(FOLDER / "cases.json", [*good.cases.values(), *(case for case, _ in bad)])


if __name__ == "__main__":
    main()
