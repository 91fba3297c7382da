"""docs/format.md is enough to write another reader, so its numbers are those of the code."""

import re
import struct
from pathlib import Path

import pytest

from kvprep.prefill.models import BLOCK_SIZE as ENGINE_BLOCK_SIZE
from kvprep.store import crypto, envelope, keyfile, layout, manifest, segmentheader, slots

FORMAT = (Path(__file__).resolve().parent.parent / "docs" / "format.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d+|…) \| (\d+|body|…|32 each|64 \+ 16 \+ 8) \| (.*) \|$", re.MULTILINE)


def section(title: str) -> str:
    start = FORMAT.index(f"## {title}")
    end = FORMAT.find("\n## ", start + 1)
    return FORMAT[start : end if end >= 0 else None]


def fields(text: str) -> list[tuple[int, int]]:
    """Offset and length of each field of a fixed header."""
    return [(int(at), int(size)) for at, size, _ in ROW.findall(text) if at.isdigit() and size.isdigit()]


def struct_fields(header: struct.Struct) -> list[tuple[int, int]]:
    at, found = 0, []
    for piece in re.findall(r"\d*[a-zA-Z]", header.format.lstrip("<")):
        for code in [piece] if piece[-1] == "s" else [piece[-1]] * int(piece[:-1] or 1):
            found.append((at, struct.calcsize(f"<{code}")))
            at += found[-1][1]
    return found


@pytest.mark.parametrize(("title", "header"), [("Sealed file", envelope.HEADER), ("Segment", segmentheader.HEADER)])
def test_the_fields_of_headers_lie_where_the_document_says(title: str, header: struct.Struct) -> None:
    assert fields(section(title)) == struct_fields(header)
    after = re.search(rf"^\| {header.size} \| (body|…) \|", section(title), re.MULTILINE)
    assert after, "what follows the header begins at its end"


def test_the_footer_is_the_documents() -> None:
    sizes = re.findall(r"^\| … \| (\d+) \|", section("Sealed file"), re.MULTILINE)
    assert [int(size) for size in sizes] == [64, 16, 8]
    assert [size for _, size in struct_fields(envelope.FOOTER)] == [64, 16, 8]


def test_magics_and_version() -> None:
    assert "magic: `kvprep` ‖ 00 ‖ kind letter" in section("Sealed file")
    assert envelope.MAGIC == b"kvprep\0"
    assert segmentheader.SEGMENT_MAGIC == b"kvprep\0s"
    assert FORMAT.startswith(f"# The store's format, version {layout.FORMAT_VERSION}\n")


def test_limits_and_sizes() -> None:
    assert f"At most {envelope.MAX_BODY_BYTES >> 20} MiB" in section("Sealed file")
    assert f"at most {segmentheader.MAX_MANIFEST_BYTES >> 20} MiB" in section("Segment")
    assert f"at most {manifest.CHUNK_BYTES >> 10} KiB" in section("Segment")
    assert f"each at a multiple of {segmentheader.ALIGNMENT}:" in section("Segment")
    assert f"| {segmentheader.DIGEST.size} each |" in section("Segment").replace("| … ", "")
    assert f"A block is {layout.BLOCK_SIZE} consecutive tokens" in section("Identities")
    assert layout.BLOCK_SIZE == ENGINE_BLOCK_SIZE
    assert (crypto.KEY_BYTES, crypto.TAG_BYTES) == (32, 16)


def test_store_toml_and_folders() -> None:
    text = section("Folder")
    assert f'block_size = {layout.BLOCK_SIZE}, cipher = "{layout.CIPHER}"' in text
    for folder in layout.FOLDERS:
        assert f"{folder}/" in text


def test_the_key_files_line() -> None:
    assert "`KVPREP-KEY-1 <64 hex>`" in section("Keys")
    assert keyfile._KEY_FILE.pattern.count(b"KVPREP-KEY-1") == 1


def test_what_opening_with_a_passphrase_costs() -> None:
    exponent = slots.SCRYPT_N.bit_length() - 1
    assert f"N = 2^{exponent}, r = {slots.SCRYPT_R}, p = {slots.SCRYPT_P})" in section("Keys")
    assert (slots.SCRYPT_N, slots.MAX_PASSPHRASE_SLOTS) == (1 << exponent, 8)
    assert "most eight of kind `p`" in section("Keys")
