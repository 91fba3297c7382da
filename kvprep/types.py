"""The vocabulary: frozen records and named kinds of bytes, known to every stage."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ContentHash = NewType("ContentHash", bytes)
DriftHash = NewType("DriftHash", bytes)
BlockHash = NewType("BlockHash", bytes)
Fingerprint = NewType("Fingerprint", bytes)
DocumentId = NewType("DocumentId", bytes)
EntryId = NewType("EntryId", bytes)
SegmentId = NewType("SegmentId", bytes)
NamespaceId = NewType("NamespaceId", bytes)

if TYPE_CHECKING:
    TokenIds = NDArray[np.uint32]
else:
    # Importing numpy takes as long as a whole ingest in which nothing is new.
    TokenIds = Any
Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source looked like when it was read."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: bytes
    """SHA-256 of the bytes."""
    read_at_ns: int
    """Wall clock at the moment of the read. A file written less than two seconds before it is hashed again."""


@dataclass(frozen=True, slots=True)
class TextFinding:
    """Something that normalising did to a document, or saw in it, and that its reader should know."""

    kind: str
    """For example `running-lines`, `hidden-text`, `line-end-hyphens`."""
    count: int
    where: str
    """Page or part; never the text itself."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a file: an attachment of a mail, a file embedded in a PDF."""

    name: str
    """As its container calls it, without folders and control characters; unique within its container."""
    num_bytes: int
    data: bytes = field(default=b"", repr=False)
    """Given where the member is to be read as a document of its own; else it is only listed."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A file, or a file inside a file, that shows a document: as it was when it was read, and what reading it said."""

    path: str
    """The file's path; for a member with its own path behind it: `/docs/mail.eml/invoice.pdf`."""
    state: SourceState
    """Of the file."""
    canonicaliser: str
    """What read it; another one might make another text of it, or read more of what is inside it."""
    member: str = ""
    """Its path within its file, the end of `path`; empty for the file itself."""
    findings: tuple[TextFinding, ...] = ()
    hides_text: bool = False
    """Whether the findings tell of text that is hidden from a human reader."""
    members: tuple[Member, ...] = ()
    """Files inside it, without their bytes."""
    documents_inside: tuple[str, ...] = ()
    """Of a file: the paths within it, at all depths, of what should be documents of their own."""

    @property
    def file(self) -> str:
        """Path of the file."""
        return self.path.removesuffix(f"/{self.member}") if self.member else self.path

    @property
    def container(self) -> str:
        """Path of the source that it is directly inside of; empty for a file."""
        return self.path.rpartition("/")[0] if self.member else ""


@dataclass(frozen=True, slots=True)
class CanonicalDocument:
    """What normalise gives: one text, and where it came from."""

    text: str
    content_hash: ContentHash
    drift_hash: DriftHash
    title: str
    reader: str
    """Name and version of the reader and the library below it: `pdf (pypdfium2 5.15.2)`."""
    canonicaliser: str
    """Versions of rules, Unicode, reader and libraries; provenance, not identity."""
    findings: tuple[TextFinding, ...] = ()
    members: tuple[Member, ...] = ()
    """What the source contains beside its own text; no part of the document's identity."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source that became no document. `failed` tells damage from what is merely not for us."""

    reason: str
    message: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A document in its chat template, as tokens, cut where no continuation can change them."""

    text: str = field(repr=False)
    """What a client must send, character for character, before its question; exactly the text of the tokens."""
    token_ids: TokenIds = field(repr=False)
    """Shape (num_tokens,); the stable prefix."""
    document: str = field(default="", repr=False)
    """The canonical text that it was made from. Its last characters may lie behind the cut."""


@dataclass(frozen=True, slots=True)
class PromptTags:
    """What shapes the tokens, beside the model that shapes the numbers."""

    tokenizer: str
    template: str
    preamble: str
    """Each the hex of a SHA-256."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Keys and values of one layer: (num_kv_heads, seq_len, key_dim) and (num_kv_heads, seq_len, value_dim)."""

    num_kv_heads: int
    key_dim: int
    value_dim: int


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Shape of a model's KV cache, layer by layer."""

    layers: tuple[LayerShape, ...]
    dtype: str
    """`bfloat16`, `float16` or `float32`."""

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return 4 if self.dtype == "float32" else 2

    @property
    def token_bytes(self) -> int:
        """Bytes of keys and values of one token over all layers."""
        return sum(s.num_kv_heads * (s.key_dim + s.value_dim) for s in self.layers) * self.itemsize


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Everything that shapes the numbers of a KV cache, field by field, so that a mismatch can name its field."""

    name: str
    """What a person calls the model; for display only, no part of the fingerprint."""
    fields: tuple[tuple[str, str], ...]
    """Sorted pairs: adapter, attention, block_size, config, device, dtype, engine, engine_version, rope, torch,
    weights."""
    fingerprint: Fingerprint

    def differs_from(self, other: "ModelIdentity") -> tuple[str, ...]:
        """Name the fields, sorted, in which two identities differ or that only one of them has."""
        return tuple(sorted({name for name, _ in set(self.fields) ^ set(other.fields)}))


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens [start, end) went through the model in one forward pass."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PrefillCost:
    """What computing a stretch cost."""

    tokens: int
    seconds: float
    flops: float

    def __add__(self, other: "PrefillCost") -> "PrefillCost":
        """Add two costs."""
        return PrefillCost(self.tokens + other.tokens, self.seconds + other.seconds, self.flops + other.flops)


class MissReason(StrEnum):
    """Why a look-up gave nothing."""

    ABSENT = "absent"
    STALE = "stale"
    EXPIRED = "expired"
    MISMATCH = "mismatch"
    DENIED = "denied"
    CORRUPT = "corrupt"


class Severity(StrEnum):
    """How bad a finding of verify is."""

    INFO = "info"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that verify found."""

    severity: Severity
    subject: str
    """The file, relative to the store."""
    problem: str
    remedy: str


class Outcome(StrEnum):
    """What became of one source in an ingest."""

    INGESTED = "ingested"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    DEFERRED = "deferred"
    """Known, and not computed: not worth it so far."""
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source as found: read once."""

    path: Path
    data: bytes = field(repr=False)
    state: SourceState


@dataclass(frozen=True, slots=True)
class IngestItem:
    """One line of an ingest's report."""

    source: str
    outcome: Outcome
    document: str = ""
    """Hex of the content hash."""
    reason: str = ""
    tokens: int = 0
    computed: int = 0
