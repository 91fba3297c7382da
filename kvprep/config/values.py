"""Values as people write them, in flags and in TOML. A wrong one is a ValueError that says what is right."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

DAY_SECONDS = 86400.0
CODECS = ("none", "lossless", "auto")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_SECONDS, "w": 7 * DAY_SECONDS}
_MAX_DIGITS = 40
MOST_PRICE = 1e9
"""No price of anything is higher, in any currency."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?)B?|B)?", re.I)

Parser = Callable[[Any], Any]


def parse_duration(text: str) -> float | None:
    """Read `90s`, `15m`, `12h`, `30d` or `2w` as seconds, `none` as None; ValueError otherwise."""
    if text.strip().lower() == "none":
        return None
    if (match := _DURATION.fullmatch(text.strip().lower())) is None:
        raise ValueError(f"{text!r} is no duration; write 90s, 15m, 12h, 30d, 2w or none")
    return _number(match[1]) * _SECONDS[match[2]]


def parse_size(text: str) -> int:
    """Read `1500`, `20GB` or `512MiB` as bytes; ValueError otherwise."""
    if (match := _SIZE.fullmatch(text.strip())) is None:
        raise ValueError(f"{text!r} is no size; write 20GB or 512MiB")
    base = 1024 if match[3] else 1000
    return int(_number(match[1]) * base ** (" KMGT".index(match[2].upper()) if match[2] else 0))


def parse_price(text: str) -> tuple[str, float | str]:
    """Read `device_hour=0.5` or `device=l4`: a name of the section [prices] and its value; ValueError otherwise."""
    name, _, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if name not in PRICE_VALUES:
        raise ValueError(f"{name!r} is no price; one of {', '.join(PRICE_VALUES)}")
    try:
        return name, PRICE_VALUES[name](_as_number(value) if PRICE_VALUES[name] is as_price else value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"has more than {_MAX_DIGITS} digits")
    return float(digits)


def as_text(value: Any) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")
    return value


def as_path(value: Any) -> Path:
    """Take a path; `~` is the user's home."""
    if "\0" in as_text(value):
        raise ValueError("must be a path")
    return Path(value).expanduser()


def as_flag(value: Any) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def as_count(value: Any) -> int:
    """Take a whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number from 1")
    return value


def as_reads(value: Any) -> int:
    """Take a whole number from 0."""
    return 0 if value == 0 and not isinstance(value, bool) else as_count(value)


def as_codec(value: Any) -> str:
    """Take one of CODECS."""
    if value not in CODECS:
        raise ValueError(f"must be one of {', '.join(CODECS)}")
    return str(value)


def as_globs(value: Any) -> tuple[str, ...]:
    """Take a list of texts."""
    if not isinstance(value, list):
        raise ValueError('must be a list, as in ["*.pdf"]')
    return tuple(as_text(glob) for glob in value)


def as_size(value: Any) -> int:
    """Take bytes, as a number or as `parse_size` reads them."""
    return as_count(value) if not isinstance(value, str) else parse_size(value)


def as_duration(value: Any) -> float | None:
    """Take what `parse_duration` reads."""
    return parse_duration(as_text(value))


def as_price(value: Any) -> float:
    """Take a price."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= MOST_PRICE:
        raise ValueError(f"must be a number from 0 to {MOST_PRICE:,.0f}")
    return float(value)


def as_share(value: Any) -> float:
    """Take a number from 0 to 1."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError("must be a share, a number from 0 to 1")
    return float(value)


def as_filled(value: Any) -> str:
    """Take a text that is not empty."""
    if not as_text(value):
        raise ValueError("must not be empty")
    return str(value)


PRICE_VALUES: dict[str, Parser] = {
    **dict.fromkeys(("device_hour", "storage_gb_month", "transfer_gb", "input_mtok", "cached_input_mtok"), as_price),
    **dict.fromkeys(("currency", "device", "storage", "tariff"), as_filled),
}
"""What the section [prices] takes."""
