"""Shadow checks: a share of the answers from the cache is computed again, after they have been given.

That something stale was served shows here and nowhere else: a look-up trusts size, times and inode of a source, a check
reads its bytes.

Source: docs/maintenance.md, "Shadow checks"; store-format decision "Exactness".
"""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kvprep.checks.replay import answer_tokens, first_difference
from kvprep.errors import EntryGone, IntegrityError, UnreadableDocument
from kvprep.prefill.base import Engine
from kvprep.reuse import load, replay
from kvprep.reuse.served import Served
from kvprep.sources import locate, read_source
from kvprep.store.entry import EntryRecord
from kvprep.store.events import Event, EventKind
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, SourceRecord

EQUAL, DIFFERS, STALE = "equal", "differs", "stale"


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What the check of one answer found."""

    document: ContentHash
    problems: tuple[tuple[str, str], ...] = ()
    """Each of them `differs` or `stale`, and what that was."""

    @property
    def results(self) -> tuple[str, ...]:
        """`equal`, or the kinds of problems."""
        return tuple(kind for kind, _ in self.problems) or (EQUAL,)


class ShadowChecks:
    """Checks a share of one namespace's answers, and counts what comes of it for `kvprep stats`."""

    def __init__(self, namespace: Namespace, *, share: float, draw: Callable[[], float] = random.random) -> None:
        """Check nothing yet.

        Args:
            namespace: whose answers.
            share: of the answers from the cache, 0 to 1.
            draw: gives a number from 0 up to 1, for each answer anew; below `share` it is checked.

        Raises:
            ValueError: `share` is none.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is no share, 0 to 1")
        self._namespace, self._share, self._draw = namespace, share, draw

    def consider(self, served: Served, engine: Engine) -> ShadowReport | None:
        """Check an answer if it is drawn; None where it is not, or its entry is gone since.

        Takes as long as computing the document, and memory for its keys and values twice, in buffers of its own.

        Args:
            served: `AnswerReport.served`, or what a server has loaded by itself.
            engine: the one that answered.

        Raises:
            StoreError: the store cannot be read, or the audit log not be written.
        """
        if self._draw() >= self._share:
            return None
        with suppress(EntryGone):
            # Freshness first: the sooner it is judged, the less can have changed since.
            found = [*self._staleness(served), *self._differences(served, engine)]
            report = ShadowReport(served.entry.document, tuple(found))
            self._count(served, report)
            return report
        return None

    def _staleness(self, served: Served) -> list[tuple[str, str]]:
        """Judge by content whether what was served is what the source shows."""
        # Where sources are not looked at, serving what is older than they are is the owner's choice.
        if self._namespace.state().source_check != "stat":
            return []
        record = self._namespace.document(served.entry.document)
        sources = record.sources if record else ()
        asked = [s for s in sources if served.path is None or s.path == str(served.path)]
        # Without one, an ingest has seen since that it shows something else now.
        if not asked or any(_was_right(source, served.looked_up_at) for source in asked):
            return []
        return [(STALE, "served although its source holds other bytes, or is gone")]

    def _differences(self, served: Served, engine: Engine) -> list[tuple[str, str]]:
        tokens, room = served.tokens, len(served.question) + served.max_new_tokens
        try:
            entry = self._unchanged(served.entry)
            stored = load(self._namespace, entry, engine, tokens=tokens, room=room)
        except IntegrityError as error:
            return [(DIFFERS, f"damaged since: {error}")]
        fresh = replay(entry, engine, room=room)
        fresh.truncate(tokens)
        token = first_difference(stored, fresh, entry.shape, tokens)
        if token is not None:
            return [(DIFFERS, f"keys and values differ from token {token} on when computed afresh")]
        first = served.question[:1]
        if not np.array_equal(engine.logits(stored, first), engine.logits(fresh, first), equal_nan=True):
            return [(DIFFERS, "the model judges the question otherwise than after computing afresh")]
        answer = answer_tokens(
            engine, fresh, served.question, most=served.max_new_tokens, eos_token_ids=served.eos_token_ids
        )
        return [] if answer == list(served.answer) else [(DIFFERS, "the answer has other tokens when computed afresh")]

    def _unchanged(self, entry: EntryRecord) -> EntryRecord:
        """Open an entry again: its segments may have been sealed anew, but another prefill of it proves nothing."""
        current = self._namespace.reopened(entry)
        if current is None or current.pieces != entry.pieces:
            raise EntryGone("the entry was removed or replaced since", hint="Ask again.")
        return current

    def _count(self, served: Served, report: ShadowReport) -> None:
        namespace, ident = self._namespace, self._namespace.document_id(served.entry.document)
        for result in report.results:
            namespace.store.usage.record(
                Event(
                    EventKind.SHADOW,
                    namespace=namespace.ident.hex(),
                    model=served.entry.model.fingerprint.hex(),
                    document=ident.hex(),
                    result=result,
                )
            )
            namespace.note("shadow", result, subject=ident, tokens=served.tokens)


def _was_right(source: SourceRecord, at: float) -> bool:
    """Tell whether a source holds the bytes that it held when it was read, or has changed only after a time."""
    path = Path(source.path)
    with suppress(OSError, UnreadableDocument):
        if read_source(locate(path)[0]).state.digest == source.state.digest:
            return True
    return _changed_after([path, *path.parents], at)


def _changed_after(paths: Sequence[Path], at: float) -> bool:
    """Tell by the first path that is there whether something was written to it, or taken out of it, since."""
    for path in paths:
        with suppress(OSError):
            return path.stat().st_ctime > at
    return False
