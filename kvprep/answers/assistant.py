"""Questions about the documents of one namespace, put to one model."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from kvprep.answers.ready import Ready, Request, Ways
from kvprep.answers.report import AnswerReport, count
from kvprep.answers.workplace import Workplace
from kvprep.documents.cage import Cage
from kvprep.errors import IntegrityError, NotFound, StoreError
from kvprep.pipeline.model import load_engine as embedded_engine
from kvprep.pipeline.model import remembered_spec
from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelFiles, ModelSpec, resolve
from kvprep.progress import Progress, Silent
from kvprep.prompt import PromptTemplate
from kvprep.reuse import Hit, Miss, find_document, look_up
from kvprep.reuse.load import reason_of
from kvprep.reuse.served import Served
from kvprep.sources import exists
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, MissReason

_TEMPLATE_TOKENS = 64
"""More than a template puts around a question."""


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
    """Asks one model about the documents of one namespace.

    The model is loaded once. The memory of an answer's keys and values serves the next one.
    """

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
        self._namespace = namespace
        self._files = resolve(model or remembered_spec(known), progress or Silent())
        self._template = PromptTemplate.load(self._files.folder, preamble=known.get("preamble", ""))
        self._workplace = Workplace(self._files, load_engine or embedded_engine)
        self._ways = Ways(namespace, cage, self._template, self._workplace, codec)

    @property
    def engine(self) -> Engine:
        """The model, loaded when first needed."""
        return self._workplace.prepare(0)

    def answer(self, name: str, question: str, *, max_new_tokens: int = 128, use_cache: bool = True) -> Answer:
        """Begin an answer about the document that `name` finds, or about the file at that path.

        A document that may not be loaded is computed again: from its entry in the same pieces where `use_cache` is
        off, else from its source as it is now.

        Raises:
            NotFound: neither a document nor a file.
            DocumentError: a cold answer is needed, and the source cannot be read.
        """
        report = AnswerReport(question)
        return Answer(report, self._answered(report, Request(name, question, max_new_tokens), use_cache))

    def look_up(self, name: str) -> tuple[ContentHash | None, Hit | Miss]:
        """Look a document up as `answer` does, without loading anything."""
        try:
            document = find_document(self._namespace, name)
        except NotFound:
            if not exists(Path(name)):
                raise
            return None, self._missed(MissReason.ABSENT, "not in this namespace")
        except IntegrityError as error:
            if not exists(Path(name)):
                raise
            return None, self._missed(reason_of(error), str(error))
        tags = self._template.tags
        return document, look_up(self._namespace, document, self._files.identity, tags, path=_source_at(name))

    def _missed(self, reason: MissReason, detail: str) -> Miss:
        self._namespace.note("look-up", str(reason))
        return Miss(reason, detail)

    def refuse(self, document: ContentHash | None, reason: MissReason) -> None:
        """Count a look-up after which nothing is to be answered: the document was asked for all the same."""
        count(self._namespace, self._files.identity, AnswerReport("", reason=str(reason), document=document))

    def _answered(self, report: AnswerReport, asked: Request, use_cache: bool) -> Iterator[str]:
        try:
            with ExitStack() as storing:
                yield from self._generated(report, asked, use_cache, storing)
                _close(storing, report)
        finally:
            # An answer that nobody wants to the end was looked up all the same.
            count(self._namespace, self._files.identity, report)

    def _generated(self, report: AnswerReport, asked: Request, use_cache: bool, storing: ExitStack) -> Iterator[str]:
        looked_up_at = time.time()
        document, found = self.look_up(asked.name)
        self._workplace.prepare(self._expected_tokens(found, asked))
        began = time.perf_counter()
        ready = (self._ways.warm if use_cache else self._ways.replayed)(report, found, asked)
        if ready is None:
            ready = self._ways.cold(report, asked, document, storing if use_cache else None)
        report.document = document or ready.document
        report.tokens_computed += len(ready.question)
        token_ids: list[int] = []
        yield from self._told(report, ready, asked.max_new_tokens, token_ids, began)
        self._workplace.put_back(ready.buffer)
        report.total_s = time.perf_counter() - began
        if ready.loaded is not None:
            report.served = self._served(ready, ready.loaded, asked, token_ids, looked_up_at)

    def _expected_tokens(self, found: Hit | Miss, asked: Request) -> int:
        """Say how long what is loaded, question and answer will be at most; 0: not known yet."""
        if isinstance(found, Miss):
            return 0
        question = self._template.count_tokens(asked.question)
        return found.tokens + question + _TEMPLATE_TOKENS + asked.max_new_tokens

    def _told(
        self, report: AnswerReport, ready: Ready, max_new_tokens: int, token_ids: list[int], began: float
    ) -> Iterator[str]:
        """Yield the text of an answer, and gather its tokens in `token_ids`."""
        shown, ends = "", self._template.eos_token_ids
        stream = self.engine.generate(ready.buffer, ready.question, max_new_tokens=max_new_tokens, eos_token_ids=ends)
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

    def _served(self, ready: Ready, loaded: Hit, asked: Request, token_ids: list[int], looked_up_at: float) -> Served:
        return Served(
            loaded.entry,
            loaded.tokens,
            looked_up_at,
            _source_at(asked.name),
            question=ready.question,
            answer=tuple(token_ids),
            max_new_tokens=asked.max_new_tokens,
            eos_token_ids=self._template.eos_token_ids,
        )


def _close(storing: ExitStack, report: AnswerReport) -> None:
    """End the storing of a deferred document. What goes wrong with it is told, and takes no answer away."""
    try:
        storing.close()
    except StoreError as error:
        report.is_stored, report.detail = False, f"deferred, and not stored now: {error}"


def _source_at(name: str) -> Path | None:
    """Give the absolute path where a name is one that is there."""
    return Path(os.path.abspath(name)) if exists(Path(name)) else None
