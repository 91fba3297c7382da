"""The table of prices: a TOML file that anybody may edit, so every value in it is checked and every wrong one named.

Source: docs/economics.md, "The table".
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from kvprep.config import MOST_PRICE
from kvprep.errors import ConfigError

PACKAGED = Path(__file__).with_name("prices.toml")
_MOST_BYTES = 1 << 20
_MOST_CHARACTERS = 500
_ABOUT = ("source", "dated", "note")
_NEEDED = {
    "devices": ("hour",),
    "storage": ("gb_month", "transfer_gb"),
    "tariffs": ("input_mtok", "cached_input_mtok"),
}
_ALSO = {"devices": ("cores",), "storage": (), "tariffs": ()}
_DEFAULTS = {"cpu": "devices", "cuda": "devices", "storage": "storage"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that has prices: a device, a kind of storage, a tariff."""

    numbers: Mapping[str, float]
    source: str
    dated: date


@dataclass(frozen=True, slots=True)
class Table:
    """All offers of one file, in one currency."""

    file: Path
    currency: str
    defaults: Mapping[str, str]
    """Names of the offers for `cpu`, `cuda` and `storage`."""
    offers: Mapping[str, Mapping[str, Offer]]
    """By kind (`devices`, `storage`, `tariffs`) and name."""

    def offer(self, kind: str, name: str) -> Offer:
        """Give an offer by its name.

        Raises:
            ConfigError: the table has none of this name.
        """
        offers = self.offers[kind]
        if name not in offers:
            raise ConfigError(f"{self.file}: {kind}.{name}: no such price", hint=f"One of {', '.join(offers)}.")
        return offers[name]


def read_table(file: Path | None = None) -> Table:
    """Read a table of prices, or the packaged one.

    Raises:
        ConfigError: it cannot be read, or holds a name or a value that makes no sense; the key is named.
    """
    file = file or PACKAGED
    facts = _facts(file)
    check = _Checker(file)
    check.names("", facts, ("currency", "defaults", *_NEEDED))
    offers = {kind: check.offers(kind, facts[kind]) for kind in _NEEDED}
    table = Table(file, check.text("currency", facts["currency"]), check.defaults(facts["defaults"]), offers)
    for name, kind in _DEFAULTS.items():
        if table.defaults[name] not in offers[kind]:
            check.wrong(f"defaults.{name}", f"names no offer in [{kind}]")
    return table


def _facts(file: Path) -> dict[str, Any]:
    try:
        with open(file, "rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", hint="Check `table` in [prices].") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{file}: larger than {_MOST_BYTES:,} bytes, so no table of prices")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: {error}", hint="Mend the file, or begin with the packaged one.") from error


class _Checker:
    """Checks the values of one file; whatever it refuses it names by its key."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def wrong(self, key: str, problem: str) -> None:
        """Refuse a key."""
        raise ConfigError(f"{self._file}: {key}: {problem}", hint="docs/economics.md says what the table holds.")

    def names(self, key: str, value: object, needed: tuple[str, ...], also: tuple[str, ...] = ()) -> dict[str, Any]:
        """Take a table that has all of these names, and no others."""
        if not isinstance(value, dict):
            self.wrong(key, "must be a table")
        assert isinstance(value, dict)
        prefix = f"{key}." if key else ""
        for name in value:
            if name not in needed + also:
                self.wrong(f"{prefix}{name}", f"no such name; one of {', '.join(needed + also)}")
        for name in needed:
            if name not in value:
                self.wrong(f"{prefix}{name}", "is missing")
        return value

    def offers(self, kind: str, value: object) -> dict[str, Offer]:
        """Take all offers of a kind."""
        if not isinstance(value, dict):
            self.wrong(kind, "must be a table")
        assert isinstance(value, dict)
        return {name: self._offer(kind, f"{kind}.{name}", facts) for name, facts in value.items()}

    def _offer(self, kind: str, key: str, facts: object) -> Offer:
        named = self.names(key, facts, (*_NEEDED[kind], "source", "dated"), (*_ALSO[kind], "note"))
        for name in ("source", "note"):
            self.text(f"{key}.{name}", named.get(name, ""))
        numbers = {name: self._number(f"{key}.{name}", value) for name, value in named.items() if name not in _ABOUT}
        if numbers.get("cores", 1) < 1:
            self.wrong(f"{key}.cores", "must be at least 1")
        dated = named["dated"]
        # A TOML time is a date too, for Python.
        if type(dated) is not date:
            self.wrong(f"{key}.dated", "must be a date: 2026-06-17, without quotes")
        return Offer(numbers, named["source"], dated)

    def _number(self, key: str, value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not 0 <= value <= MOST_PRICE:  # type: ignore[arg-type, operator]
            self.wrong(key, f"must be a number from 0 to {MOST_PRICE:,.0f}")
        return float(value)  # type: ignore[arg-type]

    def text(self, key: str, value: object) -> str:
        """Take a short text."""
        if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
            self.wrong(key, "must be a short text in quotes")
        return str(value)

    def defaults(self, value: object) -> dict[str, str]:
        """Take the names of what is used where nothing is chosen."""
        named = self.names("defaults", value, tuple(_DEFAULTS))
        return {name: self.text(f"defaults.{name}", named[name]) for name in _DEFAULTS}
