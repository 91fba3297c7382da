import pytest

from kvprep.errors import UntrustedWriter
from kvprep.store.signing import Signer, check_signed, check_writer, public_key, signer_of

SIGNER, OTHER = Signer(b"s" * 32), Signer(b"o" * 32)
MESSAGE = b"message"
SIGNATURE = SIGNER.sign(MESSAGE)


def refusal(writer: bytes, trusted: list[bytes], signature: bytes = SIGNATURE) -> str:
    with pytest.raises(UntrustedWriter) as caught:
        check_writer(writer, MESSAGE, signature, trusted, subject="file")
    assert caught.value.hint == (
        "Ingest the document again with a key that the namespace trusts; `kvprep namespace list` names those."
    )
    return str(caught.value)


def test_a_signature_is_good_under_one_of_the_keys_wherever_it_stands() -> None:
    keys = [b"\xff" * 32, b"short", OTHER.public, SIGNER.public]
    assert check_signed(MESSAGE, SIGNATURE, keys, subject="file") == SIGNER.public


def test_every_refusal_names_the_file_and_says_what_is_wrong() -> None:
    assert refusal(b"", [SIGNER.public]) == "file: is not signed"
    assert refusal(OTHER.public, [SIGNER.public]) == "file: names a writer that the namespace does not trust"
    unsigned = "file: was signed by none of the writers that may have"
    assert refusal(OTHER.public, [OTHER.public]) == unsigned
    assert refusal(SIGNER.public, [SIGNER.public], bytes(64)) == unsigned
    check_writer(SIGNER.public, MESSAGE, SIGNATURE, [OTHER.public, SIGNER.public], subject="file")


def test_a_signer_has_the_public_key_of_its_private_one() -> None:
    assert SIGNER.public == public_key(b"s" * 32)
    found = signer_of(b"s" * 32)
    assert found is not None and found.public == SIGNER.public
    assert signer_of(b"") is None
