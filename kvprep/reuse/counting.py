"""Counting look-ups of whoever uses kvprep as a library; `Assistant` and the command line count their own."""

from kvprep.reuse.lookup import Hit, Miss
from kvprep.store.events import Event, EventKind
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, MissReason, ModelIdentity


def count_look_up(
    namespace: Namespace,
    found: Hit | Miss,
    model: ModelIdentity,
    *,
    document: ContentHash | None = None,
    tokens_requested: int | None = None,
    load_seconds: float = 0.0,
    first_token_seconds: float = 0.0,
    prefill_seconds: float = 0.0,
    principal: str = "",
) -> None:
    """Note a look-up for `kvprep stats`, once it is known how it went on. Takes microseconds; written within a second.

    Args:
        namespace: where it was looked up.
        found: what came of it. Where a load failed after a hit, a `Miss` with `reason_of` the error.
        model: what it was looked up for.
        document: what was asked about; of a hit, known from it.
        tokens_requested: of the whole prompt; None: as `found` says.
        load_seconds: loading, where something was loaded.
        first_token_seconds: from the question to the first token.
        prefill_seconds: computing what was missing, where something was; of a hit, known from it.
        principal: for whom, as a server knows him; empty: who opened the store.

    Raises:
        ValueError: a number is negative or none, or `principal` is long.
    """
    document = found.entry.document if isinstance(found, Hit) else document
    reused = found.tokens if isinstance(found, Hit) else 0
    share = reused / found.entry.num_tokens if isinstance(found, Hit) else 0.0
    cost = found.entry.cost if isinstance(found, Hit) else None
    namespace.store.usage.record(
        Event(
            EventKind.LOOK_UP,
            namespace=namespace.ident.hex(),
            model=model.fingerprint.hex(),
            document=namespace.document_id(document).hex() if document else "",
            principal=principal,
            result=_result(found),
            tokens_requested=_requested(found) if tokens_requested is None else tokens_requested,
            tokens_reused=reused,
            load_seconds=load_seconds,
            first_token_seconds=first_token_seconds,
            prefill_seconds=cost.seconds * share if cost else prefill_seconds,
            saved_seconds=cost.seconds * share if cost else 0.0,
            saved_flops=cost.flops * share if cost else 0.0,
        )
    )


def _result(found: Hit | Miss) -> str:
    if isinstance(found, Hit):
        return "partial" if found.is_partial else "hit"
    return "miss" if found.reason is MissReason.ABSENT else str(found.reason)


def _requested(found: Hit | Miss) -> int:
    return found.requested if isinstance(found, Hit) else 0
