"""The parts of a mail: the header of each, and where its bytes lie.

The standard library parses headers. Its parser of whole mails is not used: it recurses into forwarded mails, looks at
every line once for each level, and does not give back the bytes that it was given.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import collapse_rfc2231_value
from typing import TypeAlias

from kvprep.documents.readers.text import decode
from kvprep.errors import OversizedDocument, UnreadableDocument

Head: TypeAlias = "Message[str, str]"

# The first line that is no field, nor goes on with one; mostly the empty line.
_HEAD_END = re.compile(rb"^(?!From |[!-9;-~]*:|[ \t])(?:\r?\n)?", re.MULTILINE)
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_MAX_HEAD_BYTES = 256 * 1024
_MAX_FIELD = 8192
"""Characters of a field with parameters; the standard library takes the square of them in steps."""
_WITH_PARAMETERS = ("Content-Type", "Content-Disposition")
_ENCODED_WORD = r"=\?[\w.*:+-]{1,60}\?[bq]\?[ -~]{0,1000}?\?="
_ENCODED_WORDS = re.compile(rf"{_ENCODED_WORD}(?:\s*{_ENCODED_WORD})*", re.I)
_NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


class _AsIs(Compat32):
    """Gives raw fields; the library's own policies replace what is not ASCII, or fail on it."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Give the field as it stands."""
        return value


_PARSER = BytesParser(policy=_AsIs())


@dataclass(frozen=True, slots=True)
class Part:
    """A header, and where in the mail its body lies."""

    head: Head
    data: bytes
    """The whole mail."""
    start: int
    end: int

    @property
    def content_type(self) -> str:
        """The type in lower case; `text/plain` where none is given."""
        return self.head.get_content_type()

    @property
    def charset(self) -> str:
        """What the header says of the encoding of characters; may be anything."""
        return self.head.get_content_charset("")

    @property
    def raw(self) -> bytes:
        """The body as it stands in the mail."""
        return self.data[self.start : self.end]


def parse(data: bytes, start: int = 0, end: int | None = None) -> Part:
    """Read the header at the beginning of a mail, or of the part of it in `[start, end)`.

    Raises:
        OversizedDocument: the header is over a limit.
    """
    end = len(data) if end is None else end
    found = _HEAD_END.search(data, start, end)
    head_end, body = found.span() if found else (end, end)
    if head_end - start > _MAX_HEAD_BYTES:
        raise OversizedDocument(f"a header of more than {_MAX_HEAD_BYTES} bytes")
    head = _PARSER.parsebytes(_LONE_RETURN.sub(b" ", data[start:head_end]), headersonly=True)
    for name in _WITH_PARAMETERS:
        if len(head.get(name, "")) > _MAX_FIELD:
            head.replace_header(name, head[name][:_MAX_FIELD])
    return Part(head, data, body, end)


def split(part: Part) -> Iterator[Part]:
    """Give the parts of a multipart, in order; none where its boundary is never found.

    What stands before the first boundary and behind the last one is for programs that do not know MIME.
    """
    boundary = part.head.get_boundary("").encode("utf-8", "surrogateescape")
    if not boundary:
        return
    mark = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
    start = None
    for match in mark.finditer(part.data, part.start, part.end):
        if start is not None:
            yield _inner(part, start, max(start, _before_line_break(part.data, match.start())))
        start = match.end()
        if match[1]:
            return
    if start is not None:
        yield _inner(part, start, part.end)


def _inner(outer: Part, start: int, end: int) -> Part:
    inner = parse(outer.data, start, end)
    if outer.content_type == "multipart/digest":
        inner.head.set_default_type("message/rfc822")
    return inner


def _before_line_break(data: bytes, end: int) -> int:
    """Step back over one line break: it belongs to the boundary behind it."""
    if data[end - 1 : end] == b"\n":
        end -= 1
    return end - 1 if data[end - 1 : end] == b"\r" else end


def content(part: Part) -> bytes:
    """Undo the transfer encoding of a part; where it is broken, as far as it goes."""
    encoding = part.head.get("Content-Transfer-Encoding", "").partition(";")[0].strip().lower()
    if encoding == "base64":
        return _from_base64(part.raw)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(part.raw)
    if encoding.removeprefix("x-") in ("uuencode", "uue"):
        return from_uuencode(part.raw)
    return part.raw


def _from_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        digits = data.translate(None, _NO_BASE64)
        whole = digits[:-1] if len(digits) % 4 == 1 else digits
        return binascii.a2b_base64(whole + b"==")


def from_uuencode(data: bytes) -> bytes:
    """Decode uuencoded lines; what is no such line, such as `begin` and `end`, gives nothing."""
    return b"".join(_uuencoded_line(line) for line in data.splitlines())


def _uuencoded_line(line: bytes) -> bytes:
    if line[:6].lower() == b"begin " or line == b"end":
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders leave rubbish behind the bytes that they announce.
        num_chars = ((line[0] - 32 & 63) * 4 + 5) // 3 if line else 0
        with_count = line[:num_chars]
    try:
        return binascii.a2b_uu(with_count)
    except binascii.Error:
        return b""


def field_values(head: Head, name: str) -> list[str]:
    """Give every field of that name as a person sees it: decoded, on one line, with single blanks."""
    return [field_text(value) for value in head.get_all(name, [])]


def field_text(raw: str) -> str:
    """Decode what a field holds: encoded words, and bytes that should not be there.

    Adjacent encoded words are joined before they become characters, since some programs cut within a character.
    """
    on_one_line = " ".join(text_of(raw.encode("utf-8", "surrogateescape")).split())
    return " ".join(_ENCODED_WORDS.sub(_decoded_words, on_one_line).split())


def _decoded_words(match: re.Match[str]) -> str:
    try:
        pieces = decode_header(match.group())
    except (HeaderParseError, ValueError):
        return match.group()
    return "".join(
        piece if isinstance(piece, str) else text_of(piece, (charset or "").partition("*")[0])
        for piece, charset in pieces
    )


def text_of(data: bytes, charset: str = "") -> str:
    """Decode bytes in the encoding that a mail declares, or in one that fits; nothing is refused."""
    try:
        return decode(data, charset)[0]
    except UnreadableDocument:
        return data.decode("cp1252", "replace")


def file_name(part: Part) -> str:
    """Give the name that a part bears as a file; empty where it bears none."""
    for name, field in (("filename", "content-disposition"), ("name", "content-type")):
        value = part.head.get_param(name, "", field)
        if value:
            return field_text(collapse_rfc2231_value(value))
    return ""


def disposition(part: Part) -> str:
    """Give `attachment`, `inline`, or whatever a part says of itself; empty where it says nothing."""
    return part.head.get_content_disposition() or ""
