"""A look-up gives a hit that may be used, or a miss that says why."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desk import HEAD, Desk, tokens_of

from kvprep.errors import NotFound
from kvprep.prefill.models import ModelSpec, identify
from kvprep.reuse import Hit, Miss, find_document, look_up, look_up_tokens
from kvprep.types import ContentHash, MissReason

IDENTITY_FIELDS = "adapter attention block_size config device dtype engine engine_version rope torch weights".split()


@pytest.fixture
def path(desk: Desk) -> Path:
    """A document that is stored."""
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    return path


def _missed(found: Hit | Miss, reason: MissReason) -> str:
    assert isinstance(found, Miss)
    assert found.reason == reason
    return found.detail


def test_a_stored_document_is_a_hit_of_all_its_tokens(desk: Desk, path: Path) -> None:
    found = desk.hit(path)
    assert found.tokens == found.requested == found.entry.num_tokens > 300
    assert not found.is_partial


def test_another_namespace_misses_by_path_by_id_and_by_tokens(desk: Desk, path: Path) -> None:
    entry = desk.hit(path).entry
    other = desk.store.namespace("other", create=True)
    with pytest.raises(NotFound):
        find_document(other, str(path))
    with pytest.raises(NotFound):
        find_document(other, entry.document.hex())
    _missed(look_up(other, entry.document, entry.model, entry.tags), MissReason.ABSENT)
    prompt = np.concatenate([entry.token_ids, tokens_of("?")])
    _missed(look_up_tokens(other, prompt, entry.model, block_size=64), MissReason.ABSENT)


def test_an_entry_copied_into_another_namespace_misses_there(desk: Desk, path: Path) -> None:
    """A thief with the files and another namespace's key gets nothing."""
    entry = desk.hit(path).entry
    other = desk.store.namespace("other", create=True)
    desk.write("other.txt", HEAD)
    desk.ingest(desk.folder / "other.txt", namespace=other)
    (theirs,) = other.files("entries")
    (ours,) = desk.namespace.files("entries")
    theirs.write_bytes(ours.read_bytes())
    _missed(look_up(other, entry.document, entry.model, entry.tags), MissReason.CORRUPT)


@pytest.mark.parametrize("field", IDENTITY_FIELDS)
def test_a_model_that_differs_in_one_field_misses_and_the_field_is_named(
    make_desk: Callable[..., Desk], field: str
) -> None:
    desk = make_desk()
    path = desk.write("lease.txt", "The yearly rent is 58,140 pounds.")
    desk.ingest()
    entry = desk.hit(path).entry
    assert {name for name, _ in entry.model.fields} == set(IDENTITY_FIELDS)
    other = identify(entry.model.name, {**dict(entry.model.fields), field: "another"})
    assert _missed(look_up(desk.namespace, entry.document, other), MissReason.MISMATCH) == field
    prompt = np.concatenate([entry.token_ids, tokens_of("?")])
    _missed(look_up_tokens(desk.namespace, prompt, other, block_size=64), MissReason.ABSENT)


@pytest.mark.parametrize("field", ["tokenizer", "template", "preamble"])
def test_a_prompt_that_differs_in_one_tag_misses_and_the_tag_is_named(desk: Desk, path: Path, field: str) -> None:
    entry = desk.hit(path).entry
    tags = replace(entry.tags, **{field: "0" * 64})
    found = look_up(desk.namespace, entry.document, entry.model, tags)
    assert _missed(found, MissReason.MISMATCH) == field


def test_a_name_of_the_model_is_no_part_of_what_it_is(desk: Desk, path: Path) -> None:
    entry = desk.hit(path).entry
    renamed = replace(entry.model, name="another/name")
    assert isinstance(look_up(desk.namespace, entry.document, renamed, entry.tags), Hit)


def test_under_two_models_each_hits_its_own(desk: Desk, path: Path) -> None:
    one = desk.hit(path).entry
    desk.ingest(model=ModelSpec(desk.spec.name, "cpu", "bfloat16"))
    spec, desk.spec = desk.spec, ModelSpec(desk.spec.name, "cpu", "bfloat16")
    two = desk.hit(path).entry
    desk.spec = spec
    assert desk.hit(path).entry.stretches == one.stretches != two.stretches


def test_an_edited_source_is_stale(desk: Desk, path: Path) -> None:
    path.write_text(HEAD + "And one clause more.")
    _missed(desk.look_up(path), MissReason.STALE)


def test_an_edit_that_keeps_size_and_time_is_stale(desk: Desk, path: Path) -> None:
    before = path.stat()
    path.write_text(HEAD.replace("thirty", "ninety"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    _missed(desk.look_up(path), MissReason.STALE)


def test_a_source_that_was_touched_and_is_equal_hits(desk: Desk, path: Path) -> None:
    os.utime(path)
    assert isinstance(desk.look_up(path), Hit)


def test_a_source_that_is_replaced_by_an_equal_file_hits(desk: Desk, path: Path) -> None:
    copy = path.with_suffix(".new")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    assert isinstance(desk.look_up(path), Hit)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_source_that_may_not_be_read_is_stale(desk: Desk, path: Path) -> None:
    path.chmod(0)
    _missed(desk.look_up(path), MissReason.STALE)


def test_a_source_that_is_gone_is_stale(desk: Desk, path: Path) -> None:
    path.unlink()
    _missed(desk.look_up(path), MissReason.STALE)


def test_a_path_is_judged_by_itself_and_an_id_by_any_live_source(desk: Desk) -> None:
    one, two = desk.write("one.txt", HEAD), desk.write("two.txt", HEAD)
    desk.ingest()
    one.write_text("Something else.")
    _missed(desk.look_up(one), MissReason.STALE)
    assert isinstance(desk.look_up(two), Hit)
    document = ContentHash(desk.find(two))
    assert isinstance(look_up(desk.namespace, document, desk.files.identity), Hit)
    two.unlink()
    _missed(look_up(desk.namespace, document, desk.files.identity), MissReason.STALE)


def test_tokens_whose_document_is_stale_miss(desk: Desk, path: Path) -> None:
    entry = desk.hit(path).entry
    path.write_text("Something else.")
    prompt = np.concatenate([entry.token_ids, tokens_of("?")])
    _missed(look_up_tokens(desk.namespace, prompt, entry.model, block_size=64), MissReason.STALE)


def test_an_expired_entry_misses_by_document_and_by_tokens(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest(ttl_seconds=-1.0)
    _missed(desk.look_up(path), MissReason.EXPIRED)
    prompt = desk.template.render(HEAD).token_ids
    _missed(look_up_tokens(desk.namespace, prompt, desk.files.identity, block_size=64), MissReason.EXPIRED)


def test_a_removed_entry_is_absent(desk: Desk, path: Path) -> None:
    desk.namespace.remove([ident for ident, _ in desk.namespace.all_entries()])
    _missed(desk.look_up(path), MissReason.ABSENT)


@pytest.mark.parametrize("kind", ["entries", "documents"])
def test_a_damaged_file_is_corrupt(desk: Desk, path: Path, kind: str) -> None:
    document = ContentHash(desk.find(path))
    (file,) = desk.namespace.files(kind)
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    file.write_bytes(data)
    _missed(look_up(desk.namespace, document, desk.files.identity), MissReason.CORRUPT)


def test_a_document_is_found_by_path_by_id_and_by_title(desk: Desk, path: Path) -> None:
    document = desk.find(path)
    record = desk.namespace.document(ContentHash(document))
    assert record is not None
    for name in (str(path), document.hex(), document.hex()[:4], document.hex()[:12].upper(), record.title):
        assert not name or find_document(desk.namespace, name) == document


def test_a_name_that_fits_two_documents_or_none_is_not_found(desk: Desk) -> None:
    desk.write("one.md", "# Lease\n\nOne.")
    desk.write("two.md", "# Lease\n\nTwo.")
    desk.ingest()
    titles = {record.title for _, record in desk.namespace.all_documents()}
    assert titles == {"Lease"}
    with pytest.raises(NotFound, match="2 documents"):
        find_document(desk.namespace, "Lease")
    for name in ("Rent", "abc", str(desk.folder / "three.md")):
        with pytest.raises(NotFound, match="no such document"):
            find_document(desk.namespace, name)
