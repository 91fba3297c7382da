"""What is counted of entries that come and go."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kvprep.store.entry import EntryRecord
from kvprep.store.events import Event, EventKind
from kvprep.store.findings import VerifyReport
from kvprep.types import SegmentId, Severity

if TYPE_CHECKING:
    from kvprep.store.namespace import Namespace
    from kvprep.store.usage import Usage

_KINDS_OF_FILE = ("segments", "entries", "documents", "keys", "namespaces", "index.sqlite", "audit.sqlite")


def write_event(namespace: "Namespace", entry: EntryRecord, computed: int) -> Event:
    """Describe an entry that was stored, of which so many tokens are in no other; their bytes are counted as new."""
    return Event(
        EventKind.WRITE,
        namespace=namespace.ident.hex(),
        model=entry.model.fingerprint.hex(),
        document=namespace.document_id(entry.document).hex(),
        result="stored",
        tokens_requested=entry.num_tokens,
        tokens_reused=entry.num_tokens - computed,
        num_bytes=computed * entry.shape.token_bytes,
        prefill_seconds=entry.cost.seconds * computed / entry.num_tokens,
    )


def invalidation_event(
    namespace: "Namespace", entry: EntryRecord | None, needed_until: Mapping[SegmentId, int], why: str
) -> Event:
    """Describe an entry that was removed.

    Args:
        namespace: it was in.
        entry: None where it did not open.
        needed_until: the end of the blocks that other entries need, for segments of which they need some.
        why: invalidated, superseded, pruned or expired.
    """
    if entry is None:
        return Event(EventKind.INVALIDATION, namespace=namespace.ident.hex(), result=why)
    return Event(
        EventKind.INVALIDATION,
        namespace=namespace.ident.hex(),
        model=entry.model.fingerprint.hex(),
        document=namespace.document_id(entry.document).hex(),
        result=why,
        num_bytes=_own_tokens(entry, needed_until) * entry.shape.token_bytes,
    )


def _own_tokens(entry: EntryRecord, needed_until: Mapping[SegmentId, int]) -> int:
    """Count the tokens in blocks that no other entry needs."""
    own = 0
    for stretch in entry.stretches:
        first = max(stretch.first_block, needed_until.get(stretch.segment, 0))
        own += max(min(stretch.last_block * entry.block_size, entry.num_tokens) - first * entry.block_size, 0)
    return own


def count_verification(usage: "Usage", report: VerifyReport) -> None:
    """Note how a verification ended: well, or how many files of each kind failed, by the kind's name alone."""
    errors = (finding.subject for finding in report.findings if finding.severity is Severity.ERROR)
    failed = Counter(_kind_of_file(subject) for subject in errors)
    for kind, count in failed.items():
        usage.record(Event(EventKind.VERIFICATION, result=kind, count=count))
    if not failed:
        usage.record(Event(EventKind.VERIFICATION, result="ok"))
        usage.succeeded()


def _kind_of_file(subject: str) -> str:
    kind = subject.partition("/")[0]
    return kind if kind in _KINDS_OF_FILE else "other"  # a name that somebody gave a file is none of ours
