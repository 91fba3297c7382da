"""A second reader of a store, written from docs/format.md alone: it shares no code with kvprep.

It opens a key file or passphrase, a namespace, its entries and documents, and gives texts and plain keys and values.
Anything that is not as the document says ends in `Refused`. What a machine remembers outside the store, sources and
times to live are not looked at: they are not in the files.
"""

import hashlib
import json
import re
import struct
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEALED_HEADER = struct.Struct("<8sIIQ8s32s32s")
SEGMENT_HEADER = struct.Struct("<8sIIQI4s32s32sQQQ8s")
FOOTER_BYTES = 64 + 16 + 8
WORD_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
Runs = dict[tuple[int, int, int], bytes]
"""The bytes of (layer, keys 0 or values 1, head)."""


class Refused(Exception):
    """Not what the format says."""


def require(condition: object, problem: str) -> None:
    if not condition:
        raise Refused(problem)


def keyed(key: bytes, kind: str, *parts: bytes) -> bytes:
    framed = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    return blake3(b"kvprep " + kind.encode() + b"\0" + framed, key=key).digest()


def derive(key: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), 32, salt, b"kvprep " + purpose.encode()).derive(key)


def opened(key: bytes, number: int, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(number.to_bytes(12, "little"), sealed, associated)
    except InvalidTag as error:
        raise Refused("does not open") from error


def check_signature(publics: set[bytes], message: bytes, signature: bytes) -> None:
    for public in publics:
        with suppress(InvalidSignature, ValueError):
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            return
    raise Refused("signature")


def check_ending(data: bytes) -> None:
    require(len(data) > FOOTER_BYTES, "too short")
    require(int.from_bytes(data[-8:], "little") == len(data), "total length")
    require(xxhash.xxh3_128(data[:-24]).digest() == data[-24:-8], "checksum")
    flags, signature = int.from_bytes(data[12:16], "little"), data[-FOOTER_BYTES:-24]
    require(flags in (0, 1) and bool(flags) == any(signature), "flag and signature disagree")


def split_body(body: bytes) -> tuple[dict[str, Any], bytes]:
    end = 4 + int.from_bytes(body[:4], "little")
    require(4 <= end <= len(body), "body")
    return json.loads(body[4:end]), body[end:]


@dataclass(frozen=True)
class Sealed:
    ident: bytes
    data: bytes
    facts: dict[str, Any]
    tail: bytes

    def check_written_by(self, writers: set[bytes]) -> None:
        require(self.data[12] & 1, "not signed")
        writer = bytes.fromhex(self.facts["writer"])
        require(writer in writers, "writer is not trusted")
        header, body = self.data[: SEALED_HEADER.size], self.data[SEALED_HEADER.size : -FOOTER_BYTES]
        check_signature({writer}, b"kvprep file\0" + header + self.ident + body, self.data[-FOOTER_BYTES:][:64])


def salt_of(data: bytes) -> bytes:
    return data[32:64]


def is_under(key: bytes, kind: str, data: bytes) -> bool:
    return keyed(derive(key, f"file {kind}", salt_of(data)), "commitment") == data[64:96]


def unseal(data: bytes, kind: str, key: bytes, ident: bytes) -> Sealed:
    check_ending(data)
    magic, version, flags, body_bytes, zero, salt, _ = SEALED_HEADER.unpack_from(data)
    require(magic == b"kvprep\0" + kind.encode() and version == 1 and not any(zero), "header")
    require(not flags or kind in ("e", "d", "n"), "signed, though of a kind that never is")
    require(body_bytes <= 64 << 20 and SEALED_HEADER.size + body_bytes + FOOTER_BYTES == len(data), "length")
    require(is_under(key, kind, data), "another key")
    header, body = data[: SEALED_HEADER.size], data[SEALED_HEADER.size : -FOOTER_BYTES]
    facts, tail = split_body(opened(derive(key, f"file {kind}", salt), 0, body, header + ident))
    return Sealed(ident, data, facts, tail)


def key_file_secret(path: Path) -> bytes:
    text = path.read_text("ascii")
    lines = text.splitlines(keepends=True)
    *comments, key, check = lines
    require(all(line.startswith("#") for line in comments), "key file")
    require(check == f"check {blake3(''.join([*comments, key]).encode()).digest()[:4].hex()}\n", "key file's check")
    found = re.fullmatch(r"KVPREP-KEY-1 ([0-9a-f]{64})\n", key)
    require(found, "key file")
    assert found
    return bytes.fromhex(found[1])


class SecondReader:
    """An open store."""

    def __init__(self, path: Path, *, key_file: Path | None = None, passphrase: str | None = None) -> None:
        self.path = path
        toml = (path / "store.toml").read_text()
        require(re.search(r"^format = 1$", toml, re.M), "format version")
        found = re.search(r'^id = "([0-9a-f]{32})"$', toml, re.M)
        require(found, "store.toml")
        assert found
        self.store_id = found[1]
        self.slot = self._slot(key_file, passphrase)
        admins = (self.slot["admin_public"], self.slot.get("former_admin"))
        self.admins = {bytes.fromhex(admin) for admin in admins if admin}

    def _slot(self, key_file: Path | None, passphrase: str | None) -> dict[str, Any]:
        kind = "p" if passphrase is not None else "m"
        for path in sorted((self.path / "keys").iterdir()):
            data = path.read_bytes()
            if data[:8] != b"kvprep\0" + kind.encode():
                continue
            if passphrase is not None:
                text = unicodedata.normalize("NFC", passphrase).encode()
                secret = hashlib.scrypt(text, salt=salt_of(data), n=1 << 17, r=8, p=1, maxmem=256 << 20, dklen=32)
            else:
                assert key_file is not None
                secret = key_file_secret(key_file)
            if is_under(derive(secret, "slot"), kind, data):
                facts = unseal(data, kind, derive(secret, "slot"), bytes.fromhex(path.stem)).facts
                require(facts["store"] == self.store_id, "slot of another store")
                return facts
        raise Refused("no slot opens")

    def namespace(self, name: str) -> "SecondNamespace":
        access = self.slot["access"]
        for single in access.get("namespaces", ()):
            if single["name"] == name:
                return SecondNamespace(self, bytes.fromhex(single["id"]), single)
        require("master" in access, "no such namespace")
        idents = [keyed(bytes.fromhex(key), "namespace", name.encode()) for key in _names(access)]
        there = [ident for ident in idents[:-1] if (self.path / "namespaces" / f"{ident.hex()}.kvn").exists()]
        ident = [*there, idents[-1]][0]
        data = (self.path / "keys" / f"{ident.hex()}.kvk").read_bytes()
        for master in (access["master"], *access["former"]):
            key = derive(bytes.fromhex(master), "namespace keys")
            if is_under(key, "k", data):
                return SecondNamespace(self, ident, unseal(data, "k", key, ident).facts)
        raise Refused("namespace keys are under another master key")


def _names(access: dict[str, str]) -> list[str]:
    """Keys that name namespaces, in the order in which they are tried."""
    return [key for key in (access["former_naming"], access["naming"]) if key]


class SecondNamespace:
    """An open namespace."""

    def __init__(self, store: SecondReader, ident: bytes, keys: dict[str, str]) -> None:
        self.store, self.ident = store, ident
        self.id_key, self.entry_key = bytes.fromhex(keys["id_key"]), bytes.fromhex(keys["entry_key"])
        path = store.path / "namespaces" / f"{ident.hex()}.kvn"
        sealed = unseal(path.read_bytes(), "n", self.entry_key, ident)
        self.facts, self.charter = sealed.facts, json.loads(sealed.facts["charter"])
        self._check_charter()
        self.tombstones = {
            sealed.tail[at : at + 32]: int.from_bytes(sealed.tail[at + 32 : at + 40], "little")
            for at in range(0, len(sealed.tail), 40)
        }
        self.writers: set[bytes] | None = None
        if self.charter["policy"]["trust"] == "signed":
            self.writers = {bytes.fromhex(writer["key"]) for writer in self.charter["writers"]}
            sealed.check_written_by(self.writers | store.admins)

    def _check_charter(self) -> None:
        text = self.facts["charter"]
        message = b"kvprep charter\0" + text.encode()
        check_signature(self.store.admins, message, bytes.fromhex(self.facts["charter_signature"]))
        require(json.dumps(self.charter, sort_keys=True, separators=(",", ":")) == text, "charter's text")
        require(self.charter["namespace"] == self.ident.hex(), "another namespace's charter")

    def _all(self, kind: str) -> Iterator[Sealed]:
        for path in sorted((self.store.path / kind).glob("*/*")):
            data = path.read_bytes()
            if is_under(self.entry_key, kind[0], data):
                sealed = unseal(data, kind[0], self.entry_key, bytes.fromhex(path.stem))
                if self.writers is not None:
                    sealed.check_written_by(self.writers)
                yield sealed

    def documents(self) -> dict[str, str]:
        """Texts by content hash."""
        found = {}
        for sealed in self._all("documents"):
            digest = hashlib.sha256(sealed.tail).digest()
            require(sealed.facts["content_hash"] == digest.hex(), "content hash")
            require(keyed(self.id_key, "document", digest) == sealed.ident, "document id")
            found[digest.hex()] = sealed.tail.decode()
        return found

    def entries(self) -> dict[str, Sealed]:
        """Entries by content hash, those that were removed left out."""
        found = {}
        for sealed in self._all("entries"):
            last = self.block_hashes(sealed.facts, sealed.tail)[-1]
            document = bytes.fromhex(sealed.facts["document"])
            require(keyed(self.id_key, "entry", document, last) == sealed.ident, "entry id")
            require(len(sealed.tail) == 4 * sealed.facts["num_tokens"], "token count")
            if self.tombstones.get(sealed.ident, 0) < sealed.facts["generation"]:
                found[document.hex()] = sealed
        return found

    def block_hashes(self, entry: dict[str, Any], token_ids: bytes) -> list[bytes]:
        fields = json.dumps(entry["model"]["fields"], sort_keys=True, separators=(",", ":")).encode()
        fingerprint = hashlib.sha256(fields).digest()
        require(entry["fingerprint"] == fingerprint.hex(), "fingerprint")
        return hashes_from(keyed(self.id_key, "block root", fingerprint), token_ids, entry["block_size"])

    def load(self, entry: Sealed) -> Runs:
        """Keys and values of a whole entry."""
        runs: Runs = {}
        hashes = self.block_hashes(entry.facts, entry.tail)
        for stretch in entry.facts["stretches"]:
            segment = SecondSegment(self, stretch)
            first, last, size = stretch["first_block"], stretch["last_block"], entry.facts["block_size"]
            manifest = segment.manifest
            require(manifest["namespace"] == self.ident.hex(), "another namespace's segment")
            require(manifest["first_token"] == first * size and manifest["block_size"] == size, "place of the segment")
            for field in ("fingerprint", "shape"):
                require(manifest[field] == entry.facts[field], field)
            require(segment.hashes[: last - first] == hashes[first:last], "block hashes")
            end = min(last * size, entry.facts["num_tokens"]) - first * size
            for place, run in segment.plain().items():
                row = len(run) // manifest["num_tokens"]
                runs[place] = runs.get(place, b"") + run[: end * row]
        return runs


def hashes_from(parent: bytes, token_ids: bytes, block_size: int) -> list[bytes]:
    hashes = []
    for at in range(0, len(token_ids), 4 * block_size):
        parent = blake3(b"kvprep block\0" + parent + token_ids[at : at + 4 * block_size]).digest()
        hashes.append(parent)
    return hashes


class SecondSegment:
    """A segment, opened and checked whole."""

    def __init__(self, namespace: SecondNamespace, stretch: dict[str, Any]) -> None:
        ident, self.key = bytes.fromhex(stretch["segment"]), bytes.fromhex(stretch["key"])
        path = namespace.store.path / "segments" / ident.hex()[:2] / f"{ident.hex()}.kvs"
        self.data = path.read_bytes()
        check_ending(self.data)
        magic, version, _, manifest_bytes, self.num_chunks, zero, name, commitment, first, digests_at, total, zeros = (
            SEGMENT_HEADER.unpack_from(self.data)
        )
        require(magic == b"kvprep\0s" and version == 1 and not any(zero + zeros), "header")
        require(name == ident and total == len(self.data) and manifest_bytes <= (16 << 20) + 16, "header")
        require(commitment == keyed(self.key, "commitment"), "another data key")
        self.header = self.data[: SEGMENT_HEADER.size]
        self.sealed_manifest = self.data[SEGMENT_HEADER.size :][:manifest_bytes]
        self.digests = self.data[digests_at:-FOOTER_BYTES]
        body = opened(self.key, 0, self.sealed_manifest, self.header)
        self.manifest, tail = split_body(body)
        self.root = blake3(self.header + body).digest()
        num_hashes = -(-self.manifest["num_tokens"] // self.manifest["block_size"])
        self.hashes = [tail[at : at + 32] for at in range(0, 32 * num_hashes, 32)]
        parent = bytes.fromhex(self.manifest["parent"])
        require(hashes_from(parent, tail[32 * num_hashes :], self.manifest["block_size"]) == self.hashes, "hashes")
        require(keyed(namespace.id_key, "segment", parent, self.hashes[-1], commitment) == ident, "segment id")
        if namespace.writers is not None:
            self._check_written_by(namespace.writers)
        self._find_chunks(SEGMENT_HEADER.size + manifest_bytes, first, digests_at)

    def _check_written_by(self, writers: set[bytes]) -> None:
        writer = bytes.fromhex(self.manifest["writer"])
        require(self.data[12] & 1 and writer in writers, "writer is not trusted")
        message = b"kvprep segment\0" + self.header + self.sealed_manifest + self.digests
        check_signature({writer}, message, self.data[-FOOTER_BYTES:][:64])

    def _find_chunks(self, end: int, first: int, digests_at: int) -> None:
        self.chunks: list[bytes] = []
        require(len(self.digests) == 40 * self.num_chunks, "digest table")
        for num_bytes, digest in struct.iter_unpack("<Q32s", self.digests):
            start = -(-end // 64) * 64
            require(self.chunks or start == first, "first chunk")
            require(not any(self.data[end:start]), "padding")
            end = start + num_bytes
            require(end <= digests_at, "digest table")
            self.chunks.append(self.data[start:end])
            require(blake3(self.chunks[-1]).digest() == digest, "digest")
        require(-(-end // 64) * 64 == digests_at and not any(self.data[end:digests_at]), "padding")

    def plain(self) -> Runs:
        """Keys and values of its tokens."""
        runs: dict[tuple[int, int, int], list[bytes]] = {}
        number = -1
        for number, (place, num_bytes) in enumerate(self._places()):
            require(number < self.num_chunks, "number of chunks")
            associated = self.root + struct.pack("<II", number, self.num_chunks)
            stored = opened(self.key, number + 1, self.chunks[number], associated)
            runs.setdefault(place, []).append(self._decoded(stored, number, num_bytes))
        require(number + 1 == self.num_chunks, "number of chunks")
        return {place: b"".join(parts) for place, parts in runs.items()}

    def _places(self) -> Iterator[tuple[tuple[int, int, int], int]]:
        num_tokens, group = self.manifest["num_tokens"], self.manifest["chunk_tokens"]
        shape = self.manifest["shape"]
        for start in range(0, num_tokens, group):
            count = min(group, num_tokens - start)
            for layer, (heads, *dims) in enumerate(shape["layers"]):
                for part, dim in enumerate(dims):
                    for head in range(heads):
                        yield (layer, part, head), count * dim * WORD_BYTES[shape["dtype"]]

    def _decoded(self, stored: bytes, number: int, num_bytes: int) -> bytes:
        if self.manifest["codec"] == "none":
            require(len(stored) == num_bytes, "size of a chunk")
            return stored
        require(self.manifest["codec"] == "planes-zstd", "codec")
        require(self.manifest["stored_bytes"][number] == len(stored), "size of a chunk")
        return stored if len(stored) == num_bytes else planes(stored, num_bytes, self.manifest["shape"]["dtype"])


def planes(stored: bytes, num_bytes: int, dtype: str) -> bytes:
    """Undo `planes-zstd`."""
    width = WORD_BYTES[dtype]
    packed_bytes = int.from_bytes(stored[:4], "little")
    packed, rest = stored[4 : 4 + packed_bytes], stored[4 + packed_bytes :]
    count = num_bytes // width
    require(zstandard.frame_content_size(packed) == count and len(rest) == count * (width - 1), "planes")
    high = zstandard.ZstdDecompressor().decompress(packed, max_output_size=count)
    bits, words = 8 * width, bytearray()
    for number in range(count):
        low = rest[number * (width - 1) : (number + 1) * (width - 1)]
        word = int.from_bytes(low + high[number : number + 1], "little")
        words += (word >> 1 | (word & 1) << (bits - 1)).to_bytes(width, "little")
    return bytes(words)
