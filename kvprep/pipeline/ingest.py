"""Ingest: find, read, deduplicate, render, plan, prefill, seal, store.

One bad source never stops the rest; trouble with the store stops at once, and what was reported as stored stays.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kvprep.dedupe.exact import DocumentGroup
from kvprep.documents.cage import Cage
from kvprep.errors import StoreFull
from kvprep.pipeline.compute import Computer, Job
from kvprep.pipeline.deferral import Deferrals, ttl_of
from kvprep.pipeline.fitting import byte_budget, fitting_prompt, free_bytes, rendered, stored_entry
from kvprep.pipeline.gather import Gathered, Gatherer
from kvprep.pipeline.model import as_settings, load_engine, remembered_spec, remembered_tags, tags_as_settings
from kvprep.pipeline.packing import codec_of
from kvprep.pipeline.report import IngestReport
from kvprep.pipeline.settings import IngestSettings
from kvprep.pipeline.timelimit import TimeLimit
from kvprep.pipeline.versions import Versions
from kvprep.pipeline.writer import Writer
from kvprep.prefill.base import Engine
from kvprep.prefill.models import BLOCK_SIZE, ModelFiles, resolve
from kvprep.prefill.plan import PlannedDocument, plan
from kvprep.progress import Progress, Silent
from kvprep.reuse.prefix import StoredPrefix, StoredPrefixes
from kvprep.store.counted import write_event
from kvprep.store.entry import Deferral, EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import Outcome, Prompt

if TYPE_CHECKING:
    from kvprep.prompt import PromptTemplate


def ingest(
    namespace: Namespace,
    cage: Cage,
    paths: Sequence[Path],
    settings: IngestSettings | None = None,
    progress: Progress | None = None,
    *,
    load: Callable[[ModelFiles], Engine] | None = None,
    limit: TimeLimit | None = None,
) -> IngestReport:
    """Bring documents into a namespace. The caller holds the namespace's lease.

    Args:
        namespace: where to.
        cage: readers, started before the store's key was read.
        paths: files and folders.
        settings: how.
        progress: hears of the stages `read`, `render` and `prefill`, and of what `resolve` does.
        load: makes the engine, only if there is something to compute; the embedded engine by default.
        limit: when it is over, no further document is begun; at least one is computed, so that runs which follow one
            another come to an end. What is left is only counted.

    Raises:
        StoreFull: the new keys and values would not fit; nothing has been computed.
        StoreError, ModelError, ConfigError: as they say.
    """
    began = time.perf_counter()
    settings, progress = settings or IngestSettings(), progress or Silent()
    run = _Ingest(namespace, settings, progress, load or load_engine, limit or TimeLimit())
    run.read(cage, paths)
    run.store()
    if settings.prune_missing:
        run.report.pruned = Versions(namespace).prune(paths)
    run.report.items.sort(key=lambda item: item.source)
    run.report.wall_s = time.perf_counter() - began
    if not run.report.left and all(item.outcome is not Outcome.FAILED for item in run.report.items):
        namespace.store.usage.succeeded()
    return run.report


def ingest_groups(
    namespace: Namespace,
    groups: Sequence[DocumentGroup],
    settings: IngestSettings,
    progress: Progress,
    *,
    load: Callable[[ModelFiles], Engine] | None = None,
) -> IngestReport:
    """Do as `ingest` does, with documents that have been read already."""
    run = _Ingest(namespace, settings, progress, load or load_engine, TimeLimit())
    run.take(groups)
    run.store()
    return run.report


class _Ingest:
    """State of one run."""

    def __init__(
        self,
        namespace: Namespace,
        settings: IngestSettings,
        progress: Progress,
        load: Callable[[ModelFiles], Engine],
        limit: TimeLimit,
    ) -> None:
        self._namespace, self._settings, self._progress, self._load = namespace, settings, progress, load
        self._limit = limit
        known = namespace.state().settings
        spec = settings.model or remembered_spec(known)
        preamble = known.get("preamble", "") if settings.preamble is None else settings.preamble
        self._files = resolve(spec, progress)
        self._preamble = preamble
        self._tags = remembered_tags(known, self._files, preamble) or self._template.tags
        tags = tags_as_settings(self._tags, self._files)
        namespace.update_settings({**as_settings(spec), "preamble": preamble, **tags})
        self._versions = Versions(namespace)
        model = namespace.index.model_id(self._files.identity.fingerprint, self._tags)
        self._deferrals = Deferrals(namespace, model, settings)
        self._gathered = Gathered()
        self.report = IngestReport()

    @cached_property
    def _template(self) -> "PromptTemplate":

        # Where nothing is new, nothing is rendered, and tokenizers and templates need not be imported.
        from kvprep.prompt import PromptTemplate as Template

        return Template.load(self._files.folder, preamble=self._preamble)

    # Normalise, dedupe

    def read(self, cage: Cage, paths: Sequence[Path]) -> None:
        """Read every source that has changed, and group the ones that show the same text."""
        model = self._files.identity.fingerprint
        gatherer = Gatherer.into(
            self._namespace, model, self._tags, self._settings, self.report, self._progress, self._deferrals
        )
        self._gathered = gatherer.gather(cage, paths, self._limit)

    def take(self, groups: Sequence[DocumentGroup]) -> None:
        """Work with documents that were read before."""
        self._gathered = Gathered(groups=list(groups))

    # Hash, plan

    def store(self) -> None:
        """Store what is new, and compute for it what nothing has computed yet."""
        jobs, groups = self._jobs()
        self._compute_missing(jobs, groups)
        self._withdraw()

    def _withdraw(self) -> None:
        """Take from documents the sources that show nothing any more; now, since others may show the same by now."""
        for path in self._gathered.refused:
            self.report.superseded += self._versions.withdraw(path)
        for file, sources in self._gathered.present.items():
            self.report.superseded += self._versions.withdraw_vanished(file, sources)

    def _compute_missing(self, jobs: Sequence[Job], groups: Sequence[DocumentGroup]) -> None:
        prefixes = StoredPrefixes(self._namespace, self._files.identity, BLOCK_SIZE)
        planned = plan(
            [job.prompt.token_ids for job in jobs],
            BLOCK_SIZE,
            lambda tokens: prefixes.longest(tokens).num_tokens,
        )
        to_compute = sum(s.end - s.start for p in planned for s in p.stretches)
        self._check_budget(to_compute)
        if not jobs:
            return
        self._progress.start("prefill", to_compute, "tokens")
        engine = self._load(self._files) if to_compute else None
        self._compute(engine, planned, jobs, groups, prefixes)
        self._progress.finish("prefill")

    def _jobs(self) -> tuple[list[Job], list[DocumentGroup]]:
        jobs, groups = [], []
        for group, prompt in rendered(self._gathered.groups, self._prompt, self.report, self._progress):
            if self._adopt(group, prompt):
                continue
            if (deferral := self._deferrals.judge(group)) is not None:
                self._defer(group, prompt, deferral)
            else:
                jobs.append(Job(group.document.content_hash, prompt, self._expiry(group), StoredPrefix(0)))
                groups.append(group)
        return jobs, groups

    def _prompt(self, text: str) -> Prompt:
        return fitting_prompt(self._template, self._files, text)

    def _adopt(self, group: DocumentGroup, prompt: Prompt) -> bool:
        """Where a live entry is on disk already, note its sources and compute nothing."""
        namespace, document = self._namespace, group.document.content_hash
        found = stored_entry(namespace, self._files, self._tags, document, prompt)
        if found is None:
            return False
        ident, entry, former = found.ident, found.entry, found.document
        previous = self._versions.previous(group)
        record = self._versions.record(group, previous)
        if record != former:
            namespace.put_document(record)
        if ident not in namespace.index.entries_of(document):
            namespace.adopt(ident, entry)
        self.report.superseded += self._versions.supersede(group, record, previous)
        self.report.add_known(group, former, entry.num_tokens)
        return True

    def _defer(self, group: DocumentGroup, prompt: Prompt, deferral: Deferral) -> None:
        """Store a document without computing it."""
        previous = self._versions.previous(group)
        record = self._versions.record(group, previous).with_deferral(deferral)
        self._namespace.put_document(record)
        self.report.superseded += self._versions.supersede(group, record, previous)
        self.report.add_deferred(group, len(prompt.token_ids))

    def _expiry(self, group: DocumentGroup) -> float | None:
        ttl = ttl_of(self._settings, group.sources[0].path)
        return None if ttl is None else time.time() + ttl

    def _check_budget(self, tokens: int) -> None:
        needed = tokens * self._files.shape.token_bytes
        budget = byte_budget(self._settings.max_bytes, free_bytes(self._namespace.store.path))
        if needed > budget:
            raise StoreFull(
                f"{needed:,} bytes of keys and values to store, more than the budget of {budget:,}; nothing computed",
                hint="Raise --max-bytes, free some space, or ingest fewer documents.",
            )

    # Prefill, store

    def _compute(
        self,
        engine: Engine | None,
        planned: Sequence[PlannedDocument],
        jobs: Sequence[Job],
        groups: Sequence[DocumentGroup],
        prefixes: StoredPrefixes,
    ) -> None:
        longest = max(len(job.prompt.token_ids) for job in jobs)
        codec = codec_of(self._settings.codec, self._namespace.store.path) if engine is not None else None
        with Writer() as writer:
            computer = Computer(
                self._namespace,
                self._files,
                engine,
                self._tags,
                BLOCK_SIZE,
                longest,
                codec,
                self._progress,
                writer,
            )
            for number, turn in enumerate(planned):
                if number and self._limit.is_over():
                    self.report.left += len(planned) - number
                    break
                job, group = jobs[turn.index], groups[turn.index]
                job = replace(job, stored=prefixes.exactly(job.prompt.token_ids, turn.stored))
                computer.run(turn, job, self._putter(group))
        tally, report = computer.tally, self.report
        report.tokens_computed, report.stored_bytes = tally.tokens_computed, tally.stored_bytes
        report.kv_bytes = tally.tokens_computed * self._files.shape.token_bytes
        report.prefill_s, report.store_s = tally.prefill_s, tally.store_s

    def _putter(self, group: DocumentGroup) -> Callable[[EntryRecord, int], None]:
        def put(entry: EntryRecord, computed: int) -> None:
            previous = self._versions.previous(group)
            record = self._versions.record(group, previous)
            self._namespace.put(record, entry)
            self._namespace.store.usage.record(write_event(self._namespace, entry, computed))
            self.report.superseded += self._versions.supersede(group, record, previous)
            self.report.add_stored(group, entry.num_tokens, computed)

        return put
