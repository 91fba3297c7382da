"""The figures on top of the page, and the prices at its foot."""

from dataclasses import dataclass

from kvprep.report.page.cards import Facts, share
from kvprep.report.page.sections import problems
from kvprep.wording import counted, money, seconds, size

_PRICES = {
    "device_hour": "an hour of the device",
    "storage_gb_month": "a GB kept for a month",
    "transfer_gb": "a GB transferred",
    "input_mtok": "a million tokens of input",
    "cached_input_mtok": "a million cached tokens",
}


@dataclass(frozen=True)
class Tile:
    """One figure."""

    name: str
    value: str
    note: str
    look: str = ""


def tiles(facts: Facts) -> list[Tile]:
    """Choose the figures on top; those that nothing was measured for are left out."""
    return [*_use(facts), _net(facts), _storage(facts), _trust(facts)]


def _use(facts: Facts) -> list[Tile]:
    if facts["hit_rate"] is None:
        return []
    total = sum(facts["lookups"].values())
    saved = facts["saved"]["prefill_seconds"]
    found = [
        Tile("Hit rate", share(facts["hit_rate"]), f"of tokens, in {counted(total, 'look-up')}"),
        Tile("Time saved", seconds(saved), "of prefill"),
    ]
    first, load = (facts["latency"][name]["p50"] for name in ("first_token", "load"))
    if first is not None:
        note = f"median; a load takes {seconds(load)}" if load is not None else "median"
        found.append(Tile("First token", seconds(first), note))
    return found


def _net(facts: Facts) -> Tile:
    economics = facts["economics"]
    currency, spent = economics["currency"], economics["spent"]
    note = f"{money(economics['saved'], currency)} saved, {money(spent['prefill'] + spent['rent'], currency)} spent"
    return Tile("Net", money(economics["net"], currency), note)


def _storage(facts: Facts) -> Tile:
    storage, economics = facts["storage"], facts["economics"]
    rent = money(economics["rent_month"], economics["currency"])
    return Tile("Stored", size(storage["bytes"]), f"{counted(storage['documents'], 'document')}; {rent} a month")


def _trust(facts: Facts) -> Tile:
    wrong = {name: count for name, count in problems(facts).items() if count and name != "denied"}
    prevented = facts["staleness_prevented"]
    if wrong:
        name, count = next(iter(wrong.items()))
        note = f"{count:,} {name}" + (", others below" if len(wrong) > 1 else "")
        return Tile("Failures", f"▲ {sum(wrong.values()):,}", note, "bad")
    return Tile("Failures", "none", f"{counted(prevented, 'outdated result')} refused" if prevented else "")


def prices_used(facts: Facts) -> str:
    """Say which prices the money was counted with."""
    economics = facts["economics"]
    told = [
        f"{words} {price:g} {economics['currency']}"
        for name, words in _PRICES.items()
        if (price := economics["prices"][name]) is not None
    ]
    return f"Prices of {economics['prices_dated']}: {', '.join(told)}."
