"""How to ingest."""

from dataclasses import dataclass

from kvprep.prefill.models import ModelSpec

DEFAULT_TTL_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How to ingest."""

    model: ModelSpec | None = None
    """None: what the namespace used last, else the bundled model."""
    preamble: str | None = None
    """Text before every document. None: what the namespace used last."""
    ttl_seconds: float | None = DEFAULT_TTL_SECONDS
    """None: entries never expire."""
    ttl_globs: tuple[tuple[str, float | None], ...] = ()
    """Other times to live for paths that match; the first match counts."""
    include: tuple[str, ...] = ()
    """Globs of files; what is inside a file comes with it."""
    exclude: tuple[str, ...] = ()
    """Globs of files, and of what is inside files."""
    max_bytes: int | None = None
    """Budget for new keys and values. None: half of the free space."""
    prune_missing: bool = False
    """Remove documents below the given paths whose sources are gone."""
    refuse_hidden: bool = False
    """Skip what hides text from a human reader."""
    keep_drifted: bool = False
    """Keep a stored text, and its keys and values, where the same bytes now give one that differs in blanks only."""
    worth: int = 0
    """Compute only what past look-ups promise so many reads within its time to live; 0: all."""
    codec: str = "none"
    """How keys and values are stored: `none`, `lossless` (about a third smaller, slower to load) or `auto`, which
    measures this disk and this processor and takes what loads faster."""
