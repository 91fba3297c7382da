"""The cards about documents: which have paid for themselves, which have not, and what they share."""

from collections import Counter
from collections.abc import Sequence

from kvprep.report.page.bars import Row, bar_row
from kvprep.report.page.cards import Card, Column, Facts, day, make_table, pays_after, share, title_of
from kvprep.wording import counted, money, seconds, size

_MOST_BARS = 8
_REACH = 2.0
"""Times the reads that are needed, at the right end of a bar."""
_STATES = (("paid", "paid back"), ("paying", "read but not paid back yet"), ("unread", "never read"))

_NAME = Column("document", title_of, is_name=True)
_READS = Column("reads", lambda each: f"{each['reads']:,}", is_number=True)
_NEEDED = Column("pays after", lambda each: pays_after(each["break_even_reads"]), is_number=True)
_SAVED = Column("saved", lambda each: seconds(each["saved_seconds"]), is_number=True)
_SIZE = Column("size", lambda each: size(each["bytes"]), is_number=True)
_LAST = Column("last read", lambda each: day(each["last_read"]), is_number=True)


def document_cards(facts: Facts) -> list[Card]:
    """Draw break-even, top savers and dead weight; nothing where no document is kept."""
    if not facts["documents"]:
        return []
    return [_break_even(facts), *_savers(facts), *_dead_weight(facts)]


def _break_even(facts: Facts) -> Card:
    documents = facts["documents"]
    read = [each for each in documents if each["reads"]]
    behind = sorted((each for each in documents if each["net"] < 0), key=lambda each: (each["net"], -each["reads"]))
    ahead = [each for each in read if each["net"] >= 0]
    groups = [("Ahead", ahead), ("Behind", behind)]
    bars = [(_group(name, found), [_reads_bar(each) for each in found[:_MOST_BARS]]) for name, found in groups if found]
    columns = [_NAME, Column("state", lambda each: each["state"]), _READS, _NEEDED, net_column(facts)]
    note = (
        "Reads of each document against the reads that pay for computing and keeping it. "
        "The line in the middle is break-even."
    )
    table = make_table("Break-even by document", columns, documents)
    return Card("Break-even", note, strip=_states(documents), bars=bars, table=table, is_wide=True)


def _group(name: str, found: Sequence[Facts]) -> str:
    rest = len(found) - _MOST_BARS
    return f"{name}: {counted(len(found), 'document')}" + (f", {_MOST_BARS} of them here" if rest > 0 else "")


def _states(documents: Sequence[Facts]) -> Row:
    counts = Counter(each["state"] for each in documents)
    told = "; ".join(f"{counts[state]:,} {words}" for state, words in _STATES if counts[state])
    parts = [(counts[state] / len(documents), state) for state, _ in _STATES if counts[state]]
    return bar_row(counted(len(documents), "document"), told, parts)


def _reads_bar(document: Facts) -> Row:
    needed = document["break_even_reads"]
    reached = document["reads"] / needed / _REACH if needed else 0.0
    value = f"{counted(document['reads'], 'read')}; pays after {pays_after(needed)}"
    if needed is None:
        value = f"{counted(document['reads'], 'read')}; a read saves nothing"
    look = "paid" if document["net"] >= 0 else "paying"
    return bar_row(title_of(document), value, [(min(reached, 1.0), look)], mark=1 / _REACH)


def _savers(facts: Facts) -> list[Card]:
    found = [each for each in facts["documents"] if each["saved"] > 0]
    columns = [_NAME, _READS, _NEEDED, _SAVED, net_column(facts), _LAST]
    return _open_card("What saved most", "Over the whole life of each document.", columns, found)


def _dead_weight(facts: Facts) -> list[Card]:
    found = sorted((each for each in facts["documents"] if each["net"] < 0), key=lambda each: each["net"])
    columns = [_NAME, _READS, _NEEDED, _SIZE, net_column(facts), _LAST]
    return _open_card("What has not paid for itself", "What was spent is not earned back yet.", columns, found)


def _open_card(title: str, note: str, columns: Sequence[Column], found: Sequence[Facts]) -> list[Card]:
    return [Card(title, note, table=make_table(title, columns, found), is_wide=True, is_open=True)] if found else []


def net_column(facts: Facts) -> Column:
    """Show what something saved less what it cost."""
    currency = facts["economics"]["currency"]
    return Column("net", lambda each: money(each["net"], currency), is_number=True)


def sharing_cards(facts: Facts) -> list[Card]:
    """Draw what documents that begin alike store once for all."""
    found = facts["sharing"]
    if not found:
        return []
    most = max(group["tokens_total"] for group in found)
    bars = [_sharing_bar(group, most) for group in found[:_MOST_BARS]]
    columns = [
        Column("begins like", title_of, is_name=True),
        Column("documents", lambda group: f"{group['documents']:,}", is_number=True),
        Column("tokens", lambda group: f"{group['tokens_total']:,}", is_number=True),
        Column("not stored again", lambda group: f"{group['tokens_shared']:,}", is_number=True),
        Column("share", lambda group: share(_shared_part(group)), is_number=True),
    ]
    note = (
        "Documents that begin alike, such as one vendor's invoices, store their common beginning once. "
        "The pale part of a bar is what that spares."
    )
    shown = (_group("Groups", found) if len(found) > _MOST_BARS else "", bars)
    table = make_table("Shared beginnings", columns, found)
    return [Card("Shared beginnings", note, bars=[shown], table=table, is_wide=True)]


def _sharing_bar(group: Facts, most: int) -> Row:
    value = f"{counted(group['documents'], 'document')}; {share(_shared_part(group))} of the tokens not stored again"
    own = (group["tokens_total"] - group["tokens_shared"]) / most
    return bar_row(title_of(group), value, [(own, "paid"), (group["tokens_shared"] / most, "spared")])


def _shared_part(group: Facts) -> float:
    part: float = group["tokens_shared"] / group["tokens_total"] if group["tokens_total"] else 0.0
    return part
