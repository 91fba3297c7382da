"""Mail: who wrote to whom, when and about what, then the text; attachments are documents of their own."""

import mimetypes
import platform
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from kvprep.documents.base import Block, Extracted, Kind, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.members import member_name
from kvprep.documents.readers.html import html_blocks
from kvprep.documents.readers.mailtext import join_flowed, take_files_out
from kvprep.documents.readers.mime import (
    Part,
    content,
    disposition,
    field_values,
    file_name,
    parse,
    split,
    text_of,
)
from kvprep.documents.signs import wide_encoding
from kvprep.errors import DocumentError, OversizedDocument, ProtectedDocument
from kvprep.types import Member, TextFinding

ALTERNATIVES_DIFFER = "alternatives-differ"
"""Kind of a finding: words of the plain text that the HTML beside it does not have."""

_FIELDS = ("From", "To", "Cc", "Date", "Subject")
_FORWARDED = ("message/rfc822", "message/global")
_ENCRYPTED = re.compile("enveloped-data|authenveloped-data", re.I)
_PGP_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_ENCRYPTED_MESSAGE = "encrypted for its recipient"
_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# Nothing that anybody reads: signatures, keys, Outlook's wrapper, reports between machines, sound and film.
_LISTED_ONLY = re.compile(
    r"application/(?:pgp-(?:signature|keys)|(?:x-)?pkcs7-(?:signature|mime)|(?:vnd\.)?ms-tnef|applefile)|"
    r"message/(?!rfc822|global$).*|(?:audio|video|font)/.*|text/(?:calendar|vcard|x-vcard|directory|rfc822-headers)"
)
_SMALL_PICTURE_BYTES = 64 * 1024
_MAX_PARTS = 2000
_MAX_DEPTH = 30
_MAX_WRITTEN_FILES = 100
_ADDRESS = re.compile(r"(?<!\S)\S+(?:://|@)\S+")  # from where it begins on, not from each character of what is none
_WORD = re.compile(r"[^\W\d_]{3,}")
_MIN_STRANGE_WORDS = 10
_STRANGE_SHARE = 0.3


@dataclass
class _Said:
    """What a part says: text, and what HTML hides in it."""

    blocks: list[Block] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)

    def add(self, other: "_Said") -> None:
        self.blocks += other.blocks
        self.hidden += other.hidden

    @property
    def num_words(self) -> int:
        return sum(len(block.text.split()) for block in self.blocks)


class MailReader:
    """Reads mail as it is sent and saved (EML)."""

    name = Kind.MAIL.value

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read the header lines that a person reads, and the text.

        Raises:
            ProtectedDocument: it is encrypted for its recipient.
            UnreadableDocument: the text is HTML only, and broken.
            OversizedDocument: parts or their depth are over a limit.
        """
        mail = parse(_eight_bit(data))
        letter = _Letter()
        said = letter.take(mail)
        fields = [f"{name}: {value}" for name in _FIELDS for value in field_values(mail.head, name)]
        return Extracted(
            (*([Block("\n".join(fields))] if fields else []), *said.blocks),
            next(iter(field_values(mail.head, "Subject")), ""),
            (*text_findings(said.hidden), *letter.findings),
            f"{self.name} (Python {platform.python_version()}, lxml {version('lxml')})",
            tuple(letter.members),
        )


def _eight_bit(data: bytes) -> bytes:
    """Bring a mail that was saved as UTF-16 text back to bytes that mail is made of."""
    if wide_encoding(data) or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = text_of(data).encode()
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")


class _Letter:
    """Goes through the parts of one mail."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.findings: list[TextFinding] = []
        self._names: set[str] = set()
        self._num_parts = 0
        self._num_forwarded = 0

    def take(self, part: Part, depth: int = 0, *, attached: bool = False) -> _Said:
        """Give what a part says; what is a file becomes a member, and says nothing.

        `attached`: the part stands beside a text that it belongs to, so it is no text itself.
        """
        self._num_parts += 1
        if self._num_parts > _MAX_PARTS or depth > _MAX_DEPTH:
            raise OversizedDocument(f"more than {_MAX_PARTS} parts, or {_MAX_DEPTH} of them in one another")
        _refuse_encrypted(part)
        if part.head.get_content_maintype() == "multipart":
            parts = split(part)
            first = next(parts, None)
            return self._take_text(part) if first is None else self._take_parts(part, first, parts, depth)
        if attached or _is_file(part, is_root=depth == 0):
            self._attach(part)
            return _Said()
        return self._take_text(part)

    def _take_parts(self, whole: Part, first: Part, others: Iterator[Part], depth: int) -> _Said:
        if whole.content_type == "multipart/alternative":
            return self._take_alternatives([first, *others], depth)
        # The first of related parts is the text that shows the others; of signed ones, what is signed.
        beside_text = whole.content_type in ("multipart/related", "multipart/signed")
        said = self.take(first, depth + 1)
        for part in others:
            said.add(self.take(part, depth + 1, attached=beside_text))
        return said

    def _take_alternatives(self, parts: Sequence[Part], depth: int) -> _Said:
        """Choose the plain text, or the richest other text where the plain one only stands in for it."""
        plain, rich, broken = _Said(), _Said(), None
        for part in parts:
            try:
                said = self.take(part, depth + 1)
            except DocumentError as error:
                if self._num_parts > _MAX_PARTS:
                    raise
                broken = error
                continue
            if part.content_type == "text/plain":
                plain = plain if plain.num_words else said
            elif said.num_words:
                rich = said
        if broken and not plain.num_words and not rich.num_words:
            raise broken
        if 2 * plain.num_words < rich.num_words or not plain.num_words:
            return rich
        self.findings += _difference(plain, rich)
        return plain

    def _take_text(self, part: Part) -> _Said:
        if part.content_type == "text/html":
            data = content(part)
            page = html_blocks(text_of(data, part.charset) if part.charset else data)
            return _Said(list(page.blocks), page.hidden)
        text = text_of(content(part), part.charset).replace("\r\n", "\n")
        if text.lstrip().startswith(_PGP_ARMOUR):
            raise ProtectedDocument(_ENCRYPTED_MESSAGE)
        if part.head.get_param("format", "") == "flowed":
            text = join_flowed(text, delete_space=str(part.head.get_param("delsp", "")).lower() == "yes")
        text, files = take_files_out(text)
        for name, data in files[:_MAX_WRITTEN_FILES]:
            self._add_member(name, data, is_read=True)
        return _Said([Block(text)] if text.strip() else [])

    def _attach(self, part: Part) -> None:
        data, name = content(part), file_name(part)
        if part.content_type in _FORWARDED:
            self._num_forwarded += 1
            name = name or f"message-{self._num_forwarded}"
            name = name if name.lower().endswith(".eml") else f"{name}.eml"
        self._add_member(name or _made_up_name(part, len(self.members) + 1), data, is_read=_is_read(part, name, data))

    def _add_member(self, name: str, data: bytes, *, is_read: bool) -> None:
        name = member_name(name, self._names)
        self._names.add(name)
        self.members.append(Member(name, len(data), data if is_read else b""))


def _refuse_encrypted(part: Part) -> None:
    is_sealed = part.content_type in _PKCS7 and _ENCRYPTED.search(str(part.head.get_param("smime-type", "")))
    if part.content_type == "multipart/encrypted" or is_sealed:
        raise ProtectedDocument(_ENCRYPTED_MESSAGE)


def _is_file(part: Part, *, is_root: bool) -> bool:
    """A text is a file where it says so, or bears a name and is not all there is."""
    if part.head.get_content_maintype() != "text" or _LISTED_ONLY.fullmatch(part.content_type):
        return True
    return disposition(part) == "attachment" or (bool(file_name(part)) and not is_root)


def _is_read(part: Part, name: str, data: bytes) -> bool:
    """Tell a document of its own from what is listed only."""
    if _LISTED_ONLY.fullmatch(part.content_type) or name.lower() == "winmail.dat":
        return False
    is_inline = disposition(part) != "attachment" or "Content-ID" in part.head
    is_ornament = part.head.get_content_maintype() == "image" and is_inline and len(data) < _SMALL_PICTURE_BYTES
    return not is_ornament


def _made_up_name(part: Part, number: int) -> str:
    # The table of the library itself, not of the machine: names are the same everywhere.
    suffix = mimetypes.MimeTypes().guess_extension(part.content_type) or ""
    return f"part-{number}{suffix}"


def _difference(plain: _Said, rich: _Said) -> list[TextFinding]:
    """Report a plain text that does not say what the HTML beside it shows: most programs show the HTML."""
    words, shown = _words(plain), _words(rich)
    strange = len(words - shown)
    if not shown or strange < _MIN_STRANGE_WORDS or strange < _STRANGE_SHARE * len(words):
        return []
    return [TextFinding(ALTERNATIVES_DIFFER, strange, "plain text")]


def _words(said: _Said) -> set[str]:
    return {word.casefold() for block in said.blocks for word in _WORD.findall(_ADDRESS.sub(" ", block.text))}
