"""Verify's level deep: is what is stored what the model computes?

A sample of entries is computed afresh, in the pieces in which it was computed first. Keys and values must be equal bit
for bit, and so must the tokens that the model answers after them.

Source: store-format decision "Exactness": the reference of a load is its replay.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from kvprep.checks.replay import answer_tokens, first_difference
from kvprep.errors import EntryGone, IntegrityError
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.models import ModelFiles
from kvprep.reuse import load, replay
from kvprep.store.checklog import CheckLog
from kvprep.store.findings import REINGEST, Tally
from kvprep.store.namespace import Namespace
from kvprep.store.scrub import Effort, Scrub
from kvprep.store.store import Store
from kvprep.store.verify import CHECK_LOG, Level, VerifyReport, verify
from kvprep.types import EntryId

DEFAULT_SAMPLE = 5
"""Entries that are computed afresh in one run."""
_QUESTION_TOKENS = 8
_ANSWER_TOKENS = 16
_NAME_MODEL = "Name the model that made them with --model."


@dataclass(frozen=True, slots=True)
class _Candidate:
    namespace: Namespace
    entry: EntryId
    files: ModelFiles


def verify_deep(
    store: Store,
    *,
    effort: Effort,
    find_model: Callable[[Namespace], ModelFiles],
    load_engine: Callable[[ModelFiles], Engine],
) -> VerifyReport:
    """Check a store at level bytes, then compute a sample of its entries afresh.

    Args:
        store: open; nothing in it is changed but the log of checks.
        effort: which entries; of the levels below only `max_age_seconds` counts.
        find_model: gives the model of a namespace; entries that another one made are passed over.
        load_engine: loads it; the last one is kept.

    Raises:
        ModelError: a model is not there, or cannot be loaded.
        WrongKey: the keys of a namespace are damaged.
    """
    below = verify(store, effort=Effort(max_age_seconds=effort.max_age_seconds))
    if any(finding.subject.startswith("namespaces/") for finding in below.findings):
        return replace(below, level=Level.DEEP)  # one of them does not open
    tally = Tally()
    candidates = _candidates(store, find_model, tally)
    effort = replace(effort, sample=effort.sample or DEFAULT_SAMPLE)
    engines = _Engines(load_engine)
    with CheckLog(store.path / CHECK_LOG, Level.DEEP) as log:
        for subject in Scrub(effort, log, tally).over(sorted(candidates)):
            _Replay(candidates[subject], subject, engines, tally).compare()
    if below.checked.get("entries") and not tally.checked["replayed"] and not tally.recent:
        tally.error(".", "no entry was computed afresh", _NAME_MODEL)
    return VerifyReport(
        Level.DEEP,
        (*below.findings, *tally.findings),
        dict(Counter(below.checked) + tally.checked),
        below.recent + tally.recent,
        below.left + tally.left,
    )


def _candidates(store: Store, find_model: Callable[[Namespace], ModelFiles], tally: Tally) -> dict[str, _Candidate]:
    """Find, by the names of their files, the entries that the models at hand have made."""
    found: dict[str, _Candidate] = {}
    for namespace in store.namespaces():
        rows = namespace.index.entries()
        if not rows:
            continue
        files = find_model(namespace)
        ours = [row for row in rows if row["fingerprint"] == files.identity.fingerprint.hex()]
        for row in ours:
            path = store.layout.file("entries", row["id"])
            found[store.layout.relative(path)] = _Candidate(namespace, EntryId(row["id"]), files)
        if others := len(rows) - len(ours):
            problem = f"{others} entries of namespace {namespace.name} were made by another model"
            tally.info("entries", problem, _NAME_MODEL)
    return found


class _Engines:
    """The engine that was used last."""

    def __init__(self, load_engine: Callable[[ModelFiles], Engine]) -> None:
        self._load = load_engine
        self._last: tuple[ModelFiles, Engine] | None = None

    def of(self, files: ModelFiles) -> Engine:
        if self._last is None or self._last[0] != files:
            self._last = None  # its memory is free before the next one is loaded
            self._last = (files, self._load(files))
        return self._last[1]


class _Replay:
    """One entry, loaded and computed afresh."""

    def __init__(self, candidate: _Candidate, subject: str, engines: _Engines, tally: Tally) -> None:
        self._namespace, self._subject, self._tally = candidate.namespace, subject, tally
        self._engine = engines.of(candidate.files)
        self._entry = candidate.namespace.entry_or_none(candidate.entry)  # damage is named by the level below

    def compare(self) -> None:
        """Note what differs."""
        if self._entry is None:
            return
        room = _QUESTION_TOKENS + _ANSWER_TOKENS
        try:
            stored = load(self._namespace, self._entry, self._engine, tokens=self._entry.num_tokens, room=room)
        except EntryGone:
            return
        except IntegrityError as error:
            self._tally.failed(self._subject, error, REINGEST)
            return
        fresh = replay(self._entry, self._engine, room=room)
        self._tally.checked["replayed"] += 1
        token = first_difference(stored, fresh, self._entry.shape, self._entry.num_tokens)
        if token is not None:
            self._differs(token)
        elif self._answer(stored) != self._answer(fresh):
            self._tally.error(
                self._subject, "the model answers with other tokens than after computing afresh", REINGEST
            )

    def _differs(self, token: int) -> None:
        """Name the entry, and the segment, whose other entries are as wrong."""
        assert self._entry is not None
        self._tally.error(self._subject, f"keys and values differ from token {token} on when computed afresh", REINGEST)
        block = token // self._entry.block_size
        segment = next(s.segment for s in self._entry.stretches if s.first_block <= block < s.last_block)
        layout = self._namespace.store.layout
        path = layout.relative(layout.file("segments", segment))
        self._tally.error(path, f"holds other keys and values than {self._entry.model.name} computes", REINGEST)

    def _answer(self, buffer: KVBuffer) -> list[int]:
        """Answer the document's own first tokens, as far as the model has positions for that."""
        assert self._entry is not None
        return answer_tokens(self._engine, buffer, self._entry.token_ids[:_QUESTION_TOKENS], most=_ANSWER_TOKENS)
