"""The report as one page: no script, nothing fetched, charts drawn here, for light, dark and paper."""

import base64
import hashlib
from datetime import UTC, datetime
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from kvprep.report.headline import headline, is_empty
from kvprep.report.page.cards import Facts
from kvprep.report.page.sections import sections
from kvprep.report.page.tiles import prices_used, tiles
from kvprep.wording import printable


def draw(facts: Facts, *, now: float) -> str:
    """Draw the report as HTML.

    Args:
        facts: of `report.facts`, times in seconds since 1970.
        now: when they were collected.
    """
    folder = files(__package__)
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    # Texts that strangers chose are escaped, and what is hidden in them is shown.
    template = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_told, trim_blocks=True, lstrip_blocks=True
    ).from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        style=Markup(style),  # our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        written=f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC",
        period=_period(facts),
        headline=headline(facts, now=now),
        is_empty=is_empty(facts),
        tiles=tiles(facts),
        sections=sections(facts),
        prices=prices_used(facts),
    )


def _told(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _period(facts: Facts) -> str:
    days = facts["days"]
    if not days:
        return ""
    first, last = days[0]["day"], days[-1]["day"]
    return first if first == last else f"{first} to {last}"
