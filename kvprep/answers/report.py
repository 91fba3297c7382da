"""What one answer took."""

from dataclasses import dataclass, field

from kvprep.reuse.served import Served
from kvprep.store.namespace import Namespace
from kvprep.store.usage import Event, EventKind
from kvprep.types import ContentHash, MissReason, ModelIdentity


@dataclass
class AnswerReport:
    """What one answer took."""

    question: str
    document: ContentHash | None = None
    """What was asked about: as it is known, and where it is not, as it was read."""
    answer: str = ""
    result: str = "miss"
    """`hit`, `partial` or `miss`."""
    reason: str = ""
    """Of a miss: a MissReason; `no-cache` where the cache was not to be used."""
    detail: str = ""
    is_stored: bool = False
    """Whether what was computed of a deferred document was stored, for the next question."""
    tokens_reused: int = 0
    tokens_computed: int = 0
    """Prompt tokens that went through the model for this answer, the question included."""
    load_s: float = 0.0
    first_token_s: float = 0.0
    """From the question to its first token, loading or computing the document included."""
    total_s: float = 0.0
    prefill_s: float = 0.0
    """What computing the document took: when it was stored, or now."""
    saved_s: float = 0.0
    saved_flops: float = 0.0
    served: Served | None = field(default=None, repr=False)
    """Of a hit: what `ShadowChecks` can check."""


def count(namespace: Namespace, model: ModelIdentity, report: AnswerReport) -> None:
    """Note for `kvprep stats` what was asked; a comparison without the cache is no look-up, nor a name of nothing."""
    result = report.result if report.reason in ("", MissReason.ABSENT) else report.reason
    document = report.document
    if result == "no-cache" or (document is None and not report.reason):
        return
    namespace.store.usage.record(
        Event(
            EventKind.LOOK_UP,
            namespace=namespace.ident.hex(),
            model=model.fingerprint.hex(),
            document=namespace.document_id(document).hex() if document else "",
            result=result,
            tokens_requested=report.tokens_reused + report.tokens_computed,
            tokens_reused=report.tokens_reused,
            load_seconds=report.load_s,
            first_token_seconds=report.first_token_s,
            prefill_seconds=report.prefill_s,
            saved_seconds=report.saved_s,
            saved_flops=report.saved_flops,
        )
    )
