"""What can be set: frozen, one record a subject."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from kvprep.config.values import DAY_SECONDS


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
