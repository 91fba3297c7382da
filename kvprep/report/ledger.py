"""What each document cost and what its reads saved, over its whole life, in the money of `economics`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvprep.economics.prices import Prices
from kvprep.economics.value import Kept
from kvprep.economics.worth import Uses, Worth, worth
from kvprep.report.stock import Held
from kvprep.store.usage import Reads


@dataclass(frozen=True, slots=True)
class Account:
    """One document of one namespace, under whatever models."""

    holdings: tuple[Held, ...]
    """Newest first."""
    worth: Worth
    last_read_at: float | None
    saved_s: float
    """Of prefill."""

    @property
    def newest(self) -> Held:
        """What it holds under the model that was used last."""
        return self.holdings[0]

    @property
    def num_bytes(self) -> float:
        """On disk; of what is shared, its part."""
        return sum(holding.num_bytes for holding in self.holdings)


def accounts(
    holdings: Iterable[Held], reads: Mapping[str, Reads], prices: Prices, *, load_s_per_token: float, now: float
) -> list[Account]:
    """Judge every document of one namespace, what saved most first.

    Args:
        holdings: of one namespace.
        reads: by keyed id.
        prices: what things cost.
        load_s_per_token: as measured over all loads; for documents that were never loaded.
        now: seconds since 1970.
    """
    by_document: dict[str, list[Held]] = defaultdict(list)
    for holding in holdings:
        by_document[holding.ident].append(holding)
    judged = [
        _account(sorted(found, key=lambda h: -h.created_at), reads.get(ident), prices, load_s_per_token, now)
        for ident, found in by_document.items()
    ]
    return sorted(judged, key=lambda a: (-a.worth.saved, a.newest.title, a.newest.document))


def _account(found: Sequence[Held], seen: Reads | None, prices: Prices, load_s_per_token: float, now: float) -> Account:
    newest = found[0]
    reads = seen.hits if seen else 0
    load_s = seen.load_seconds / reads if seen and reads else newest.tokens * load_s_per_token
    num_bytes = sum(holding.num_bytes for holding in found)
    judged = worth(
        prices,
        Kept(round(num_bytes), newest.tokens, newest.prefill_s, load_s),
        Uses(reads, seen.tokens, seen.saved_seconds, seen.load_seconds) if seen else Uses(),
        spent_s=sum(holding.own_prefill_s for holding in found),
        spent_tokens=round(sum(holding.own_tokens for holding in found)),
        held_s=max(now - min(holding.created_at for holding in found), 0.0),
    )
    last = seen.last_at if seen and reads else None
    return Account(tuple(found), judged, last, seen.saved_seconds if seen else 0.0)


def document_facts(account: Account) -> dict[str, Any]:
    """Write one document of the report; times in seconds since 1970."""
    newest, judged = account.newest, account.worth
    return {
        "document": newest.document,
        "title": newest.title,
        "namespace": newest.namespace,
        "reads": judged.reads,
        "last_read": account.last_read_at,
        "tokens": newest.tokens,
        "bytes": round(account.num_bytes),
        "prefill_seconds": newest.prefill_s,
        "saved_seconds": account.saved_s,
        "saved": judged.saved,
        "spent": judged.spent,
        "net": judged.net,
        "break_even_reads": judged.break_even_reads,
        "idle_break_even_seconds": judged.idle_break_even_s,
        "state": judged.state,
    }


def never_read(judged: Iterable[Account]) -> dict[str, Any]:
    """Add up the documents that no look-up ever used."""
    unread = [account for account in judged if not account.worth.reads]
    return {
        "documents": len(unread),
        "bytes": round(sum(account.num_bytes for account in unread)),
        "spent": sum(account.worth.spent for account in unread),
    }


def sharing(holdings: Iterable[Held]) -> list[dict[str, Any]]:
    """Group documents by the last segment that they hold together: what begins alike, such as a vendor's invoices.

    Of each group: its tokens, and how many of them are not stored once more since another member holds them.
    """
    groups: dict[str, list[Held]] = defaultdict(list)
    for holding in holdings:
        if holding.shared:
            groups[holding.shared[-1].segment].append(holding)
    found = []
    for members in groups.values():
        if len(documents := {member.document: member for member in members}) < 2:
            continue
        shared = [sum(stretch.tokens for stretch in member.shared) for member in documents.values()]
        found.append(
            {
                "title": min(documents.values(), key=lambda member: member.created_at).title,
                "documents": len(documents),
                "tokens_total": sum(member.tokens for member in documents.values()),
                "tokens_shared": sum(shared) - max(shared),
            }
        )
    return sorted(found, key=lambda facts: (-facts["tokens_shared"], facts["title"]))
