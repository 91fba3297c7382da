"""Every deliberate exception, with its exit code and a hint that says what to do."""


class KvprepError(Exception):
    """Something that a user can act on; `hint` says how."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Say what went wrong, path or id first; `hint` is one sentence that says what to do."""
        super().__init__(message)
        self.hint = hint


class ConfigError(KvprepError):
    """A setting, in a flag, the environment or kvprep.toml, makes no sense."""


class NotFound(KvprepError):
    """No document of this namespace answers to the given name."""


class SomeFailed(KvprepError):
    """The work is done, but some sources were skipped or could not be read."""

    exit_code = 3


class StoppedEarly(KvprepError):
    """The time that a run may take is over; what it has done so far is stored."""

    exit_code = 75


class DocumentError(KvprepError):
    """One source could not become a document; `reason` is the outcome's name."""

    reason = "failed"


class UnsupportedDocument(DocumentError):
    """No reader takes this content."""

    reason = "unsupported"


class UnreadableDocument(DocumentError):
    """The content is broken, or over a limit."""

    reason = "broken"


class ProtectedDocument(UnreadableDocument):
    """The content opens with a password only."""

    reason = "password-protected"


class OversizedDocument(UnreadableDocument):
    """The content, or what it unpacks to, is over a limit."""

    reason = "too-large"


class EmptyDocument(DocumentError):
    """Nothing is left after canonicalisation."""

    reason = "empty"


class NeedsOcr(EmptyDocument):
    """Pages are pictures without a text layer."""

    reason = "needs-ocr"


class HiddenText(DocumentError):
    """The content hides text from a human reader, and the policy refuses such documents."""

    reason = "hidden-text"


class ContextTooLong(DocumentError):
    """Prompt, question and answer together exceed the model's positions."""

    reason = "too-long"


class ControlTokens(DocumentError):
    """The text spells one of the model's control tokens, which would let it speak as somebody else."""

    reason = "control-tokens"


class ModelError(KvprepError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """No model is where the name points."""


class ModelNotReady(ModelError):
    """A model is to be downloaded or converted first, and the caller wants neither."""


class TemplateVaries(ModelError):
    """The chat template gives no prefix that is the same for every question."""


class UnsupportedCache(ModelError):
    """The model has a layer whose cache cannot be cut into blocks."""


class StoreError(KvprepError):
    """The store cannot do what was asked."""


class StoreNotFound(StoreError):
    """There is no store at the path."""

    exit_code = 10


class StoreFull(StoreError):
    """The disk, or the byte budget, has no room for what is to be written."""


class Unreadable(StoreError):
    """A file of the store cannot be read: the disk fails, or its permissions forbid it. It may be sound."""


class StoreLocked(StoreError):
    """Another process holds the ingest lease."""

    exit_code = 11


class TryAgainLater(StoreLocked):
    """Another process holds the ingest lease, and the caller chose not to wait."""

    exit_code = 75


class WrongKey(StoreError):
    """No key at hand opens this store or namespace."""

    exit_code = 12


class PolicyDenied(StoreError):
    """The namespace's policy forbids it."""

    exit_code = 13


class UnsupportedFormat(StoreError):
    """The file is of a format version that this kvprep does not understand."""

    exit_code = 14


class IntegrityError(StoreError):
    """Bytes on disk are not what was written."""

    exit_code = 4


class Truncated(IntegrityError):
    """A file is shorter or longer than it says."""


class AuthenticationFailed(IntegrityError):
    """A sealed piece does not open under its key at its place."""


class HashMismatch(IntegrityError):
    """A hash of the content differs from the one on record."""


class UntrustedWriter(IntegrityError):
    """A file of a namespace that wants signatures is not signed by a writer that it trusts."""


class DanglingEntry(IntegrityError):
    """An entry refers to a segment that is not there."""


class EntryGone(StoreError):
    """The entry was removed while it was being read."""

    exit_code = 5


class StaleHit(StoreError):
    """A hit was required, and the entry is stale, expired, or made by another model."""

    exit_code = 5
