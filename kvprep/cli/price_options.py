"""The option that sets prices, of `plan`, `stats` and `gc`, and the prices that it and the settings make."""

from typing import Annotated

import typer

from kvprep import wording
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
    """Write an amount for a person."""
    return wording.money(amount, prices.currency)
