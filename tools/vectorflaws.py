"""The bad ones among the golden vectors: each a good one with one flaw, and the error that the flaw must end in."""

import json
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from blake3 import blake3

from kvprep.store import envelope
from kvprep.store.crypto import Cipher
from kvprep.store.envelope import FOOTER
from kvprep.store.envelope import HEADER as SEALED_HEADER
from kvprep.store.segmentheader import DIGEST
from kvprep.store.segmentheader import HEADER as SEGMENT_HEADER
from kvprep.store.signing import SIGNATURE_BYTES, Signer
from tools.vectorcases import Case, outcome

Bad = tuple[Case, bytes]
SEALED = ("entry-plain.kve", "document.kvd", "namespace-aead.kvn", "namespace-keys.kvk")
AUTHENTICATION, INTEGRITY = "AuthenticationFailed", "IntegrityError"


def mended(data: bytes) -> bytes:
    """Write the checksum anew, as somebody does who knows the format, but no key."""
    body, signature = data[: -FOOTER.size], data[-FOOTER.size :][:SIGNATURE_BYTES]
    return body + envelope.footer([body], signature)


def changed(data: bytes, at: int, new: bytes | None = None) -> bytes:
    """Put bytes at a place, by default the byte there with one bit flipped, and mend the checksum."""
    at %= len(data)
    new = bytes([data[at] ^ 1]) if new is None else new
    return mended(data[:at] + new + data[at + len(new) :])


def flipped(data: bytes, at: int) -> bytes:
    """Flip one bit, and mend nothing."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


class Flaws:
    """Bad vectors made of good ones."""

    def __init__(self, data: dict[str, bytes], cases: dict[str, Case]) -> None:
        """Take the good ones."""
        self._data, self._cases = data, cases

    def bad(self, name: str, flaw: str, data: bytes, error: str, message: str, **changes: Any) -> Bad:
        """Name a flawed vector, and see that it ends as it must."""
        stem, _, ending = name.rpartition(".")
        case = replace(
            self._cases[name], name=f"{stem}--{flaw}.{ending}", ok="", error=error, message=message, **changes
        )
        found, said = outcome(case, data)
        if found != error or message not in said:
            raise SystemExit(f"{case.name}: {found}: {said}")
        return case, data

    def sealed(self) -> Iterator[Bad]:
        """What can be wrong with a sealed file for who has no key."""
        for name in SEALED:
            data, letter = self._data[name], self._data[name][7:8].decode()
            body_bytes = len(data) - SEALED_HEADER.size - FOOTER.size
            flaws: list[tuple[str, bytes, str, str]] = [
                ("bit", flipped(data, 120), "HashMismatch", "checksum differs"),
                ("bit-mended", changed(data, 120), AUTHENTICATION, "does not authenticate"),
                ("tag", changed(data, -FOOTER.size - 1), AUTHENTICATION, "does not authenticate"),
                ("cut", data[:-1], "Truncated", "bytes where it says"),
                ("cut-mended", mended(data[:-200] + data[-FOOTER.size :]), "Truncated", "bytes where its header says"),
                ("empty", b"", "Truncated", "only 0 bytes"),
                ("longer", data + b"\0", "Truncated", "bytes where it says"),
                ("magic", changed(data, 7, b"z"), INTEGRITY, "not a file of this kind"),
                ("version", changed(data, 8, b"\x02"), "UnsupportedFormat", "format version 2"),
                ("flags", changed(data, 12, b"\x02"), INTEGRITY, "header makes no sense"),
                ("zero", changed(data, 24, b"\x01"), INTEGRITY, "header makes no sense"),
                ("huge", changed(data, 16, struct.pack("<Q", 1 << 40)), INTEGRITY, "header makes no sense"),
                ("length", changed(data, 16, struct.pack("<Q", body_bytes + 1)), "Truncated", "where its header says"),
                ("salt", changed(data, 32), "WrongKey", "under another key"),
                ("commitment", changed(data, 64), "WrongKey", "under another key"),
                ("signature-place", changed(data, -FOOTER.size), INTEGRITY, "header and its signature disagree"),
            ]
            for flaw, bytes_, error, message in flaws:
                yield self.bad(name, flaw, bytes_, error, message, kind="sealed", letter=letter)
            other = {"ident": "0" * 64, "kind": "sealed", "letter": letter}
            yield self.bad(name, "name", data, AUTHENTICATION, "does not authenticate", **other)
            yield self.bad(
                name, "key", data, "WrongKey", "under another key", key="0" * 64, kind="sealed", letter=letter
            )

    def _resealed(
        self,
        name: str,
        change: Callable[[dict[str, Any]], object],
        tail: bytes | None = None,
        signer: Signer | None = None,
    ) -> bytes:
        """Seal other facts under the right key: what a holder of the key may do."""
        case, data = self._cases[name], self._data[name]
        letter, key, ident = data[7:8].decode(), bytes.fromhex(case.key), bytes.fromhex(case.ident)
        opened = envelope.unseal(data, letter, key, ident, subject=name)
        facts = json.loads(json.dumps(opened.facts))
        facts.pop("writer", None)
        change(facts)
        return envelope.seal(letter, key, ident, facts, opened.tail if tail is None else tail, signer=signer)

    def contents(self) -> Iterator[Bad]:
        """What opens, and is no record."""
        name = "entry-plain.kve"
        for flaw, change, tail in (
            ("no-shape", lambda f: f.pop("shape"), None),
            ("dtype", lambda f: f["shape"].update(dtype="object"), None),
            ("no-heads", lambda f: f["shape"].update(layers=[[0, 4, 4]]), None),
            ("hash", lambda f: f.update(document="xyz"), None),
            ("tags", lambda f: f["tags"].update(more="x"), None),
            ("tokens-cut", lambda f: None, b"\0" * 7),
        ):
            yield self.bad(name, flaw, self._resealed(name, change, tail), AUTHENTICATION, "is no entry")
        fewer = self._resealed(name, lambda f: None, bytes(8))
        yield self.bad(name, "token-count", fewer, AUTHENTICATION, "token count differs")
        name = "document.kvd"
        no_text = self._resealed(name, lambda f: None, b"\xff\xfe")
        yield self.bad(name, "no-utf8", no_text, AUTHENTICATION, "is no document")
        no_sources = self._resealed(name, lambda f: f.update(sources=7))
        yield self.bad(name, "sources", no_sources, AUTHENTICATION, "is no document")
        for flaw, body in (
            ("list", b"[]"),
            ("no-json", b"{"),
            ("deep", b"[" * 20_000),
            ("long", None),
        ):
            yield self.bad(name, flaw, self._with_body(name, body), AUTHENTICATION, "body makes no sense")

    def _with_body(self, name: str, text: bytes | None) -> bytes:
        case, data = self._cases[name], self._data[name]
        key, ident = bytes.fromhex(case.key), bytes.fromhex(case.ident)
        body = b"\xff\xff\xff\xff" if text is None else struct.pack("<I", len(text)) + text
        header = bytearray(data[: SEALED_HEADER.size])
        header[16:24] = struct.pack("<Q", len(body) + 16)
        file_key = envelope.derive_key(key, f"file {data[7:8].decode()}", salt=bytes(header[32:64]))
        sealed = bytes(header) + Cipher(file_key).seal(0, body, bytes(header) + ident)
        return sealed + envelope.footer([sealed])

    def signatures(self) -> Iterator[Bad]:
        """Files that nobody vouches for who may."""
        stranger = Signer(blake3(b"stranger").digest())
        for name in ("entry-signed.kve", "document-signed.kvd"):
            data = self._data[name]
            yield self.bad(name, "signature", changed(data, -FOOTER.size), "UntrustedWriter", "signed by none")
            unsigned = self._resealed(name, lambda f: None)
            yield self.bad(name, "unsigned", unsigned, "UntrustedWriter", "is not signed")
            strange = self._resealed(name, lambda f: None, signer=stranger)
            yield self.bad(name, "stranger", strange, "UntrustedWriter", "does not trust")
            removed = mended(data[: -FOOTER.size] + bytes(SIGNATURE_BYTES) + data[-FOOTER.size + SIGNATURE_BYTES :])
            yield self.bad(name, "no-signature", removed, INTEGRITY, "header and its signature disagree")
        name = "namespace-signed.kvn"
        signature = changed(self._data[name], -FOOTER.size)
        yield self.bad(name, "signature", signature, "UntrustedWriter", "signed by none")
        strange = self._resealed(name, lambda f: None, signer=stranger)
        yield self.bad(name, "stranger", strange, "UntrustedWriter", "does not trust")
        yield self.bad(name, "unsigned", self._resealed(name, lambda f: None), "UntrustedWriter", "is not signed")

    def charters(self) -> Iterator[Bad]:
        """Charters that the admin did not give this namespace."""
        name = "namespace-aead.kvn"

        def widened(facts: dict[str, Any]) -> None:
            facts["charter"] = facts["charter"].replace('"version":1', '"version":2')

        for flaw, change in (
            ("charter", widened),
            ("charter-unsigned", lambda f: f.update(charter_signature="")),
            ("charter-spaces", lambda f: f.update(charter=f["charter"] + " ")),
        ):
            data = self._resealed(name, change)
            yield self.bad(name, flaw, data, "UntrustedWriter", "charter is not signed by the store's admin")
        data, other = self._data[name], blake3(b"stranger").digest()
        yield self.bad(name, "admin", data, "UntrustedWriter", "not signed by the store's admin", admin=other.hex())
        half = self._resealed(name, lambda f: None, bytes(41))
        yield self.bad(name, "half-tombstone", half, AUTHENTICATION, "is no namespace")
        no_generation = self._resealed(name, lambda f: f.pop("generation"))
        yield self.bad(name, "no-generation", no_generation, AUTHENTICATION, "is no namespace")

    def keys(self) -> Iterator[Bad]:
        """Slots and key files that do not open."""
        name = "slot-admin.kvk"
        data = self._data[name]
        yield self.bad(name, "secret", data, "WrongKey", "no key slot opens with this key file", key="0" * 64)
        for flaw, bytes_ in (("bit", flipped(data, 130)), ("bit-mended", changed(data, 130)), ("cut", data[:-9])):
            yield self.bad(name, flaw, bytes_, "WrongKey", "damaged: keys/")
        yield self.bad(name, "kind", changed(data, 7, b"x"), "WrongKey", "no key slot opens")
        yield self.bad(name, "name", data, "WrongKey", "damaged: keys/", ident="1" * 64)
        name = "slot-passphrase.kvk"
        yield self.bad(name, "typo", self._data[name], "WrongKey", "this passphrase", key="Gruesse an alle Leser")
        name = "first.key"
        data = self._data[name]
        for flaw, bytes_ in (
            ("digit", data.replace(b"check ", b"check 0", 1)),
            ("secret", changed_text(data)),
            ("cut", data[:-1]),
            ("longer", data + b"\n"),
            ("upper-case", data.upper()),
            ("comment", data.replace(b"# Not", b"# Now", 1)),
            ("empty", b""),
        ):
            yield self.bad(name, flaw, bytes_, "WrongKey", "the key file is damaged")

    def segments(self) -> Iterator[Bad]:
        """What can be wrong with a segment."""
        name = "segment-plain.kvs"
        data = self._data[name]
        fields = SEGMENT_HEADER.unpack(data[: SEGMENT_HEADER.size])
        first, table, num_chunks = fields[8], fields[9], fields[4]
        size = int.from_bytes(data[table : table + 8], "little")
        second = first + -(-size // 64) * 64
        swapped = data[:first] + data[second : second + size] + data[first + size : second] + data[first : first + size]
        for flaw, bytes_, error, message in (
            ("empty", b"", "Truncated", "empty file"),
            ("cut", data[:-1], "Truncated", "where its header says"),
            ("longer", data + bytes(64), "Truncated", "where its header says"),
            ("no-footer", data[: -FOOTER.size], "Truncated", "where its header says"),
            ("magic", changed(data, 7, b"e"), INTEGRITY, "not a segment"),
            ("version", changed(data, 8, b"\0"), "UnsupportedFormat", "format version 0"),
            ("flags", changed(data, 12, b"\x04"), INTEGRITY, "header makes no sense"),
            ("manifest-length", changed(data, 16), INTEGRITY, "header makes no sense"),
            ("manifest-huge", changed(data, 16, struct.pack("<Q", 1 << 40)), INTEGRITY, "header makes no sense"),
            ("chunk-count", changed(data, 24, struct.pack("<I", num_chunks + 1)), INTEGRITY, "header makes no sense"),
            ("zero", changed(data, 28), INTEGRITY, "header makes no sense"),
            ("zero-at-the-end", changed(data, 120), INTEGRITY, "header makes no sense"),
            ("id", changed(data, 32), INTEGRITY, "holds another segment"),
            ("commitment", changed(data, 64), AUTHENTICATION, "not the segment that the entry names"),
            ("first-chunk", changed(data, 96), INTEGRITY, "header makes no sense"),
            ("table-place", changed(data, 104), INTEGRITY, "header makes no sense"),
            ("signed-flag", changed(data, 12, b"\x01"), AUTHENTICATION, "does not authenticate"),
            ("manifest", changed(data, SEGMENT_HEADER.size + 9), AUTHENTICATION, "does not authenticate"),
            ("chunk", changed(data, first + 3), AUTHENTICATION, "chunk 0: does not authenticate"),
            ("chunk-bit", flipped(data, first + 3), "HashMismatch", "checksum differs"),
            ("chunk-order", mended(swapped + data[second + size :]), AUTHENTICATION, "chunk 0: does not authenticate"),
            ("padding", changed(data, first + size, b"\x01"), INTEGRITY, "padding is not zero"),
            ("digest", changed(data, table + DIGEST.size - 1), "HashMismatch", "digest of chunk 0 differs"),
            ("digest-length", changed(data, table), "HashMismatch", "digest of chunk 0 differs"),
            ("signature-place", changed(data, -FOOTER.size), INTEGRITY, "header and its signature disagree"),
        ):
            yield self.bad(name, flaw, bytes_, error, message)
        other = self._cases["segment-signed.kvs"]
        yield self.bad(name, "key", data, AUTHENTICATION, "not the segment that the entry names", key=other.key)
        yield self.bad(name, "name", data, INTEGRITY, "holds another segment", ident=other.ident)
        yield self.bad(name, "unsigned", data, "UntrustedWriter", "is not signed", trusted=())
        name = "segment-signed.kvs"
        data = self._data[name]
        table = SEGMENT_HEADER.unpack(data[: SEGMENT_HEADER.size])[9]
        yield self.bad(name, "signature", changed(data, -FOOTER.size), "UntrustedWriter", "signed by none")
        yield self.bad(name, "digest", changed(data, table + DIGEST.size - 1), "UntrustedWriter", "signed by none")
        yield self.bad(name, "stranger", data, "UntrustedWriter", "does not trust", trusted=("0" * 64,))

    def encoded(self) -> Iterator[Bad]:
        """Codecs and sizes that cannot be, sealed under the right key."""
        name = "segment-encoded.kvs"
        for flaw, change, error, message in (
            ("codec", lambda f: f.update(codec="gzip"), "UnsupportedFormat", "is unknown here"),
            (
                "sizes",
                lambda f: f.update(stored_bytes=f["stored_bytes"][1:]),
                AUTHENTICATION,
                "manifest makes no sense",
            ),
            ("no-sizes", lambda f: f.pop("stored_bytes"), AUTHENTICATION, "manifest makes no sense"),
            ("negative", lambda f: f["stored_bytes"].__setitem__(0, -1), AUTHENTICATION, "manifest makes no sense"),
            ("block-size", lambda f: f.update(block_size=0), AUTHENTICATION, "manifest makes no sense"),
            ("token-count", lambda f: f.update(num_tokens=1 << 40), AUTHENTICATION, "manifest makes no sense"),
        ):
            yield self.bad(name, flaw, self._with_manifest(name, change), error, message)

    def _with_manifest(self, name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
        """Seal another manifest, and the chunks anew behind it: what a holder of the data key may do."""
        data, key = self._data[name], bytes.fromhex(self._cases[name].key)
        fields = list(SEGMENT_HEADER.unpack(data[: SEGMENT_HEADER.size]))
        cipher, old = Cipher(key), data[: SEGMENT_HEADER.size]
        end, first, table, num_chunks = SEGMENT_HEADER.size + fields[3], fields[8], fields[9], fields[4]
        body = cipher.open(0, data[len(old) : end], old, subject=name)
        length = int.from_bytes(body[:4], "little")
        facts = json.loads(body[4 : 4 + length])
        change(facts)
        text = json.dumps(facts, separators=(",", ":")).encode()
        new_body = struct.pack("<I", len(text)) + text + body[4 + length :]
        moved = -(-(SEGMENT_HEADER.size + len(new_body) + 16) // 64) * 64 - first
        fields[3], fields[8], fields[9], fields[10] = (
            len(new_body) + 16,
            first + moved,
            table + moved,
            fields[10] + moved,
        )
        header = SEGMENT_HEADER.pack(*fields)
        out = bytearray(header + cipher.seal(0, new_body, header))
        roots = (blake3(old + body).digest(), blake3(header + new_body).digest())
        out += bytes(first + moved - len(out))
        at, digests = first, b""
        for index in range(num_chunks):
            (size, _) = DIGEST.unpack_from(data, table + index * DIGEST.size)
            bound = [root + struct.pack("<II", index, num_chunks) for root in roots]
            plain = cipher.open(index + 1, data[at : at + size], bound[0], subject=name)
            sealed = cipher.seal(index + 1, plain, bound[1])
            digests += DIGEST.pack(size, blake3(sealed).digest())
            out += sealed + bytes(-size % 64)
            at += size + -size % 64
        out += digests
        return bytes(out) + envelope.footer([bytes(out)])

    def audits(self) -> Iterator[Bad]:
        """Logs in which something was changed by hand."""
        name = "audit.sqlite"
        for flaw, message, *statements in (
            ("deleted", "was taken away", "DELETE FROM records WHERE seq = 3"),
            ("first-deleted", "was taken away", "DELETE FROM records WHERE seq = 1"),
            ("changed", "record 2: not what was written", "UPDATE records SET outcome = 'hit' WHERE seq = 2"),
            ("tokens", "record 4: not what was written", "UPDATE records SET tokens = 900 WHERE seq = 4"),
            ("principal", "record 1: not what was written", "UPDATE records SET principal = 'bob' WHERE seq = 1"),
            (
                "exchanged",
                "record 2: not what was written, or not at its place",
                "UPDATE records SET seq = 99 WHERE seq = 2",
                "UPDATE records SET seq = 2 WHERE seq = 3",
                "UPDATE records SET seq = 3 WHERE seq = 99",
            ),
        ):
            yield self.bad(name, flaw, self._with_sql(name, *statements), "problem", message)
        kinds = self._with_sql(name, "UPDATE records SET mac = 7 WHERE seq = 2")
        yield self.bad(name, "kinds", kinds, "StoreError", "record 2 is none")
        yield self.bad(name, "key", self._data[name], "problem", "record 1: not what was written", key="0" * 64)
        yield self.bad(name, "no-database", b"no database" * 100, "StoreError", "audit.sqlite")

    def _with_sql(self, name: str, *statements: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(self._data[name])
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                for statement in statements:
                    database.execute(statement)
            return path.read_bytes()

    def stores(self) -> Iterator[Bad]:
        """Store files of another kind."""
        name = "store.toml"
        data = self._data[name]
        yield self.bad(name, "version", data.replace(b"format = 1", b"format = 2"), "UnsupportedFormat", "2")
        for flaw, bytes_ in (
            ("no-id", data.replace(b"id =", b"di =")),
            ("no-toml", b"[["),
            ("no-number", data.replace(b"= 1", b"= []")),
            ("no-hex", data.replace(b"5", b"x")),
        ):
            yield self.bad(name, flaw, bytes_, "IntegrityError", "store.toml")


def changed_text(data: bytes) -> bytes:
    """Change the last digit of the secret in a key file."""
    at = data.index(b"\ncheck ") - 1
    return data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :]


def bad_vectors(data: dict[str, bytes], cases: dict[str, Case]) -> Iterator[Bad]:
    """Make the bad ones out of the good ones."""
    flaws = Flaws(data, cases)
    for make in (
        flaws.sealed,
        flaws.contents,
        flaws.signatures,
        flaws.charters,
        flaws.keys,
        flaws.segments,
        flaws.encoded,
        flaws.audits,
        flaws.stores,
    ):
        yield from make()
