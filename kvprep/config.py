"""Settings: kvprep.toml < environment < flags. Frozen, one record a subject, every wrong one named."""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from kvprep.errors import ConfigError

DAY_SECONDS = 86400.0
FILE_NAME = "kvprep.toml"
CODECS = ("none", "lossless", "auto")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_SECONDS, "w": 7 * DAY_SECONDS}
_MAX_DIGITS = 40
MOST_PRICE = 1e9
"""No price of anything is higher, in any currency."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?)B?|B)?", re.I)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model, and how it is run; None: what the namespace used last."""

    name: str | None = None
    device: str | None = None
    dtype: str | None = None
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class IngestSection:
    """How documents are brought in."""

    preamble: Path | None = None
    """File whose text is put before every document."""
    jobs: int | None = None
    """Reading processes; None: one for each processor, at most four."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_bytes: int | None = None
    """Budget for new keys and values; None: half of the free space."""
    refuse_hidden: bool = False
    worth: int = 0
    """Reads that past look-ups must promise a document before it is computed; 0: all are."""
    codec: str = "none"
    """How keys and values are stored: one of CODECS."""


@dataclass(frozen=True, slots=True)
class TtlSection:
    """How long entries live, in seconds; None: for ever."""

    default: float | None = 30 * DAY_SECONDS
    globs: tuple[tuple[str, float | None], ...] = ()
    """Other times for paths that match; the first match counts."""


@dataclass(frozen=True, slots=True)
class AskSection:
    """How questions are answered."""

    max_new_tokens: int = 128
    shadow: float = 0.0
    """Share of the answers from the cache that are computed again, and compared."""


@dataclass(frozen=True, slots=True)
class GcSection:
    """What gc keeps."""

    idle: bool = True
    """Whether what is idle for too long goes."""
    max_bytes: int | None = None
    """What entries, documents and segments may take together; None: as much as there is room for."""


@dataclass(frozen=True, slots=True)
class PricesSection:
    """What goes before the prices of the table."""

    chosen: tuple[tuple[str, float | str], ...] = ()
    """Prices by name, and `device`, `storage` and `tariff`, which choose from the table."""
    table: Path | None = None
    """A table in place of the packaged one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    store: Path | None = None
    """None: the user's own."""
    namespace: str | None = None
    """None: `default`; all that the key opens, where a command can look at several."""
    key_file: Path | None = None
    """None: the user's configuration folder."""
    passphrase_file: Path | None = None
    """Its first line opens a store whose key file is not there; None: asked for on a terminal."""
    model: ModelSettings = field(default_factory=ModelSettings)
    ingest: IngestSection = field(default_factory=IngestSection)
    ttl: TtlSection = field(default_factory=TtlSection)
    ask: AskSection = field(default_factory=AskSection)
    gc: GcSection = field(default_factory=GcSection)
    prices: PricesSection = field(default_factory=PricesSection)

    @property
    def one_namespace(self) -> str:
        """The namespace of a command that works in one."""
        return self.namespace or "default"


Section = TypeVar("Section", ModelSettings, IngestSection, TtlSection, AskSection, GcSection, Settings)


def override(section: Section, **flags: Any) -> Section:
    """Replace the fields whose flag was given: those that are neither None nor an empty list."""
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    return replace(section, **given)


def read_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read a file, if there is one, and put the environment over it.

    Raises:
        ConfigError: no such file, no TOML, an unknown name, or a value that makes no sense; it is named.
    """
    return _from_environment(environment, _from_file(file) if file else Settings())


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
    if name not in _CHOSEN:
        raise ValueError(f"{name!r} is no price; one of {', '.join(_CHOSEN)}")
    try:
        return name, _CHOSEN[name](_as_number(value) if _CHOSEN[name] is _price else value)
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


def _from_file(file: Path) -> Settings:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", hint="Check --config.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: {error}", hint="Mend the file; `kvprep init` writes a commented one.") from error
    sections = {name: _SECTIONS[name](f"{file}: {name}", table.pop(name)) for name in _SECTIONS if name in table}
    top = _parsed(f"{file}: ", table, _TOP)
    # Paths in the file are meant from where it lies.
    placed: dict[str, Any] = {
        name: file.parent / value if isinstance(value, Path) else value for name, value in top.items()
    }
    settings = Settings(**placed, **sections)
    if settings.ingest.preamble:
        settings = replace(settings, ingest=replace(settings.ingest, preamble=file.parent / settings.ingest.preamble))
    if settings.prices.table:
        settings = replace(settings, prices=replace(settings.prices, table=file.parent / settings.prices.table))
    return settings


def _from_environment(environment: Mapping[str, str], base: Settings) -> Settings:
    def path(name: str) -> Path | None:
        return Path(environment[name]).expanduser() if environment.get(name) else None

    model = override(
        base.model,
        name=environment.get("KVPREP_MODEL") or None,
        device=environment.get("KVPREP_DEVICE") or None,
        dtype=environment.get("KVPREP_DTYPE") or None,
    )
    return override(
        base,
        store=path("KVPREP_STORE"),
        namespace=environment.get("KVPREP_NAMESPACE") or None,
        key_file=path("KVPREP_KEY_FILE"),
        passphrase_file=path("KVPREP_PASSPHRASE_FILE"),
        model=model,
    )


Parser = Callable[[Any], Any]


def _parsed(where: str, table: object, parsers: Mapping[str, Parser]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: must be a table", hint=f"Write [{where.rpartition(' ')[2]}] on a line of its own.")
    separator = "" if where.endswith(" ") else "."
    parsed = {}
    for name, value in table.items():
        if name not in parsers:
            raise ConfigError(f"{where}{separator}{name}: no such setting", hint=f"One of {', '.join(parsers)}.")
        try:
            parsed[name] = parsers[name](value)
        except (ValueError, RuntimeError) as error:  # RuntimeError: `~name/` of nobody
            raise ConfigError(f"{where}{separator}{name}: {error}") from error
    return parsed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")
    return value


def _path(value: Any) -> Path:
    if "\0" in _text(value):
        raise ValueError("must be a path")
    return Path(value).expanduser()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number from 1")
    return value


def _reads(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _count(value)


def _codec(value: Any) -> str:
    if value not in CODECS:
        raise ValueError(f"must be one of {', '.join(CODECS)}")
    return str(value)


def _globs(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('must be a list, as in ["*.pdf"]')
    return tuple(_text(glob) for glob in value)


def _size(value: Any) -> int:
    return _count(value) if not isinstance(value, str) else parse_size(value)


def _duration(value: Any) -> float | None:
    return parse_duration(_text(value))


def _price(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= MOST_PRICE:
        raise ValueError(f"must be a number from 0 to {MOST_PRICE:,.0f}")
    return float(value)


def _share(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError("must be a share, a number from 0 to 1")
    return float(value)


def _filled(value: Any) -> str:
    if not _text(value):
        raise ValueError("must not be empty")
    return str(value)


def _prices(where: str, table: object) -> PricesSection:
    parsed = _parsed(where, table, {**_CHOSEN, "table": _path})
    file = parsed.pop("table", None)
    return PricesSection(tuple(parsed.items()), file)


def _ttl(where: str, table: object) -> TtlSection:
    names = table if isinstance(table, dict) else {}
    parsed = _parsed(where, table, dict.fromkeys(names, _duration))
    default = parsed.pop("default", TtlSection().default)
    return TtlSection(default, tuple(parsed.items()))


_TOP: dict[str, Parser] = {"store": _path, "namespace": _text, "key_file": _path, "passphrase_file": _path}
_MODEL: dict[str, Parser] = {f.name: _text for f in fields(ModelSettings)}
_INGEST: dict[str, Parser] = {
    "preamble": _path,
    "jobs": _count,
    "include": _globs,
    "exclude": _globs,
    "max_bytes": _size,
    "refuse_hidden": _flag,
    "worth": _reads,
    "codec": _codec,
}
_ASK: dict[str, Parser] = {"max_new_tokens": _count, "shadow": _share}
_GC: dict[str, Parser] = {"idle": _flag, "max_bytes": _size}
_CHOSEN: dict[str, Parser] = {
    **dict.fromkeys(("device_hour", "storage_gb_month", "transfer_gb", "input_mtok", "cached_input_mtok"), _price),
    **dict.fromkeys(("currency", "device", "storage", "tariff"), _filled),
}
_SECTIONS: dict[str, Callable[[str, object], Any]] = {
    "model": lambda where, table: ModelSettings(**_parsed(where, table, _MODEL)),
    "ingest": lambda where, table: IngestSection(**_parsed(where, table, _INGEST)),
    "ttl": _ttl,
    "ask": lambda where, table: AskSection(**_parsed(where, table, _ASK)),
    "gc": lambda where, table: GcSection(**_parsed(where, table, _GC)),
    "prices": _prices,
}

TEMPLATE = """\
# Settings of this store. Environment variables go before them, flags before both. Remove a # to set one.
# Paths are meant from this file's folder.

# namespace = "default"
# key_file = "~/.config/kvprep/keys/mine.key"
# passphrase_file = "/run/secrets/words"        # its first line opens the store where the key file is not there

[model]
# name = "HuggingFaceTB/SmolLM2-135M-Instruct"  # hub id, folder or GGUF file; the bundled model without it
# device = "auto"                               # auto, cpu, cuda, mps
# dtype = "auto"                                # auto, bfloat16, float16, float32
# adapter = "my-lora"                           # folder of a LoRA adapter in PEFT's format

[ingest]
# preamble = "preamble.txt"                     # text that is put before every document
# jobs = 2                                      # reading processes
# include = ["*.pdf", "*.docx"]
# exclude = ["drafts/*"]
# max_bytes = "20GB"                            # budget for new keys and values; half of the free space without it
# refuse_hidden = true                          # no documents that hide text from a human reader
# worth = 2                                     # compute only what past look-ups promise so many reads
# codec = "auto"                                # none, lossless (a third smaller, slower to load), auto (what loads
#                                               # faster on this disk)

[ttl]
# default = "30d"                               # 90s, 15m, 12h, 30d, 2w or none
# "contracts/*" = "365d"                        # for paths that match; the first match counts

[ask]
# max_new_tokens = 128
# shadow = 0.01                                 # share of the answers that are computed again, and compared

[gc]
# idle = false                                  # keep what nobody asks for, whatever its rent
# max_bytes = "200GB"                           # over it, what is worth least goes

[prices]
# device = "l4"                                 # cpu, a10g, l4, rtx4090, a100, h100; what this machine has without it
# storage = "object"                            # nvme, block, object, object-remote, network; nvme without it
# tariff = "gpt-5.4"                            # a hosted API's price for tokens, in place of the device's for seconds
# device_hour = 0.12                            # or a price by itself: also storage_gb_month, transfer_gb, input_mtok,
#                                               # cached_input_mtok, currency
# table = "prices.toml"                         # a table of your own in place of the packaged one
"""
