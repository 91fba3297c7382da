"""The cards with a chart over days."""

from collections.abc import Callable, Sequence
from itertools import accumulate

from markupsafe import Markup

from kvprep.report.page.cards import Card, Column, Facts, make_table, share
from kvprep.report.page.daychart import Line, day_chart, short_day
from kvprep.report.page.scales import count_axis, latency_axis, money_axis, share_axis, size_axis, time_axis
from kvprep.wording import counted, money, seconds, size

_MOST_DAYS = 366
_DAY = Column("day", lambda day: day["day"], is_name=True)


def hit_rate_card(facts: Facts) -> Card:
    """Draw which share of tokens was reused."""
    days = _latest(facts)
    tips = _tips(days, lambda day: f"{share(day['hit_rate'])} of tokens, {counted(day['lookups'], 'look-up')}")
    line = Line("hit rate", [day["hit_rate"] for day in days], is_filled=True)
    columns = [
        Column("tokens asked", lambda day: f"{day['requested']:,}", is_number=True),
        Column("reused", lambda day: f"{day['reused']:,}", is_number=True),
        Column("hit rate", lambda day: share(day["hit_rate"]), is_number=True),
    ]
    label = f"Hit rate by day, {share(facts['hit_rate'])} over all. {_span(days)}"
    chart = day_chart(label, [day["day"] for day in days], [line], share_axis(), tips)
    return _card("Hit rate", "Tokens that came from the store, of all that were asked for.", chart, columns, days)


def look_ups_card(facts: Facts) -> Card:
    """Draw how many look-ups there were, and how many of them hit."""
    days = _latest(facts)
    lines = [
        Line("hits", [day["hits"] for day in days], is_filled=True),
        Line("look-ups", [day["lookups"] for day in days], look="two dashed"),
    ]
    tips = _tips(days, lambda day: f"{counted(day['lookups'], 'look-up')}, {counted(day['hits'], 'hit')}")
    most = max(day["lookups"] for day in days)
    label = f"Look-ups and hits by day, at most {counted(most, 'look-up')}. {_span(days)}"
    chart = day_chart(label, [day["day"] for day in days], lines, count_axis([most]), tips)
    columns = [
        Column("look-ups", lambda day: f"{day['lookups']:,}", is_number=True),
        Column("hits", lambda day: f"{day['hits']:,}", is_number=True),
    ]
    return _card("Look-ups", "How often the store was asked, and how often it had an answer.", chart, columns, days)


def time_card(facts: Facts) -> Card:
    """Draw the seconds that hits spared, added up."""
    sums = _added_up(facts, "saved_seconds")
    days = _latest(facts)
    tips = [f"{short_day(day['day'])}: {seconds(total)} so far" for day, total in zip(days, sums, strict=True)]
    columns = [Column("saved", lambda day: seconds(day["saved_seconds"]), is_number=True)]
    label = f"Prefill time saved, added up by day, {seconds(sums[-1])} in the end. {_span(days)}"
    line = Line("saved", sums, is_filled=True)
    chart = day_chart(label, [day["day"] for day in days], [line], time_axis(sums), tips)
    return _card("Time saved", "Prefill that nobody had to wait for, added up.", chart, columns, days)


def money_card(facts: Facts) -> Card:
    """Draw what that was worth, added up."""
    currency = facts["economics"]["currency"]
    sums = _added_up(facts, "saved_money")
    days = _latest(facts)
    tips = [f"{short_day(day['day'])}: {money(total, currency)} so far" for day, total in zip(days, sums, strict=True)]
    columns = [Column("saved", lambda day: money(day["saved_money"], currency), is_number=True)]
    label = f"Money saved, added up by day, {money(sums[-1], currency)} in the end. {_span(days)}"
    line = Line("saved", sums, look="two", is_filled=True)
    chart = day_chart(label, [day["day"] for day in days], [line], money_axis(sums), tips)
    note = f"Those prefills less the loads in their place, in {currency}, added up."
    return _card("Money saved", note, chart, columns, days)


def latency_card(facts: Facts) -> Card | None:
    """Draw how long loads and first tokens took; None where nothing was measured."""
    days = _latest(facts)
    loads, firsts = ([day[name] for day in days] for name in ("load_p50", "first_token_p50"))
    measured = [value for value in (*loads, *firsts) if value is not None]
    if not measured:
        return None
    lines = [Line("load", loads), Line("first token", firsts, look="two dashed")]
    tips = _tips(days, lambda day: f"load {_time(day['load_p50'])}, first token {_time(day['first_token_p50'])}")
    columns = [
        Column("load", lambda day: _time(day["load_p50"]), is_number=True),
        Column("first token", lambda day: _time(day["first_token_p50"]), is_number=True),
    ]
    label = f"Median seconds of loads and of first tokens by day. {_span(days)}"
    chart = day_chart(label, [day["day"] for day in days], lines, latency_axis(measured), tips)
    note = f"Medians, in powers of ten. {_percentiles(facts)}"
    return _card("Load and first token", note, chart, columns, days)


def storage_card(facts: Facts) -> Card | None:
    """Draw how many bytes were stored; None where that is not known."""
    days = _latest(facts)
    stored = [day["stored_bytes"] for day in days]
    known = [value for value in stored if value is not None]
    if not known:
        return None
    tips = _tips(days, lambda day: "not known" if day["stored_bytes"] is None else size(day["stored_bytes"]))
    columns = [
        Column("stored", lambda day: "–" if day["stored_bytes"] is None else size(day["stored_bytes"]), is_number=True)
    ]
    label = f"Bytes stored at the end of each day, {size(known[-1])} in the end. {_span(days)}"
    line = Line("stored", stored, is_filled=True)
    chart = day_chart(label, [day["day"] for day in days], [line], size_axis(known), tips)
    return _card("Storage", "Cached results at the end of each day.", chart, columns, days)


def _card(title: str, note: str, chart: Markup, columns: Sequence[Column], days: Sequence[Facts]) -> Card:
    newest = list(reversed(days))
    table = make_table(f"{title} by day", [_DAY, *columns], newest, most=_MOST_DAYS)
    return Card(title, note, chart=chart, table=table)


def _latest(facts: Facts) -> Sequence[Facts]:
    days: Sequence[Facts] = facts["days"][-_MOST_DAYS:]
    return days


def _added_up(facts: Facts, what: str) -> list[float]:
    return list(accumulate(day[what] for day in facts["days"]))[-_MOST_DAYS:]


def _tips(days: Sequence[Facts], told: Callable[[Facts], str]) -> list[str]:
    return [f"{short_day(day['day'])}: {told(day)}" for day in days]


def _span(days: Sequence[Facts]) -> str:
    return f"From {days[0]['day']} to {days[-1]['day']}."


def _time(value: float | None) -> str:
    return "–" if value is None else seconds(value)


def _percentiles(facts: Facts) -> str:
    told = []
    for name, label in (("load", "loads"), ("first_token", "first tokens")):
        if (most := facts["latency"][name]["p95"]) is not None:
            told.append(f"95 % of {label} took at most {seconds(most)}")
    return "; ".join(told) + "." if told else ""
