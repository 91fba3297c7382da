"""What a namespace has measured of a model: its prefills and its loads."""

from kvprep.store.namespace import Namespace
from kvprep.store.usage import HITS
from kvprep.types import EntryId, Fingerprint

_MOST_ENTRIES = 100
"""The newest tell what this machine does now; each is a file to be opened."""


def measured_prefills(namespace: Namespace, model: Fingerprint) -> list[tuple[int, float]]:
    """Give tokens and seconds of the newest prefills of a model, at most 100."""
    facts = [facts for facts in namespace.index.entries() if facts["fingerprint"] == model.hex()]
    newest = sorted(facts, key=lambda facts: facts["created_at"], reverse=True)[:_MOST_ENTRIES]
    entries = (namespace.entry_or_none(EntryId(facts["id"])) for facts in newest)
    return [(entry.num_tokens, entry.cost.seconds) for entry in entries if entry is not None]


def measured_load_s(namespace: Namespace, model: Fingerprint) -> float | None:
    """Give the seconds that loading a token took, over all loads of a model; None where there was none."""
    sums = namespace.store.usage.sums(namespace=namespace.ident.hex())
    loads = [row for row in sums if row.model == model.hex() and row.result in HITS and row.load_seconds > 0]
    tokens = sum(row.tokens_reused for row in loads)
    return sum(row.load_seconds for row in loads) / tokens if tokens else None
