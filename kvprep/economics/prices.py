"""The prices of one run: from the table, with what a person set in their place.

Source: docs/economics.md, "Prices".
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kvprep.economics.table import Offer, Table, read_table
from kvprep.errors import ConfigError

_PLACES = {
    "device_hour": ("devices", "hour"),
    "storage_gb_month": ("storage", "gb_month"),
    "transfer_gb": ("storage", "transfer_gb"),
    "input_mtok": ("tariffs", "input_mtok"),
    "cached_input_mtok": ("tariffs", "cached_input_mtok"),
}
"""Where in the table a price stands: kind of offer, and name in it."""
_DEVICE_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Show an accelerator's driver without importing what drives it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost, all in `currency`."""

    device_hour: float
    """An hour of the device that computes."""
    storage_gb_month: float
    """Keeping 10^9 bytes for 30 days."""
    transfer_gb: float
    """Moving 10^9 bytes to where they are loaded."""
    input_mtok: float | None
    """A hosted API's price of 10^6 input tokens; None: prefills are priced by their seconds."""
    cached_input_mtok: float | None
    """The same, where the API's own cache holds them."""
    currency: str
    dated: str
    """Day of the oldest price from the table, `2026-06-17`; empty where none is from the table."""
    sources: tuple[tuple[str, str], ...]
    """Name of each price, and where it is from: address and day, or `set here`."""


def load_prices(overrides: Mapping[str, float | str] | None = None, table: Path | None = None) -> Prices:
    """Read prices: the table's for this machine's kind of device and a disk of its own, under what is overridden.

    Args:
        overrides: prices by the names of `Prices`; `device`, `storage` and `tariff` choose from the table instead.
        table: a file in place of the packaged one.

    Raises:
        ConfigError: the table is wrong, has no offer of that name, or is in another currency than what was set.
    """
    chosen = dict(overrides or {})
    read = read_table(table)
    values: dict[str, float | None] = {}
    sources, days = [], []
    for name, (kind, field) in _PLACES.items():
        offer = _offer(read, kind, chosen)
        if name in chosen:
            values[name] = float(chosen[name])
            sources.append((name, "set here"))
        elif offer is not None:
            values[name] = _for_this_machine(offer, field)
            sources.append((name, f"{offer.source} ({offer.dated})"))
            days.append(offer.dated)
        else:
            values[name] = None
    currency = str(chosen.get("currency", read.currency))
    if currency != read.currency:
        _refuse_mixture(read, currency, values, chosen)
    if values["input_mtok"] is None and values["cached_input_mtok"] is not None:
        raise ConfigError("prices.cached_input_mtok: set without input_mtok", hint="Set both, or name a tariff.")
    return Prices(
        device_hour=values["device_hour"] or 0.0,
        storage_gb_month=values["storage_gb_month"] or 0.0,
        transfer_gb=values["transfer_gb"] or 0.0,
        input_mtok=values["input_mtok"],
        cached_input_mtok=values["cached_input_mtok"],
        currency=currency,
        dated=str(min(days)) if days else "",
        sources=tuple(sources),
    )


def _offer(table: Table, kind: str, chosen: Mapping[str, float | str]) -> Offer | None:
    if kind == "tariffs":
        return table.offer(kind, str(chosen["tariff"])) if "tariff" in chosen else None
    if kind == "storage":
        return table.offer(kind, str(chosen.get("storage", table.defaults["storage"])))
    return table.offer(kind, str(chosen.get("device", table.defaults[machine_kind()])))


def machine_kind() -> str:
    """Tell what this machine would compute with: `cuda` where an accelerator's driver is there, else `cpu`."""
    return "cuda" if any(os.path.exists(file) for file in _DEVICE_FILES) else "cpu"


def _for_this_machine(offer: Offer, field: str) -> float:
    share = _num_cores() / offer.numbers["cores"] if "cores" in offer.numbers else 1.0
    return offer.numbers[field] * share


def _num_cores() -> int:
    # Where a container or a batch system gives a process some of the cores, only those cost.
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _refuse_mixture(
    table: Table, currency: str, values: Mapping[str, float | None], chosen: Mapping[str, float | str]
) -> None:
    """Refuse to add up two currencies; what is 0 is 0 in each."""
    if left := [name for name, value in values.items() if value and name not in chosen]:
        raise ConfigError(
            f"prices.currency: {currency}, but {', '.join(left)} would be the table's, in {table.currency}",
            hint="Set these prices too, or edit a copy of the table.",
        )
