"""The report of `kvprep stats` as a person reads it, from its facts alone."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from kvprep.cli import glyphs, render
from kvprep.cli.output import Facts
from kvprep.report.headline import headline, is_empty
from kvprep.wording import amount as written
from kvprep.wording import money

_ROWS = 5
"""Of each table: what matters most. `--json` has all."""
_ID_DIGITS = 12


def draw(facts: Facts, *, now: float) -> None:
    """Print the report."""
    if is_empty(facts):
        render.headline("Nothing is stored yet, and nothing was asked.")
        print("Add documents with `kvprep ingest FOLDER`, then ask with `kvprep ask`; this report fills by itself.")
        return
    render.headline(headline(facts, now=now))
    print()
    render.facts(_figures(facts))
    for section in (_namespaces, _models, _savers, _dead_weight, _sharing, _failures, _principals):
        section(facts)


def _money(facts: Facts, amount: float) -> str:
    return money(amount, facts["economics"]["currency"])


def _figures(facts: Facts) -> dict[str, str]:
    pairs: dict[str, str] = {}
    _add_look_ups(pairs, facts)
    _add_money(pairs, facts)
    _add_storage(pairs, facts)
    _add_checks(pairs, facts)
    return pairs


def _add_look_ups(pairs: dict[str, str], facts: Facts) -> None:
    pairs["look-ups"] = _counts(facts["lookups"]) or "none yet"
    if facts["hit_rate"] is not None:
        tokens = facts["tokens"]
        drawn = f"{glyphs.bar(facts['hit_rate'])}  " if glyphs.are_shown() else ""
        pairs["hit rate"] = (
            f"{drawn}{facts['hit_rate']:.1%} ({tokens['reused']:,} of {tokens['requested']:,} tokens reused)"
        )
    days = facts["days"]
    if glyphs.are_shown() and sum(day["saved_seconds"] > 0 for day in days) > 1:
        best = max(days, key=lambda day: day["saved_seconds"])
        line = glyphs.sparkline([day["saved_seconds"] for day in days])
        pairs["by day"] = f"{line}  most {render.seconds(best['saved_seconds'])} on {best['day']}"
    for name, label in (("load", "load"), ("first_token", "first token")):
        found = facts["latency"][name]
        if found["p50"] is not None:
            half, most = render.seconds(found["p50"]), render.seconds(found["p95"])
            pairs[label] = f"{half} in half of the cases, {most} in 95 %"


def _add_money(pairs: dict[str, str], facts: Facts) -> None:
    economics = facts["economics"]
    spent = economics["spent"]
    if not (spent["prefill"] or spent["rent"] or economics["saved"]):
        return
    computed, kept, saved, net = (
        _money(facts, amount) for amount in (spent["prefill"], spent["rent"], economics["saved"], economics["net"])
    )
    pairs["spent"] = f"{computed} computing, {kept} keeping; saved {saved}, so net {net}"


def _add_storage(pairs: dict[str, str], facts: Facts) -> None:
    storage = facts["storage"]
    entries = render.counted(storage["entries"], "entry", "entries")
    documents = render.counted(storage["documents"], "document")
    pairs["stored"] = f"{entries}, {documents}; the store takes {render.size(storage['bytes'])}"
    if (awaiting := storage["awaiting_shred"])["segments"]:
        segments = render.counted(awaiting["segments"], "segment")
        pairs["awaiting shred"] = (
            f"{render.size(awaiting['bytes'])} of removed documents, in {segments} that others share: run `kvprep gc`"
        )


def _add_checks(pairs: dict[str, str], facts: Facts) -> None:
    events = facts["events"]
    if prevented := facts["staleness_prevented"]:
        pairs["prevented"] = f"{render.counted(prevented, 'answer')} from what was stale, expired or another model's"
    if shown := _counts(facts["checks"]):
        pairs["checks"] = f"{shown} of the hits that were computed again"
    if shown := _counts(events["verifications"]):
        pairs["verified"] = shown
    for name, label in (("invalidations", "invalidated"), ("evictions", "evicted")):
        if shown := _counts(events[name]):
            pairs[label] = shown


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _table(
    title: str,
    columns: Sequence[str],
    found: Sequence[Facts],
    row: Callable[[Facts], Sequence[str]],
    *,
    texts: Sequence[str] = (),
) -> None:
    """Draw the first rows of what was found, if any.

    `texts` names the columns that are no figures, the one that gives way last; by default the first column alone.
    """
    if not found:
        return
    rest = f" (and {len(found) - _ROWS:,} more)" if len(found) > _ROWS else ""
    print()
    render.headline(f"{title}{rest}")
    rows = [row(each) for each in found[:_ROWS]]
    texts = texts or columns[:1]
    render.table(columns, rows, numbers=[c for c in columns if c not in texts], clipped=texts[-1])


def _namespaces(facts: Facts) -> None:
    found = facts["namespaces"] if len(facts["namespaces"]) > 1 else []
    _used(facts, "Namespaces", "namespace", sorted(found, key=lambda n: -n["lookups"]), lambda n: n["name"])


def _models(facts: Facts) -> None:
    found = facts["models"] if len(facts["models"]) > 1 else []
    _used(facts, "Models", "model", found, lambda m: m["name"] or f"{m['fingerprint'][:_ID_DIGITS]} (gone)")


def _used(facts: Facts, title: str, column: str, found: Sequence[Facts], name: Callable[[Facts], str]) -> None:
    net = f"net {facts['economics']['currency']}"
    columns = (column, "look-ups", "hits", "hit rate", "saved", net, "entries", "size")
    _table(
        title,
        columns,
        found,
        lambda each: (
            name(each),
            f"{each['lookups']:,}",
            f"{each['hits']:,}",
            _share(each["hit_rate"]),
            render.seconds(each["saved_seconds"]),
            _signed(each["net"]),
            f"{each['entries']:,}",
            render.size(each["bytes"]),
        ),
    )


def _savers(facts: Facts) -> None:
    found = [document for document in facts["documents"] if document["saved"] > 0]
    _documents("What saved most", facts, found, "saved", lambda each: render.seconds(each["saved_seconds"]))


def _dead_weight(facts: Facts) -> None:
    found = sorted((d for d in facts["documents"] if d["net"] < 0), key=lambda document: document["net"])
    _documents("What has not paid for itself", facts, found, "size", lambda each: render.size(each["bytes"]))


def _documents(title: str, facts: Facts, found: list[Facts], column: str, cell: Callable[[Facts], str]) -> None:
    columns = ("document", "reads", "pays after", column, f"net {facts['economics']['currency']}", "last read")
    _table(
        title,
        columns,
        found,
        lambda each: (
            each["title"],
            f"{each['reads']:,}",
            _pays_after(each["break_even_reads"]),
            cell(each),
            _signed(each["net"]),
            _day(each["last_read"]),
        ),
    )


def _sharing(facts: Facts) -> None:
    columns = ("documents that begin alike", "documents", "tokens", "stored once")
    _table(
        "Shared beginnings",
        columns,
        facts["sharing"],
        lambda each: (
            each["title"],
            f"{each['documents']:,}",
            f"{each['tokens_total']:,}",
            f"{each['tokens_shared'] / each['tokens_total']:.0%}",
        ),
    )


def _failures(facts: Facts) -> None:
    columns = ("when", "what", "result", "document")
    _table(
        "Failures",
        columns,
        facts["failures"],
        lambda each: (
            _minute(each["at"]),
            each["kind"],
            each["result"],
            f"{(each['document'] or '')[:_ID_DIGITS]} {each['title'] or '-'}".strip(),
        ),
        texts=columns,
    )


def _principals(facts: Facts) -> None:
    columns = ("unusual look-ups by", "on one day", "others' usual", "day", "in all")
    _table(
        "Who looked up far more than others",
        columns,
        [each for each in facts["principals"] if each["unusual"]],
        lambda each: (
            each["principal"],
            f"{each['per_day']:,}",
            f"{each['usual_per_day']:,.0f}",
            each["busiest_day"],
            f"{each['lookups']:,}",
        ),
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _pays_after(reads: float | None) -> str:
    from kvprep.economics.worth import paying_read

    number = paying_read(reads)
    return "never" if number is None else render.counted(number, "read")


def _signed(amount: float) -> str:
    return ("+" if amount > 0 else "") + written(amount)


def _day(at: float | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at, UTC).date().isoformat()


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
