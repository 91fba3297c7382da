"""Settings: kvprep.toml < environment < flags. Every wrong one is named."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kvprep.config.sections import (
    AskSection,
    GcSection,
    IngestSection,
    ModelSettings,
    PricesSection,
    Settings,
    TtlSection,
    override,
)
from kvprep.config.values import (
    PRICE_VALUES,
    Parser,
    as_codec,
    as_count,
    as_duration,
    as_flag,
    as_globs,
    as_path,
    as_reads,
    as_share,
    as_size,
    as_text,
)
from kvprep.errors import ConfigError

FILE_NAME = "kvprep.toml"
_MOST_BYTES = 1 << 20


def read_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read a file, if there is one, and put the environment over it.

    Raises:
        ConfigError: no such file, no TOML, an unknown name, or a value that makes no sense; it is named.
    """
    return _from_environment(environment, _from_file(file) if file else Settings())


def read_store_settings(file: Path, environment: Mapping[str, str]) -> Settings:
    """Read the file that lies in a store, and put the environment over it.

    Raises:
        ConfigError: as `read_settings` does; or it says what nobody may who can only write to the store.
    """
    settings = _from_file(file)
    _refuse_key(file, settings)
    _refuse_foreign_preamble(file, settings.ingest.preamble)
    return _from_environment(environment, settings)


def _refuse_key(file: Path, settings: Settings) -> None:
    """Else a store could be put in place of another, with a key beside it that its maker has: he would read all."""
    for name in ("key_file", "passphrase_file"):
        if getattr(settings, name) is not None:
            raise ConfigError(
                f"{file}: {name}: what opens a store is not named in the store's own folder",
                hint=f"Set KVPREP_{name.upper()}, or name it in a file elsewhere and that file with --config.",
            )


def _refuse_foreign_preamble(file: Path, preamble: Path | None) -> None:
    """Else whoever opens one namespace could have any file of who ingests stored in it, his key file for one."""
    if preamble is not None and (preamble.parent != file.parent or preamble.is_symlink()):
        raise ConfigError(
            f"{file}: ingest.preamble: {preamble} does not lie beside it",
            hint="Copy it into the store's folder, or name it with --preamble or in a file elsewhere with --config.",
        )


def _from_file(file: Path) -> Settings:
    try:
        table = tomllib.loads(_read_limited(file).decode())
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


def _read_limited(file: Path) -> bytes:
    with open(file, "rb") as opened:
        data = opened.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("larger than any settings are")
    return data


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


def _prices(where: str, table: object) -> PricesSection:
    parsed = _parsed(where, table, {**PRICE_VALUES, "table": as_path})
    file = parsed.pop("table", None)
    return PricesSection(tuple(parsed.items()), file)


def _ttl(where: str, table: object) -> TtlSection:
    names = table if isinstance(table, dict) else {}
    parsed = _parsed(where, table, dict.fromkeys(names, as_duration))
    default = parsed.pop("default", TtlSection().default)
    return TtlSection(default, tuple(parsed.items()))


_TOP: dict[str, Parser] = {"store": as_path, "namespace": as_text, "key_file": as_path, "passphrase_file": as_path}
_MODEL: dict[str, Parser] = {f.name: as_text for f in fields(ModelSettings)}
_INGEST: dict[str, Parser] = {
    "preamble": as_path,
    "jobs": as_count,
    "include": as_globs,
    "exclude": as_globs,
    "max_bytes": as_size,
    "refuse_hidden": as_flag,
    "worth": as_reads,
    "codec": as_codec,
}
_ASK: dict[str, Parser] = {"max_new_tokens": as_count, "shadow": as_share}
_GC: dict[str, Parser] = {"idle": as_flag, "max_bytes": as_size}
_SECTIONS: dict[str, Callable[[str, object], Any]] = {
    "model": lambda where, table: ModelSettings(**_parsed(where, table, _MODEL)),
    "ingest": lambda where, table: IngestSection(**_parsed(where, table, _INGEST)),
    "ttl": _ttl,
    "ask": lambda where, table: AskSection(**_parsed(where, table, _ASK)),
    "gc": lambda where, table: GcSection(**_parsed(where, table, _GC)),
    "prices": _prices,
}
