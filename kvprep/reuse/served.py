"""What an answer was made from, for who wants to check it afterwards."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from kvprep.store.entry import EntryRecord
from kvprep.types import TokenIds


@dataclass(frozen=True, slots=True)
class Served:
    """An answer from the cache: what was loaded and what came of it. Holds no keys and values."""

    entry: EntryRecord
    tokens: int
    """Tokens that were loaded."""
    looked_up_at: float
    """When it was judged that they might be, in seconds since 1970."""
    path: Path | None = None
    """The source that was asked for; None: any source of the document."""
    question: TokenIds = field(kw_only=True, repr=False)
    """What was computed after the loaded tokens, in one pass."""
    answer: tuple[int, ...] = field(kw_only=True, repr=False)
    """Tokens, chosen greedily."""
    max_new_tokens: int = field(kw_only=True)
    eos_token_ids: Collection[int] = field(kw_only=True, repr=False)
