"""The report in one sentence."""

from collections.abc import Mapping
from typing import Any

from kvprep.wording import counted, money, seconds


def headline(facts: Mapping[str, Any], *, now: float) -> str:
    """Say in one sentence whether it pays."""
    economics, storage = facts["economics"], facts["storage"]
    rent = f"storage costs {money(economics['rent_month'], economics['currency'])} a month"
    unread = economics["never_read"]["documents"]
    kept = len(facts["documents"])
    parts = [rent] if storage["entries"] else []
    if unread:
        cost = money(economics["never_read"]["spent"], economics["currency"])
        were = f"{'was' if unread == 1 else 'were'} never read and cost {cost}"
        parts.append(f"{unread:,} of {counted(kept, 'document')} {were}")
    if not sum(facts["lookups"].values()):
        return "; ".join([f"No look-ups {_period(facts, now)}", *parts]) + "."
    saved = facts["saved"]
    amount = money(abs(saved["money"]), economics["currency"])
    worth = f" and {amount}" if saved["money"] >= 0 else f", for {amount} more than it would have cost"
    began = f"Saved {seconds(saved['prefill_seconds'])} of prefill{worth} {_period(facts, now)}"
    return "; ".join([began, *parts]) + "."


def is_empty(facts: Mapping[str, Any]) -> bool:
    """Tell whether nothing is stored and nothing was ever asked."""
    return not facts["storage"]["documents"] and not sum(facts["lookups"].values())


def _period(facts: Mapping[str, Any], now: float) -> str:
    since = facts["since"]
    if since is None and facts["days"]:
        days = len(facts["days"])
        return f"in {days} days" if days > 1 else "today"
    if since is None:
        return "yet"
    hours = max(now - since, 0.0) / 3600
    return f"in {hours / 24:.0f} days" if hours >= 48 else f"in {hours:.0f} hours"
