"""Facts for the page, made harder: titles of strangers, many documents, few days, none at all."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

Facts = dict[str, Any]


def hostile_names(address: str) -> list[str]:
    """Names that would have a page fetch from an address, run something or write backwards."""
    return [
        f"<img src={address}/image>",
        f"<script>fetch('{address}/script')</script>",
        f"</style><style>@import url({address}/import);</style>",
        f"</title><link rel=stylesheet href={address}/link>",
        f'" style="background:url({address}/style)" onmouseover="alert(1)',
        f"<svg onload=alert(1)><image href={address}/svg /></svg>",
        f"{{{{ 7*7 }}}}<iframe src={address}/frame>",
        "invoice\u202efdp.exe\u2066 \x1b[31m\x00\ud800",
        "Straßenbau" * 40,
    ]


def with_names(facts: Facts, names: Sequence[str]) -> Facts:
    """Give every name that a stranger chose one of these."""
    named = deepcopy(facts)
    for kind, field in (
        ("documents", "title"),
        ("failures", "title"),
        ("sharing", "title"),
        ("namespaces", "name"),
        ("models", "name"),
        ("principals", "principal"),
    ):
        for number, each in enumerate(named[kind]):
            each[field] = names[number % len(names)]
    return named


def with_documents(facts: Facts, count: int) -> Facts:
    """Keep this many documents, of every state."""
    grown = deepcopy(facts)
    grown["documents"] = [_document(facts["documents"][0], number, count) for number in range(count)]
    grown["storage"]["documents"] = count
    return grown


def _document(pattern: Facts, number: int, count: int) -> Facts:
    reads = max(count // 10 - number, 0)
    saved = reads * 0.01
    state = "unread" if not reads else "paid" if saved > 0.05 else "paying"
    return {
        **pattern,
        "document": f"{number:064x}",
        "title": f"Contract {number:05}",
        "reads": reads,
        "saved": saved,
        "spent": 0.05,
        "net": saved - 0.05,
        "break_even_reads": 5.0 if number % 3 else None,
        "last_read": pattern["last_read"] if reads else None,
        "state": state,
    }


def with_last_days(facts: Facts, count: int) -> Facts:
    """Keep only the last days."""
    return {**deepcopy(facts), "days": deepcopy(facts["days"][-count:])}
