"""The manifest of a segment: what is written is read back, and what makes no sense is refused by name."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from store_makers import BLOCK, SHAPE, TINY, manifest_of

from kvprep.errors import AuthenticationFailed
from kvprep.store.envelope import parse_body
from kvprep.store.manifest import Manifest, chunks_of, count_chunks, manifest_from_bytes, manifest_to_bytes

ENCODED = replace(manifest_of(70, TINY), codec="planes", stored_bytes=(9, 8, 7, 6), writer=b"w" * 32)


def body_of(manifest: Manifest, **changes: Any) -> bytes:
    """The body of a manifest, some of whose facts are others; None takes one away."""
    opened = parse_body(manifest_to_bytes(manifest), subject="segment")
    facts = {name: value for name, value in (opened.facts | changes).items() if value is not None}
    text = json.dumps(facts).encode()
    return struct.pack("<I", len(text)) + text + opened.tail


def refusal(body: bytes) -> str:
    """What the refusal says, and why."""
    with pytest.raises(AuthenticationFailed) as caught:
        manifest_from_bytes(body, subject="segment")
    return f"{caught.value} ({caught.value.__cause__})"


@pytest.mark.parametrize("manifest", [manifest_of(1, TINY), manifest_of(200, SHAPE, first_block=2), ENCODED])
def test_a_manifest_is_read_back_as_it_was_written(manifest: Manifest) -> None:
    read = manifest_from_bytes(manifest_to_bytes(manifest), subject="segment")
    assert (read.token_ids == manifest.token_ids).all()
    assert replace(read, token_ids=manifest.token_ids) == manifest


def test_a_manifest_is_written_in_this_order_without_blanks() -> None:
    body = manifest_to_bytes(replace(manifest_of(1, TINY), stored_bytes=(9,)))
    opened = parse_body(body, subject="segment")
    sizes, rest = "block_size first_token num_tokens chunk_tokens", "shape codec pieces cost created_at writer"
    assert " ".join(opened.facts) == f"namespace fingerprint parent {sizes} {rest}"
    assert b" " not in body[4 : -len(opened.tail)] and len(opened.tail) == 32 + 4
    assert "stored_bytes" in parse_body(manifest_to_bytes(ENCODED), subject="segment").facts
    with pytest.raises(ValueError, match="JSON compliant"):
        manifest_to_bytes(replace(ENCODED, created_at=float("nan")))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"num_tokens": 0}, "sizes"),
        ({"num_tokens": -70}, "sizes"),
        ({"block_size": 0}, "sizes"),
        ({"block_size": -BLOCK}, "sizes"),
        ({"chunk_tokens": 0}, "sizes"),
        ({"chunk_tokens": -BLOCK}, "sizes"),
        ({"chunk_tokens": BLOCK + 1}, "sizes"),
        ({"first_token": 1}, "sizes"),
        ({"num_tokens": 71}, "tail"),
        ({"num_tokens": 1 << 40}, "tail"),
        ({"block_size": 1, "chunk_tokens": 1}, "tail"),
        ({"writer": None}, "'writer'"),
        ({"codec": None}, "'codec'"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(changes: dict[str, Any], why: str) -> None:
    assert refusal(body_of(manifest_of(70, TINY), **changes)) == f"segment: manifest makes no sense ({why})"


def test_a_body_that_is_none_names_the_segment() -> None:
    assert refusal(b"\1\0").startswith("segment: body makes no sense")


def test_a_manifest_tells_its_chunks_and_what_each_takes() -> None:
    manifest = replace(manifest_of(70, SHAPE, first_block=1), created_at=2.0)
    chunks = chunks_of(manifest)
    assert len(chunks) == count_chunks(manifest) == 2 * 2 * 3
    assert [chunk.place for chunk in chunks[:6]] == [
        (layer, part, head, BLOCK, 2 * BLOCK)
        for layer, heads in ((0, 2), (1, 1))
        for part in (0, 1)
        for head in range(heads)
    ]
    assert [(chunk.start, chunk.end, chunk.num_bytes) for chunk in chunks[-2:]] == [(128, 134, 48), (128, 134, 24)]
    assert not any(chunk.is_encoded for chunk in chunks)
    assert [chunk.stored_bytes for chunk in chunks_of(ENCODED)] == [9, 8, 7, 6]
    assert all(chunk.is_encoded for chunk in chunks_of(replace(ENCODED, stored_bytes=(1,) * 4)))


@pytest.mark.parametrize(
    "change",
    [
        lambda sizes: sizes[:3],
        lambda sizes: (*sizes, 1),
        lambda sizes: (0, *sizes[1:]),
        lambda sizes: (257, *sizes[1:]),
    ],
)
def test_sizes_that_are_not_those_of_the_chunks_are_refused(
    change: Callable[[tuple[int, ...]], tuple[int, ...]],
) -> None:
    largest = tuple(chunk.num_bytes for chunk in chunks_of(manifest_of(70, TINY)))
    assert largest == (256, 256, 24, 24)
    assert not any(chunk.is_encoded for chunk in chunks_of(replace(ENCODED, stored_bytes=largest)))
    with pytest.raises(ValueError, match="^chunk sizes$"):
        chunks_of(replace(ENCODED, stored_bytes=change(largest)))
