"""What `kvprep plan` says of money: what new documents cost, after which read they pay, and which nobody has read."""

from collections.abc import Sequence

from kvprep.cli import render
from kvprep.cli.output import Facts
from kvprep.cli.price_options import money
from kvprep.economics.prices import Prices
from kvprep.economics.worth import paying_read
from kvprep.pipeline.planning import IngestPlan
from kvprep.pipeline.prospects import Prospect

_MOST_ROWS = 10


def money_facts(made: IngestPlan, prices: Prices) -> Facts:
    """Write the sums for JSON; those of new documents are null where nothing tells what computing costs."""
    known, unread = bool(made.prospects), made.never_read
    return {
        "currency": prices.currency,
        "prices_dated": prices.dated or None,
        "prefill": sum(a.prefill for a in made.prospects) if known else None,
        "rent": sum(a.rent for a in made.prospects) if known else None,
        "never_read": {
            "documents": len(unread.sources),
            "bytes": unread.num_bytes,
            "spent": unread.spent,
            "sources": list(unread.sources),
        },
    }


def item_money(prospect: Prospect) -> Facts:
    """Write for JSON what is said of one new document."""
    return {
        "prefill_seconds": prospect.prefill_s,
        "prefill": prospect.prefill,
        "rent": prospect.rent,
        "break_even_reads": prospect.break_even_reads,
        "pays_with_read": paying_read(prospect.break_even_reads),
        "expected_reads": prospect.expected_reads,
    }


def money_pairs(made: IngestPlan, prices: Prices) -> dict[str, str]:
    """Write the sums for a person."""
    pairs = {}
    if made.prospects:
        spent, rent = (sum(part) for part in zip(*((a.prefill, a.rent) for a in made.prospects), strict=True))
        pairs["costs"] = f"{money(prices, spent)} to compute, {money(prices, rent)} to keep until it expires"
        pairs["pays"] = _paying(made.prospects)
    if (unread := made.never_read).sources:
        documents = render.counted(len(unread.sources), "stored document")
        pairs["never read"] = (
            f"{documents}, {render.size(unread.num_bytes)}, {money(prices, unread.spent)} spent so far"
        )
    return pairs


def draw_prospects(prospects: Sequence[Prospect], prices: Prices) -> None:
    """Draw the new documents that cost most, at most ten."""
    if not prospects:
        return
    dearest = sorted(prospects, key=lambda a: -(a.prefill + a.rent))
    rows = [
        (
            f"{a.tokens:,}",
            "" if a.prefill_s is None else render.seconds(a.prefill_s),
            money(prices, a.prefill + a.rent),
            _after(paying_read(a.break_even_reads)),
            "" if a.expected_reads is None else f"{a.expected_reads:.1f}",
            a.source,
        )
        for a in dearest[:_MOST_ROWS]
    ]
    if rest := dearest[_MOST_ROWS:]:
        less = money(prices, sum(a.prefill + a.rent for a in rest))
        rows.append(("", "", less, "", "", f"{len(rest)} more, in all; --json lists them"))
    columns = ("tokens", "prefill", "costs", "pays after its", "reads expected", "new document")
    render.table(columns, rows, numbers=("tokens", "prefill", "costs", "reads expected"))


def _paying(prospects: Sequence[Prospect]) -> str:
    """Say in one line after which read documents have paid."""
    known = [read for a in prospects if (read := paying_read(a.break_even_reads)) is not None]
    if not known:
        return "never: a load takes as long as computing, or costs as much"
    first, last = _after(min(known)), _after(max(known))
    never = len(prospects) - len(known)
    reads = f"after its {first}" if first == last else f"after its {first.removesuffix(' read')} to {last}"
    return f"{reads}; {never} never" if never else reads


def _after(read: int | None) -> str:
    if read is None:
        return "never"
    ending = "th" if read % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(read % 10, "th")
    return f"{read:,}{ending} read"
