"""How a buffer comes to hold a document that was asked about: loaded, computed again, or computed from its source."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kvprep.answers.report import AnswerReport
from kvprep.answers.workplace import Workplace
from kvprep.documents.cage import Cage
from kvprep.errors import EntryGone, IntegrityError, NotFound, StoreError
from kvprep.pipeline.deferral import is_worth_now
from kvprep.pipeline.late import LateJob, computed_late
from kvprep.pipeline.reading import read_one
from kvprep.prefill.base import KVBuffer
from kvprep.prefill.plan import cut
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, load, reason_of, replay
from kvprep.sources import exists
from kvprep.store.entry import EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, MissReason, Prompt, TokenIds


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    name: str
    """What finds the document."""
    question: str
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A buffer that holds a document, with room for question and answer."""

    document: ContentHash
    buffer: KVBuffer
    question: TokenIds
    """What is to be computed after the document."""
    loaded: Hit | None = None
    """Of what was loaded."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to a `Ready` for one namespace and model. What each took goes into the report."""

    namespace: Namespace
    cage: Cage
    template: PromptTemplate
    workplace: Workplace
    codec: str
    """How a deferred document is stored once it is worth it."""

    def warm(self, report: AnswerReport, found: Hit | Miss, asked: Request) -> Ready | None:
        """Load what was found; None where it may not be used, with the reason in the report."""
        if isinstance(found, Miss):
            report.reason, report.detail = str(found.reason), found.detail
            return None
        began = time.perf_counter()
        try:
            ready = self._loaded(report, found, asked)
        except EntryGone as error:
            report.reason, report.detail = str(MissReason.ABSENT), str(error)
            return None
        except IntegrityError as error:
            report.reason, report.detail = str(reason_of(error)), str(error)
            return None
        if ready is None:
            report.reason = str(MissReason.MISMATCH)
            return None
        report.load_s = time.perf_counter() - began
        report.result, report.tokens_reused = "hit", found.tokens
        report.prefill_s = report.saved_s = found.entry.cost.seconds
        report.saved_flops = found.entry.cost.flops
        return ready

    def replayed(self, report: AnswerReport, found: Hit | Miss, asked: Request) -> Ready | None:
        """Compute what was found again, in the same pieces; None where nothing was."""
        report.reason = "no-cache"
        if isinstance(found, Miss):
            report.detail = f"{found.reason}: {found.detail}"
            return None
        began, entry = time.perf_counter(), found.entry
        if (prompt := self._prompt_of(report, entry)) is None:
            return None
        tail, buffer = self._room_for(prompt, asked)
        replay(entry, self.workplace.prepare(0), buffer=buffer)
        report.prefill_s = time.perf_counter() - began
        report.tokens_computed = entry.num_tokens
        return Ready(entry.document, buffer, tail)

    def cold(
        self, report: AnswerReport, asked: Request, document: ContentHash | None, storing: ExitStack | None
    ) -> Ready:
        """Compute the document from its source as it is now; where that is gone, from its stored text.

        Args:
            report: is told what it took.
            asked, document: what was asked for, and what it is known as.
            storing: is given what stores a deferred document that is worth it now; None: nothing is to be stored.
        """
        content, text = self._current(Path(asked.name), document)
        prompt = self.template.render(text)
        if storing is not None and (ready := self._late(report, content, prompt, asked, storing)) is not None:
            return ready
        num_tokens = len(prompt.token_ids)
        tail, buffer = self._room_for(prompt, asked)
        buffer.truncate(0)
        cost = self.workplace.prepare(0).prefill(buffer, prompt.token_ids, cut(0, num_tokens))
        report.prefill_s, report.tokens_computed = cost.seconds, num_tokens
        return Ready(content, buffer, tail)

    def _room_for(self, prompt: Prompt, asked: Request) -> tuple[TokenIds, KVBuffer]:
        """Give the question's tokens, and a buffer that need not grow for the answer."""
        tail = self.template.continuation(prompt, asked.question)
        return tail, self.workplace.take(len(prompt.token_ids) + len(tail) + asked.max_new_tokens)

    def _loaded(self, report: AnswerReport, found: Hit, asked: Request) -> Ready | None:
        """Load what was found; None where its text makes other tokens now."""
        entry = found.entry
        if (prompt := self._prompt_of(report, entry)) is None:
            return None
        tail, buffer = self._room_for(prompt, asked)
        try:
            load(self.namespace, entry, self.workplace.prepare(0), tokens=found.tokens, buffer=buffer)
        except BaseException:
            self.workplace.put_back(buffer)
            raise
        return Ready(entry.document, buffer, tail, found)

    def _prompt_of(self, report: AnswerReport, entry: EntryRecord) -> Prompt | None:
        """Render the stored text again. None where other tokens come out: the tags do not know the libraries' release.

        Raises:
            IntegrityError: the text is gone or damaged.
        """
        record = self.namespace.document(entry.document)
        if record is None:
            raise IntegrityError(f"document {entry.document.hex()[:12]}: its text is gone")
        prompt = self.template.render(record.text)
        if np.array_equal(prompt.token_ids, entry.token_ids):
            return prompt
        report.detail = "tokens: its text makes others now"
        return None

    def _late(
        self, report: AnswerReport, content: ContentHash, prompt: Prompt, asked: Request, storing: ExitStack
    ) -> Ready | None:
        """Compute a deferred document that is worth it by now, so that it is stored; None: nothing is to be stored."""
        namespace, files, tags = self.namespace, self.workplace.files, self.template.tags
        record = namespace.document_or_none(namespace.document_id(content))
        deferral = record.deferral(namespace.index.model_id(files.identity.fingerprint, tags)) if record else None
        if record is None or deferral is None:
            return None
        try:
            if not is_worth_now(namespace, record, deferral):
                return None
            job = LateJob(content, prompt, deferral, tags, self.codec)
            late = storing.enter_context(computed_late(namespace, files, self.workplace.prepare(0), job))
        except StoreError as error:
            report.detail = f"deferred, and not stored now: {error}"
            return None
        report.prefill_s, report.tokens_computed = late.tally.prefill_s, late.tally.tokens_computed
        report.tokens_reused = len(prompt.token_ids) - late.tally.tokens_computed
        report.is_stored = True
        return Ready(content, late.buffer, self.template.continuation(prompt, asked.question))

    def _current(self, name: Path, document: ContentHash | None) -> tuple[ContentHash, str]:
        record = self.namespace.document_or_none(self.namespace.document_id(document)) if document else None
        paths = [name] if exists(name) else [Path(s.path) for s in record.sources] if record else []
        for path in paths:
            if exists(path) and (read := read_one(self.cage, path)) is not None:
                return read.content_hash, read.text
        if record is None:
            raise NotFound(
                f"{name}: its file is gone, or holds no such document, and its text is not readable",
                hint="Check the path; `kvprep text` shows what a file holds.",
            )
        return record.content_hash, record.text
