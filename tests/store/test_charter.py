import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kvprep.errors import AuthenticationFailed, IntegrityError, PolicyDenied, UntrustedWriter
from kvprep.store import signing
from kvprep.store.charter import Charter, SourceCheck, Trust, TrustedWriter, first_charter, read_charter, sign_charter
from kvprep.store.crypto import new_key
from kvprep.store.holder import Holder
from kvprep.types import NamespaceId

IDENT = NamespaceId(b"n" * 32)
SEED = new_key()
ADMIN = Holder(b"s" * 32, "Zoë", signing.public_key(SEED), new_key(), new_key(), SEED)
WRITER = replace(ADMIN, admin_seed=b"", writer_seed=new_key())
READER = replace(ADMIN, admin_seed=b"", writer_seed=b"")


def charter(trust: Trust = Trust.SIGNED) -> Charter:
    return first_charter(ADMIN, IDENT, name="n", trust=trust, source_check=SourceCheck.STAT)


def read(text: str, signature: bytes, admin: bytes = ADMIN.admin_public, ident: NamespaceId = IDENT) -> Charter:
    return read_charter(text, signature, admin, ident, subject="file")


def signed(text: str) -> bytes:
    return signing.Signer(SEED).sign(signing.CHARTER + text.encode())


def test_a_charter_reads_back_as_it_was_signed_and_trusts_its_maker() -> None:
    made = charter()
    assert read(made.text, made.signature) == made
    assert made.trusted == {signing.public_key(ADMIN.writer_seed)}
    assert charter(Trust.AEAD).trusted is None


def test_its_text_is_the_documents() -> None:
    writers = (TrustedWriter("Zoë", b"\1" * 32),)
    text = Charter(IDENT, 7, Trust.SIGNED, SourceCheck.TTL_ONLY, writers).text
    assert text == (
        '{"namespace":"' + "6e" * 32 + '","policy":{"source_check":"ttl-only","trust":"signed"},"version":7,'
        '"writers":[{"key":"' + "01" * 32 + '","label":"Zo\\u00eb"}]}'
    )


def test_another_signature_admin_or_namespace_is_refused() -> None:
    made = charter()
    for at in range(64):
        flipped = bytes(b ^ (1 << at % 8) * (i == at) for i, b in enumerate(made.signature))
        with pytest.raises(UntrustedWriter, match="admin"):
            read(made.text, flipped)
    with pytest.raises(UntrustedWriter):
        read(made.text, made.signature[:-1])
    with pytest.raises(UntrustedWriter):
        read(made.text, made.signature, admin=signing.public_key(new_key()))
    with pytest.raises(UntrustedWriter):
        read(made.text, made.signature, admin=b"")
    with pytest.raises(AuthenticationFailed):
        read(made.text, made.signature, ident=NamespaceId(b"o" * 32))


def test_a_signature_of_another_kind_of_message_does_not_count() -> None:
    text = charter().text
    with pytest.raises(UntrustedWriter):
        read(text, signing.Signer(SEED).sign(signing.FILE + text.encode()))
    with pytest.raises(UntrustedWriter):
        read(text, signing.Signer(SEED).sign(text.encode()))


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown trust": lambda facts: facts["policy"].update(trust="all"),
    "no trust": lambda facts: facts["policy"].pop("trust"),
    "unknown source check": lambda facts: facts["policy"].update(source_check=["stat"]),
    "short key": lambda facts: facts["writers"][0].update(key="ab"),
    "capitals": lambda facts: facts["writers"][0].update(key=facts["writers"][0]["key"].upper()),
    "one field more": lambda facts: facts.update(more=1),
    "version as text": lambda facts: facts.update(version="1"),
    "writers as text": lambda facts: facts.update(writers="ab"),
    "policy as list": lambda facts: facts.update(policy=[]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_makes_no_sense_is_refused_though_the_admin_signed_it(change: Callable[[dict[str, Any]], object]) -> None:
    facts = json.loads(replace(charter(), writers=(TrustedWriter("", b"\xab" * 32),)).text)
    change(facts)
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    with pytest.raises(IntegrityError, match="makes no sense"):
        read(text, signed(text))


def test_another_text_of_the_same_meaning_is_refused() -> None:
    text = charter().text
    for other in (text.replace(",", ", "), " " + text, "[" * 100_000, "null", "[]"):
        with pytest.raises(IntegrityError, match="makes no sense"):
            read(other, signed(other))


def test_trust_is_given_renamed_and_taken() -> None:
    one, two = TrustedWriter("one", b"1" * 32), TrustedWriter("two", b"2" * 32)
    made = replace(charter(), writers=()).trusting([one, two])
    assert made.writers == (one, two)
    assert made.trusting([replace(one, label="uno")]).writers == (replace(one, label="uno"), two)
    assert made.without([b"1" * 32, b"3" * 32]).writers == (two,)


def test_who_may_write() -> None:
    made = charter()
    made.check_may_write(ADMIN, name="n")
    with pytest.raises(PolicyDenied, match="signs nothing"):
        made.check_may_write(READER, name="n")
    with pytest.raises(PolicyDenied, match="does not trust") as denied:
        made.check_may_write(WRITER, name="n")
    assert signing.public_key(WRITER.writer_seed).hex() in denied.value.hint
    made.trusting([TrustedWriter("", signing.public_key(WRITER.writer_seed))]).check_may_write(WRITER, name="n")
    for holder in (READER, WRITER):
        charter(Trust.AEAD).check_may_write(holder, name="n")
        with pytest.raises(PolicyDenied):
            sign_charter(holder, made, name="n")
        with pytest.raises(PolicyDenied):
            first_charter(holder, IDENT, name="n", trust=Trust.AEAD, source_check=SourceCheck.STAT)
