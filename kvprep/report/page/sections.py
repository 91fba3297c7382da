"""The sections of the page: is it used, does it pay, what is worth keeping, what failed, who asks."""

from collections.abc import Callable, Sequence

from kvprep.report.page.bars import Row, bar_row
from kvprep.report.page.cards import Card, Column, Facts, Section, make_table, minute, share, title_of
from kvprep.report.page.documents import document_cards, net_column, sharing_cards
from kvprep.report.page.overdays import hit_rate_card, latency_card, look_ups_card, money_card, storage_card, time_card
from kvprep.wording import seconds, size

_RESULTS = {
    "hit": "hit: all was loaded",
    "partial": "partial: a part was loaded",
    "miss": "miss: nothing was stored",
    "stale": "stale: refused, its source had changed",
    "expired": "expired: refused, its time was over",
    "mismatch": "mismatch: refused, another model made it",
    "denied": "denied: the key may not",
    "corrupt": "corrupt: it was damaged",
}
_SERVED = ("hit", "partial")
_WRONG = ("denied", "corrupt")


def sections(facts: Facts) -> list[Section]:
    """Build what there is to be shown; a section without anything is left out."""
    found = [
        Section("use", "Use", _use(facts)),
        Section("savings", "Savings", _savings(facts)),
        Section("speed", "Speed and storage", _speed(facts)),
        Section("documents", "Documents", document_cards(facts) + sharing_cards(facts)),
        Section("failures", "Failures", _failures(facts)),
        Section("who", "Who and where", _who(facts)),
    ]
    return [section for section in found if section.cards]


def problems(facts: Facts) -> dict[str, int]:
    """Count what should not have been, by its name."""
    checks = facts["checks"]
    return {
        "served stale": checks["stale"],
        "checked, and different": checks["differs"],
        "damaged when looked up": facts["lookups"]["corrupt"],
        "found by verify": facts["events"]["verifications"]["failed"],
        "denied": facts["lookups"]["denied"],
    }


def _use(facts: Facts) -> list[Card]:
    if not sum(facts["lookups"].values()):
        return []
    return [hit_rate_card(facts), _results(facts), look_ups_card(facts)] if facts["days"] else [_results(facts)]


def _results(facts: Facts) -> Card:
    counts = facts["lookups"]
    total = sum(counts.values())
    bars = [
        bar_row(words, f"{counts[name]:,} ({counts[name] / total:.1%})", [(counts[name] / total, _look(name))])
        for name, words in _RESULTS.items()
        if counts[name]
    ]
    columns = [
        Column("result", lambda pair: pair[0], is_name=True),
        Column("look-ups", lambda pair: f"{pair[1]:,}", is_number=True),
    ]
    note = f"{total:,} look-ups by what they found."
    table = make_table("Look-ups by result", columns, [*counts.items()])
    return Card("Results", note, bars=[("", bars)], table=table, is_tall=True)


def _look(result: str) -> str:
    return "paid" if result in _SERVED else "bad" if result in _WRONG else "paying"


def _savings(facts: Facts) -> list[Card]:
    return [time_card(facts), money_card(facts)] if any(day["lookups"] for day in facts["days"]) else []


def _speed(facts: Facts) -> list[Card]:
    if not facts["days"]:
        return []
    return [card for card in (latency_card(facts), storage_card(facts)) if card]


def _failures(facts: Facts) -> list[Card]:
    counts = {name: count for name, count in problems(facts).items() if count}
    if not counts and not facts["failures"]:
        return []
    return [*_failure_bars(counts), *_newest_failures(facts["failures"])]


def _failure_bars(counts: dict[str, int]) -> list[Card]:
    if not counts:
        return []
    most = max(counts.values())
    bars: list[Row] = [bar_row(name, f"{count:,}", [(count / most, "bad")]) for name, count in counts.items()]
    columns = [
        Column("what", lambda pair: pair[0], is_name=True),
        Column("times", lambda pair: f"{pair[1]:,}", is_number=True),
    ]
    table = make_table("Failures by kind", columns, [*counts.items()])
    return [Card("What went wrong", "Counted over the whole report.", bars=[("", bars)], table=table)]


def _newest_failures(found: Sequence[Facts]) -> list[Card]:
    if not found:
        return []
    columns = [
        Column("document", title_of, is_name=True),
        Column("what", lambda each: f"{each['kind']}: {each['result']}"),
        Column("when (UTC)", lambda each: minute(each["at"]), is_number=True),
    ]
    table = make_table("Newest failures", columns, found)
    return [Card("Newest first", "Single events are kept for seven days.", table=table, is_open=True)]


def _who(facts: Facts) -> list[Card]:
    namespaces = facts["namespaces"] if len(facts["namespaces"]) > 1 else []
    models = facts["models"] if len(facts["models"]) > 1 else []
    return [
        *_principals(facts["principals"]),
        *_used(facts, "Namespaces", "namespace", lambda each: each["name"], namespaces),
        *_used(facts, "Models", "model", lambda each: each["name"] or f"{each['fingerprint'][:12]} (gone)", models),
    ]


def _principals(found: Sequence[Facts]) -> list[Card]:
    if not found:
        return []
    columns = [
        Column("principal", lambda each: each["principal"] or "unknown", is_name=True),
        Column("look-ups", lambda each: f"{each['lookups']:,}", is_number=True),
        Column("most on a day", lambda each: f"{each['per_day']:,}", is_number=True),
        Column("usual for others", lambda each: f"{each['usual_per_day']:,.0f}", is_number=True),
        Column("busiest day", lambda each: each.get("busiest_day", "–")),
        Column("", lambda each: "▲ unusual" if each["unusual"] else "usual"),
    ]
    note = "Unusual: at least 50 look-ups on a day, and more than three times what is usual for the others."
    table = make_table("Principals", columns, found)
    return [Card("Principals", note, table=table, is_wide=True, is_open=True)]


def _used(facts: Facts, title: str, heading: str, name: Callable[[Facts], str], found: Sequence[Facts]) -> list[Card]:
    if not found:
        return []
    columns = [
        Column(heading, name, is_name=True),
        Column("look-ups", lambda each: f"{each['lookups']:,}", is_number=True),
        Column("hit rate", lambda each: share(each["hit_rate"]), is_number=True),
        Column("saved", lambda each: seconds(each["saved_seconds"]), is_number=True),
        net_column(facts),
        Column("entries", lambda each: f"{each['entries']:,}", is_number=True),
        Column("size", lambda each: size(each["bytes"]), is_number=True),
    ]
    most_used = sorted(found, key=lambda each: -each["lookups"])
    return [Card(title, table=make_table(title, columns, most_used), is_wide=True, is_open=True)]
