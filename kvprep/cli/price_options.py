"""The option that sets prices, of `plan`, `stats` and `gc`, and the prices that it and the settings make."""

import math
from typing import Annotated

import typer

from kvprep.cli.session import Session
from kvprep.config import parse_price
from kvprep.economics.prices import Prices, load_prices

Price = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="A price in place of the table's: device_hour=0.5, storage=object, tariff=gpt-5.4; repeatable.",
    ),
]

_LEAST = 1e-9
"""Less is nothing."""


def prices_of(session: Session, flags: list[str] | None) -> Prices:
    """Read the prices of a run: flags before settings before the table.

    Raises:
        ConfigError: a price of the settings or of the table makes no sense.
    """
    section = session.settings.prices
    return load_prices({**dict(section.chosen), **dict(map(_parsed, flags or ()))}, section.table)


def _parsed(flag: str) -> tuple[str, float | str]:
    try:
        return parse_price(flag)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--price") from error


def money(prices: Prices, amount: float) -> str:
    """Write an amount for a person: cents, and below one unit the first two digits that count."""
    size = abs(amount)
    digits = 2 if size >= 1 or size < _LEAST else 1 - math.floor(math.log10(size))
    return f"{amount:,.{digits}f} {prices.currency}"
