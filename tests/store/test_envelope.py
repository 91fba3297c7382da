import tracemalloc
from pathlib import Path

import pytest
from store_makers import flipped, with_new_footer

from kvprep.errors import (
    AuthenticationFailed,
    HashMismatch,
    IntegrityError,
    StoreError,
    Truncated,
    UnsupportedFormat,
    WrongKey,
)
from kvprep.store import envelope
from kvprep.store.signing import Signer

KEY, IDENT = b"k" * 32, b"i" * 32
FACTS = {"text": "Zürich", "number": 1.5, "list": [1, None]}
SEALED = envelope.seal("e", KEY, IDENT, FACTS, b"tail")


def unseal(data: bytes, kind: str = "e", key: bytes = KEY, ident: bytes = IDENT) -> envelope.Sealed:
    return envelope.unseal(data, kind, key, ident, subject="file")


def test_what_is_sealed_is_what_opens() -> None:
    opened = unseal(SEALED)
    assert (opened.facts, opened.tail) == (FACTS, b"tail")


def test_no_two_seals_are_alike() -> None:
    again = envelope.seal("e", KEY, IDENT, FACTS, b"tail")
    assert again[:32] == SEALED[:32]
    assert again[32:] != SEALED[32:]


def test_nothing_of_the_content_shows() -> None:
    assert b"rich" not in SEALED
    assert b"tail" not in SEALED


def test_every_flipped_bit_is_damage() -> None:
    for at in range(len(SEALED)):
        for bit in range(8):
            with pytest.raises(IntegrityError):
                unseal(flipped(SEALED, at, bit))


def test_every_flipped_bit_is_refused_though_the_checksum_is_mended() -> None:
    for at in range(len(SEALED) - envelope.FOOTER.size):
        for bit in range(8):
            with pytest.raises(StoreError):
                unseal(with_new_footer(flipped(SEALED, at, bit)))


def test_every_shorter_or_longer_file_is_refused() -> None:
    for length in range(len(SEALED)):
        with pytest.raises(IntegrityError):
            unseal(SEALED[:length])
    with pytest.raises(Truncated):
        unseal(SEALED + b"\0")


def test_a_cut_body_with_a_mended_footer_is_truncated() -> None:
    body = SEALED[: -envelope.FOOTER.size]
    for cut in (1, 16, len(body) - envelope.HEADER.size):
        with pytest.raises(Truncated):
            unseal(body[:-cut] + envelope.footer([body[:-cut]]))


def test_another_name_kind_or_key_does_not_open_it() -> None:
    with pytest.raises(AuthenticationFailed):
        unseal(SEALED, ident=b"j" * 32)
    with pytest.raises(IntegrityError):
        unseal(SEALED, kind="d")
    with pytest.raises(WrongKey):
        unseal(SEALED, key=b"l" * 32)


def test_a_newer_version_is_named_as_such() -> None:
    newer = with_new_footer(SEALED[:8] + b"\2\0\0\0" + SEALED[12:])
    with pytest.raises(UnsupportedFormat):
        unseal(newer)


def test_damage_is_told_from_a_wrong_key() -> None:
    with pytest.raises(HashMismatch):
        unseal(flipped(SEALED, 70, 0), key=b"l" * 32)


@pytest.mark.parametrize(
    "body", [b"", b"\1\0\0", b"\5\0\0\0{}", b"\2\0\0\0[]", b"\1\0\0\0{", b"\xff\xff\xff\xff{}", b"\2\0\0\0\xff\xff"]
)
def test_a_body_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        envelope.parse_body(body, subject="file")


def test_a_deeply_nested_body_is_refused() -> None:
    text = b"[" * 200_000
    with pytest.raises(AuthenticationFailed):
        envelope.parse_body(len(text).to_bytes(4, "little") + text, subject="file")


def test_the_smallest_file_that_may_be_has_an_empty_body() -> None:
    smallest = envelope.HEADER.size + envelope.TAG_BYTES + envelope.FOOTER.size
    header = envelope.HEADER.pack(envelope.MAGIC + b"e", envelope.FORMAT_VERSION, 0, 16, 0, KEY, KEY)
    envelope.check_header(header, smallest, "e", subject="file")
    with pytest.raises(Truncated, match=f"^file: only {smallest - 1} bytes$"):
        envelope.check_header(header, smallest - 1, "e", subject="file")
    with pytest.raises(Truncated, match="^file: 20 bytes where its header says|^file: only 20 bytes$"):
        envelope.check_header(header, 20, "e", subject="file")


def header_refusal(kind: str, *, version: int = 1, flags: int = 0, body: int = 16, zero: int = 0) -> str:
    """What is said of a header without a key; nothing where it may be so. The file is one byte longer than it says."""
    header = envelope.HEADER.pack(envelope.MAGIC + kind.encode(), version, flags, body, zero, KEY, KEY)
    size = envelope.HEADER.size + envelope.FOOTER.size + body
    longer = f"file: {size + 1} bytes where its header says {size}"
    with pytest.raises(StoreError) as caught:
        envelope.check_header(header, size + 1, kind, subject="file")
    return "" if str(caught.value) == longer else str(caught.value)


def test_a_header_may_say_what_its_kind_may_be() -> None:
    nonsense = "file: header makes no sense"
    assert header_refusal("e", flags=envelope.SIGNED) == header_refusal("e") == header_refusal("k") == ""
    assert header_refusal("e", body=envelope.MAX_BODY_BYTES) == ""
    assert header_refusal("e", body=envelope.MAX_BODY_BYTES + 1) == nonsense
    assert header_refusal("e", zero=1) == header_refusal("e", flags=2) == nonsense
    assert {header_refusal(kind, flags=envelope.SIGNED) for kind in "kmpl"} == {nonsense}
    assert header_refusal("e", version=2) == "file: format version 2; this kvprep knows 1"


def test_a_refusal_to_open_names_the_file_and_what_to_do() -> None:
    for data, message in ((SEALED[:-1], "file: "), (with_new_footer(b"x" + SEALED[1:]), "file: not a file of this")):
        with pytest.raises(IntegrityError, match=f"^{message}"):
            unseal(data)
    with pytest.raises(AuthenticationFailed, match="^file: does not authenticate$") as moved:
        unseal(SEALED, ident=b"j" * 32)
    assert moved.value.hint == "Run `kvprep verify`; ingest the document again to replace it."
    with pytest.raises(WrongKey, match="^file: sealed under another key$") as foreign:
        unseal(SEALED, key=b"l" * 32)
    assert foreign.value.hint == "Name the right key file with KVPREP_KEY_FILE."
    with pytest.raises(UnsupportedFormat) as newer:
        envelope.check_version(2, subject="file")
    assert newer.value.hint == "Use the kvprep that wrote it."


def test_the_salt_is_told_without_a_key() -> None:
    sealed = envelope.seal("e", KEY, IDENT, FACTS, salt=b"s" * 32)
    assert envelope.salt_of(sealed) == b"s" * 32
    assert len(envelope.salt_of(SEALED)) == 32


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert envelope.read_limited(path, subject="file", limit=100) == b"x" * 100
    with pytest.raises(IntegrityError, match="^file: larger than any file of its kind may be$"):
        envelope.read_limited(path, subject="file", limit=99)


def test_a_file_beyond_its_limit_takes_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(1 << 30)  # takes no space on the disk
    tracemalloc.start()
    with pytest.raises(IntegrityError):
        envelope.read_limited(path, subject="file", limit=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_every_refusal_of_a_signature_names_the_file() -> None:
    signer = Signer(KEY)
    signed = envelope.seal("e", KEY, IDENT, FACTS, signer=signer)
    assert envelope.check_signature(signed, [b"x" * 32, signer.public], IDENT, subject="file") == signer.public
    cases = [
        (signed, [], "file: was signed by none of the writers that may have"),
        (SEALED, [signer.public], "file: is not signed"),
        (signed[:-1], [signer.public], "file: "),
        (signed[:50], [signer.public], "file: only 50 bytes"),
    ]
    for data, publics, message in cases:
        with pytest.raises(IntegrityError, match=f"^{message}"):
            envelope.check_signature(data, publics, IDENT, subject="file")


def test_a_file_without_a_tail_holds_its_facts_alone() -> None:
    assert unseal(envelope.seal("e", KEY, IDENT, FACTS)) == envelope.Sealed(FACTS, b"")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        envelope.seal("e", KEY, IDENT, {"number": number})
