"""Answers about a document: from the cache where it may be used, cold where not, and always with what happened.

One Assistant loads its model once, and keeps the last document's buffer for the next question about it.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kvprep.documents.cage import Cage
from kvprep.errors import EntryGone, IntegrityError, NotFound, StoreError
from kvprep.pipeline.deferral import is_worth_now
from kvprep.pipeline.late import LateJob, computed_late
from kvprep.pipeline.model import load_engine as embedded_engine
from kvprep.pipeline.model import remembered_spec
from kvprep.pipeline.reading import read_one
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.prefill.plan import cut
from kvprep.progress import Progress, Silent
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, find_document, load, look_up, reason_of, replay
from kvprep.reuse.served import Served
from kvprep.sources import exists
from kvprep.store.entry import EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.store.usage import Event, EventKind
from kvprep.types import ContentHash, MissReason, Prompt, TokenIds


@dataclass
class AnswerReport:
    """What one answer took."""

    question: str
    document: ContentHash | None = None
    """What was asked about: as it is known, and where it is not, as it was read."""
    answer: str = ""
    result: str = "miss"
    """`hit`, `partial` or `miss`."""
    reason: str = ""
    """Of a miss: a MissReason; `no-cache` where the cache was not to be used."""
    detail: str = ""
    is_stored: bool = False
    """Whether what was computed of a deferred document was stored, for the next question."""
    tokens_reused: int = 0
    tokens_computed: int = 0
    """Prompt tokens that went through the model for this answer, the question included."""
    load_s: float = 0.0
    first_token_s: float = 0.0
    """From the question to its first token, loading or computing the document included."""
    total_s: float = 0.0
    prefill_s: float = 0.0
    """What computing the document took: when it was stored, or now."""
    saved_s: float = 0.0
    saved_flops: float = 0.0
    served: Served | None = field(default=None, repr=False)
    """Of a hit: what `ShadowChecks` can check."""


@dataclass
class _Ready:
    """A buffer that holds a document, and the prompt it is of."""

    document: ContentHash
    prompt: Prompt
    buffer: KVBuffer
    loaded: Hit | None = None
    """Of what was loaded."""


class Answer:
    """An answer in the making: iterate over its text; then `report` is complete."""

    def __init__(self, report: AnswerReport, pieces: Iterator[str]) -> None:
        """Use `Assistant.answer`."""
        self.report = report
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        """Yield the text piece by piece as it is generated."""
        return self._pieces


class Assistant:
    """Asks one model about the documents of one namespace."""

    def __init__(
        self,
        namespace: Namespace,
        cage: Cage,
        model: ModelSpec | None = None,
        progress: Progress | None = None,
        *,
        load_engine: Callable[[ModelFiles], Engine] | None = None,
        codec: str = "none",
    ) -> None:
        """Find the model; it is loaded at the first question.

        Args:
            namespace: whose documents.
            cage: readers for a cold answer, started before the store's key was read.
            model: None for what the namespace used last, else the bundled model.
            progress: hears what finding the model does.
            load_engine: the embedded engine by default.
            codec: how a deferred document is stored once it is worth it.
        """
        known = namespace.state().settings
        self._namespace, self._cage = namespace, cage
        self._files = resolve(model or remembered_spec(known), progress or Silent())
        self._template = PromptTemplate.load(self._files.folder, preamble=known.get("preamble", ""))
        self._load_engine, self._codec = load_engine or embedded_engine, codec
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The model, loaded when first needed."""
        if self._engine is None:
            self._engine = self._load_engine(self._files)
        return self._engine

    def answer(self, name: str, question: str, *, max_new_tokens: int = 128, use_cache: bool = True) -> Answer:
        """Begin an answer about the document that `name` finds, or about the file at that path.

        A document that may not be loaded is computed again: from its entry in the same pieces where `use_cache` is
        off, else from its source as it is now.

        Raises:
            NotFound: neither a document nor a file.
            DocumentError: a cold answer is needed, and the source cannot be read.
        """
        report = AnswerReport(question)
        return Answer(report, self._generate(report, name, question, max_new_tokens, use_cache))

    def look_up(self, name: str) -> tuple[ContentHash | None, Hit | Miss]:
        """Look a document up as `answer` does, without loading anything."""
        try:
            document = find_document(self._namespace, name)
        except NotFound:
            if not exists(Path(name)):
                raise
            self._namespace.note("look-up", str(MissReason.ABSENT))
            return None, Miss(MissReason.ABSENT, "not in this namespace")
        tags = self._template.tags
        return document, look_up(self._namespace, document, self._files.identity, tags, path=_source_at(name))

    def refuse(self, document: ContentHash | None, reason: MissReason) -> None:
        """Count a look-up after which nothing is to be answered: the document was asked for all the same."""
        self._count(AnswerReport("", reason=str(reason), document=document))

    def _generate(
        self, report: AnswerReport, name: str, question: str, max_new_tokens: int, use_cache: bool
    ) -> Iterator[str]:
        try:
            with ExitStack() as storing:
                yield from self._generated(report, name, question, max_new_tokens, use_cache, storing)
                self._close(storing, report)
        finally:
            self._count(report)  # an answer that nobody wants to the end was looked up all the same

    def _generated(
        self,
        report: AnswerReport,
        name: str,
        question: str,
        max_new_tokens: int,
        use_cache: bool,
        storing: ExitStack,
    ) -> Iterator[str]:
        looked_up_at = time.time()
        document, found = self.look_up(name)
        engine = self.engine
        began = time.perf_counter()
        ready = self._warm(report, found, max_new_tokens) if use_cache else self._replayed(report, found)
        if ready is None:
            ready = self._cold(report, name, document, storing if use_cache else None)
        report.document = document or ready.document
        tail = self._template.continuation(ready.prompt, question)
        report.tokens_computed += len(tail)
        token_ids: list[int] = []
        shown = ""
        stream = engine.generate(
            ready.buffer, tail, max_new_tokens=max_new_tokens, eos_token_ids=self._template.eos_token_ids
        )
        for token in stream:
            if not token_ids:
                report.first_token_s = time.perf_counter() - began
            token_ids.append(token)
            text = self._template.decode(token_ids)
            # A character whose bytes are spread over several tokens shows as U+FFFD until it is whole.
            if not text.endswith("\ufffd"):
                yield text[len(shown) :]
                shown = text
        report.answer = self._template.decode(token_ids)
        yield report.answer[len(shown) :]
        report.total_s = time.perf_counter() - began
        if ready.loaded is not None:
            report.served = self._served(ready.loaded, name, looked_up_at, tail, token_ids, max_new_tokens)

    def _served(
        self, loaded: Hit, name: str, looked_up_at: float, question: TokenIds, answer: list[int], max_new_tokens: int
    ) -> Served:
        return Served(
            loaded.entry,
            loaded.tokens,
            looked_up_at,
            _source_at(name),
            question=question,
            answer=tuple(answer),
            max_new_tokens=max_new_tokens,
            eos_token_ids=self._template.eos_token_ids,
        )

    def _warm(self, report: AnswerReport, found: Hit | Miss, room: int) -> _Ready | None:
        if isinstance(found, Miss):
            report.reason, report.detail = str(found.reason), found.detail
            return None
        entry = found.entry
        began = time.perf_counter()
        try:
            if (prompt := self._prompt_of(report, entry)) is None:
                report.reason = str(MissReason.MISMATCH)
                return None
            buffer = load(self._namespace, entry, self.engine, tokens=found.tokens, room=room)
        except EntryGone as error:
            report.reason, report.detail = str(MissReason.ABSENT), str(error)
            return None
        except IntegrityError as error:
            report.reason, report.detail = str(reason_of(error)), str(error)
            return None
        report.load_s = time.perf_counter() - began
        report.result, report.tokens_reused = "hit", found.tokens
        report.prefill_s = report.saved_s = entry.cost.seconds
        report.saved_flops = entry.cost.flops
        return _Ready(entry.document, prompt, buffer, found)

    def _prompt_of(self, report: AnswerReport, entry: EntryRecord) -> Prompt | None:
        """Render the stored text again. None where other tokens come out: the tags do not know the libraries' release.

        Raises:
            IntegrityError: the text is gone or damaged.
        """
        record = self._namespace.document(entry.document)
        if record is None:
            raise IntegrityError(f"document {entry.document.hex()[:12]}: its text is gone")
        prompt = self._template.render(record.text)
        if np.array_equal(prompt.token_ids, entry.token_ids):
            return prompt
        report.detail = "tokens: its text makes others now"
        return None

    def _replayed(self, report: AnswerReport, found: Hit | Miss) -> _Ready | None:
        report.reason = "no-cache"
        if isinstance(found, Miss):
            report.detail = f"{found.reason}: {found.detail}"
            return None
        began = time.perf_counter()
        if (prompt := self._prompt_of(report, found.entry)) is None:
            return None
        buffer = replay(found.entry, self.engine)
        report.prefill_s = time.perf_counter() - began
        report.tokens_computed = found.entry.num_tokens
        return _Ready(found.entry.document, prompt, buffer)

    def _cold(self, report: AnswerReport, name: str, document: ContentHash | None, storing: ExitStack | None) -> _Ready:
        """Compute the document from its source as it is now; where that is gone, from its stored text.

        Args:
            report: is told what it took.
            name, document: what was asked for, and what it is known as.
            storing: is given what stores a deferred document that is worth it now; None: nothing is to be stored.
        """
        content, text = self._current(Path(name), document)
        prompt = self._template.render(text)
        if storing is not None and (ready := self._late(report, content, prompt, storing)) is not None:
            return ready
        num_tokens = len(prompt.token_ids)
        buffer = self.engine.new_buffer(num_tokens)
        cost = self.engine.prefill(buffer, prompt.token_ids, cut(0, num_tokens))
        report.prefill_s, report.tokens_computed = cost.seconds, num_tokens
        return _Ready(content, prompt, buffer)

    def _late(self, report: AnswerReport, content: ContentHash, prompt: Prompt, storing: ExitStack) -> _Ready | None:
        """Compute a deferred document that is worth it by now, so that it is stored; None: nothing is to be stored."""
        tags, record = self._template.tags, self._namespace.document_or_none(self._namespace.document_id(content))
        deferral = (
            record.deferral(self._namespace.index.model_id(self._files.identity.fingerprint, tags)) if record else None
        )
        if record is None or deferral is None:
            return None
        try:
            if not is_worth_now(self._namespace, record, deferral):
                return None
            job = LateJob(content, prompt, deferral, tags, self._codec)
            late = storing.enter_context(computed_late(self._namespace, self._files, self.engine, job))
        except StoreError as error:
            report.detail = f"deferred, and not stored now: {error}"
            return None
        report.prefill_s, report.tokens_computed = late.tally.prefill_s, late.tally.tokens_computed
        report.tokens_reused = len(prompt.token_ids) - late.tally.tokens_computed
        report.is_stored = True
        return _Ready(content, prompt, late.buffer)

    def _close(self, storing: ExitStack, report: AnswerReport) -> None:
        """End the storing of a deferred document. What goes wrong with it is told, and takes no answer away."""
        try:
            storing.close()
        except StoreError as error:
            report.is_stored, report.detail = False, f"deferred, and not stored now: {error}"

    def _current(self, name: Path, document: ContentHash | None) -> tuple[ContentHash, str]:
        record = self._namespace.document_or_none(self._namespace.document_id(document)) if document else None
        paths = [name] if exists(name) else [Path(s.path) for s in record.sources] if record else []
        for path in paths:
            if exists(path) and (read := read_one(self._cage, path)) is not None:
                return read.content_hash, read.text
        if record is None:
            raise NotFound(
                f"{name}: its file is gone, or holds no such document, and its text is not readable",
                hint="Check the path; `kvprep text` shows what a file holds.",
            )
        return record.content_hash, record.text

    def _count(self, report: AnswerReport) -> None:
        result = report.result if report.reason in ("", MissReason.ABSENT) else report.reason
        if result == "no-cache" or report.document is None:
            return
        namespace = self._namespace
        namespace.store.usage.record(
            Event(
                EventKind.LOOK_UP,
                namespace=namespace.ident.hex(),
                model=self._files.identity.fingerprint.hex(),
                document=namespace.document_id(report.document).hex(),
                result=result,
                tokens_requested=report.tokens_reused + report.tokens_computed,
                tokens_reused=report.tokens_reused,
                load_seconds=report.load_s,
                first_token_seconds=report.first_token_s,
                prefill_seconds=report.prefill_s,
                saved_seconds=report.saved_s,
                saved_flops=report.saved_flops,
            )
        )


def _source_at(name: str) -> Path | None:
    """Give the absolute path where a name is one that is there."""
    return Path(os.path.abspath(name)) if exists(Path(name)) else None
