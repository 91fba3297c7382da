"""What was sealed as an entry or a document, and is none, ends in a named error."""

import pytest
from store_makers import make_document, put

from kvprep.errors import AuthenticationFailed
from kvprep.store.entry import document_from_sealed, document_to_facts, entry_from_sealed, entry_to_facts
from kvprep.store.envelope import Sealed
from kvprep.store.namespace import Namespace


def test_an_entry_that_lacks_any_of_its_facts_is_none(ns: Namespace) -> None:
    facts, tail = entry_to_facts(put(ns).entry)
    assert entry_from_sealed(Sealed(facts, tail), subject="file").num_tokens == 200
    for name in facts:
        lacking = {key: value for key, value in facts.items() if key != name}
        with pytest.raises(AuthenticationFailed, match="file: is no entry"):
            entry_from_sealed(Sealed(lacking, tail), subject="file")


def test_an_entry_with_another_number_of_tokens_is_none(ns: Namespace) -> None:
    facts, tail = entry_to_facts(put(ns).entry)
    with pytest.raises(AuthenticationFailed, match="token count differs"):
        entry_from_sealed(Sealed(facts, tail[:-4]), subject="file")


def test_a_document_that_lacks_any_of_its_facts_is_none() -> None:
    facts, tail = document_to_facts(make_document("text"))
    for name in facts:
        lacking = {key: value for key, value in facts.items() if key != name}
        with pytest.raises(AuthenticationFailed, match="file: is no document"):
            document_from_sealed(Sealed(lacking, tail), subject="file")
