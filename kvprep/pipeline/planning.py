"""What an ingest would do: its stages up to the plan, and what the rest would cost. Computes and stores nothing.

Source: docs/canonical-text.md, "Planning".
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kvprep.dedupe.exact import DocumentGroup
from kvprep.documents.cage import Cage
from kvprep.economics.prices import Prices
from kvprep.economics.speed import fit_prefill
from kvprep.economics.value import break_even_reuses
from kvprep.pipeline.deferral import Deferrals, ttl_of
from kvprep.pipeline.fitting import byte_budget, fitting_prompt, free_bytes, rendered, stored_entry
from kvprep.pipeline.gather import Gathered, Gatherer
from kvprep.pipeline.kinship import KnownText, NearDuplicates, TemplateSharing, near_duplicates, template_sharing
from kvprep.pipeline.measured import measured_load_s, measured_prefills
from kvprep.pipeline.model import remembered_spec
from kvprep.pipeline.prospects import Measures, NeverRead, Prospect, never_read, prospect
from kvprep.pipeline.report import IngestReport
from kvprep.pipeline.settings import IngestSettings
from kvprep.pipeline.versions import Versions
from kvprep.prefill.models import BLOCK_SIZE, resolve
from kvprep.prefill.plan import PlannedDocument, plan
from kvprep.progress import Progress, Silent
from kvprep.prompt import PromptTemplate
from kvprep.reuse.prefix import StoredPrefixes
from kvprep.store.entry import DocumentRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, Outcome, Prompt, TokenIds

_STORED_SHARE = {"lossless": 2 / 3}
"""Of the bytes of keys and values, what is stored under a codec, about; `auto` may choose none."""


@dataclass
class IngestPlan:
    """What an ingest would do."""

    model: str
    """What a person calls it."""
    report: IngestReport = field(default_factory=IngestReport)
    """As the ingest would report it, without what only computing and storing can tell."""
    near: list[NearDuplicates] = field(default_factory=list)
    templates: list[TemplateSharing] = field(default_factory=list)
    budget_bytes: int = 0
    """Most bytes of new keys and values; an ingest over it is refused."""
    free_bytes: int = 0
    """Where the store lies, or would lie."""
    prefill_s: float | None = None
    """None: this store has measured no prefill of this model."""
    break_even: float | None = None
    """Reuses of each document after which its storing has paid. None: no load was measured, or it never pays."""
    prospects: list[Prospect] = field(default_factory=list)
    """Of each new document, in money; none where nothing tells what computing costs."""
    never_read: NeverRead = NeverRead()
    """Of what is stored already."""

    @property
    def fits(self) -> bool:
        """Whether the new keys and values are within the budget."""
        return self.report.kv_bytes <= self.budget_bytes


def plan_ingest(
    namespace: Namespace | None,
    cage: Cage,
    paths: Sequence[Path],
    settings: IngestSettings | None = None,
    progress: Progress | None = None,
    *,
    folder: Path,
    prices: Prices | None = None,
) -> IngestPlan:
    """Say what `ingest` would do with the same arguments. No model is loaded, and nothing is put into the store.

    Args:
        namespace: where to; None where there is none yet.
        cage: readers, started before the store's key was read.
        paths: files and folders.
        settings: how.
        progress: hears of the stages `read` and `render`, and of what `resolve` does.
        folder: where the store lies, or would lie.
        prices: what things cost; None: nothing is said of money.

    Raises:
        StoreError, ModelError, ConfigError: as they say.
    """
    planner = _Planner(namespace, settings or IngestSettings(), progress or Silent())
    planner.read(cage, paths)
    planner.count()
    planner.compare()
    planner.estimate(folder)
    if prices is not None:
        planner.appraise(prices)
    planner.made.report.items.sort(key=lambda item: item.source)
    return planner.made


class _Planner:
    """State of one run."""

    def __init__(self, namespace: Namespace | None, settings: IngestSettings, progress: Progress) -> None:
        self._namespace, self._settings, self._progress = namespace, settings, progress
        known = namespace.state().settings if namespace else {}
        preamble = known.get("preamble", "") if settings.preamble is None else settings.preamble
        self._files = resolve(settings.model or remembered_spec(known), progress)
        self._template = PromptTemplate.load(self._files.folder, preamble=preamble)
        self._versions = Versions(namespace) if namespace else None
        self._prefixes = StoredPrefixes(namespace, self._files.identity, BLOCK_SIZE) if namespace else None
        self._deferrals = self._deferrals_of(namespace) if namespace else None
        self._gathered = Gathered()
        self._prompts: dict[ContentHash, Prompt] = {}
        self._new: list[DocumentGroup] = []
        self._turns: list[PlannedDocument] = []
        self.made = IngestPlan(self._files.identity.name)

    def read(self, cage: Cage, paths: Sequence[Path]) -> None:
        """Read what must be read, render it, and tell what is new from what is stored."""
        report = self.made.report
        self._gathered = self._gatherer().gather(cage, paths)
        for group, prompt in rendered(self._gathered.groups, self._prompt, report, self._progress):
            self._prompts[group.document.content_hash] = prompt
            if self._is_stored(group, prompt):
                continue
            if self._is_deferred(group):
                report.add_deferred(group, len(prompt.token_ids))
            else:
                self._new.append(group)

    def _deferrals_of(self, namespace: Namespace) -> Deferrals:
        model = namespace.index.model_id(self._files.identity.fingerprint, self._template.tags)
        return Deferrals(namespace, model, self._settings)

    def _is_deferred(self, group: DocumentGroup) -> bool:
        if self._deferrals is None:  # nobody has asked for anything yet
            return self._settings.worth > 0
        return self._deferrals.judge(group) is not None

    def _gatherer(self) -> Gatherer:
        if self._namespace is None or self._deferrals is None:
            return Gatherer(self._settings, self.made.report, self._progress)
        model, tags = self._files.identity.fingerprint, self._template.tags
        return Gatherer.into(
            self._namespace, model, tags, self._settings, self.made.report, self._progress, self._deferrals
        )

    def _prompt(self, text: str) -> Prompt:
        return fitting_prompt(self._template, self._files, text)

    def _shown_by(self, path: str) -> DocumentRecord | None:
        return self._versions.shown_by(path) if self._versions else None

    def _is_stored(self, group: DocumentGroup, prompt: Prompt) -> bool:
        if self._namespace is None:
            return False
        document = group.document.content_hash
        found = stored_entry(self._namespace, self._files, self._template.tags, document, prompt)
        if found is not None:
            self.made.report.add_known(group, found.document, len(prompt.token_ids))
        return found is not None

    def count(self) -> None:
        """Count what would be computed, and what would lose its last source."""
        tokens = [self._tokens(group) for group in self._new]
        self._turns = plan(tokens, BLOCK_SIZE, self._num_stored)
        for turn in self._turns:
            computed = sum(stretch.end - stretch.start for stretch in turn.stretches)
            self.made.report.add_stored(self._new[turn.index], len(tokens[turn.index]), computed)
            self.made.report.tokens_computed += computed
        self.made.report.kv_bytes = self.made.report.tokens_computed * self._files.shape.token_bytes
        self.made.report.superseded = self._num_superseded()

    def _tokens(self, group: DocumentGroup) -> TokenIds:
        return self._prompts[group.document.content_hash].token_ids

    def _num_stored(self, tokens: TokenIds) -> int:
        return self._prefixes.longest(tokens).num_tokens if self._prefixes else 0

    def _num_superseded(self) -> int:
        left: dict[ContentHash, set[str]] = {}
        for record, paths in self._leaving() if self._versions else ():
            left.setdefault(record.content_hash, {source.path for source in record.sources}).difference_update(paths)
        return sum(not paths for paths in left.values())

    def _leaving(self) -> Iterator[tuple[DocumentRecord, Set[str]]]:
        """Yield stored documents with the sources that would no longer show them."""
        assert self._versions is not None
        for group in self._gathered.groups:
            if group.document.content_hash not in self._prompts:
                continue
            for former in self._versions.previous(group):
                yield former, {source.path for source in group.sources}
        for path in self._gathered.refused:
            if record := self._versions.shown_by(path):
                yield record, {path}
        for file, present in self._gathered.present.items():
            for record in self._versions.shown_inside(file):
                yield record, {source.path for source in record.sources if source.file == file} - present

    def compare(self) -> None:
        """Find near-duplicates and documents of one template, among what was read and what is stored already."""
        texts = sorted(self._texts().values(), key=lambda text: text.source)
        self.made.near = near_duplicates(texts)
        unusable = {group.document.content_hash for group in self._gathered.groups} - self._prompts.keys()
        usable = [text for text in texts if text.document not in unusable]
        self.made.templates = template_sharing(usable, self._prompt_tokens, self._template.count_tokens)

    def _texts(self) -> dict[ContentHash, KnownText]:
        texts = {
            group.document.content_hash: KnownText(
                group.document.content_hash, group.sources[0].path, group.document.text
            )
            for group in self._gathered.groups
        }
        for item in self.made.report.items:
            is_known = item.outcome in (Outcome.UNCHANGED, Outcome.DEFERRED)
            record = self._shown_by(item.source) if is_known else None
            if record is not None:
                texts.setdefault(record.content_hash, KnownText(record.content_hash, item.source, record.text))
        return texts

    def _prompt_tokens(self, text: KnownText) -> TokenIds:
        if text.document not in self._prompts:
            self._prompts[text.document] = self._prompt(text.text)
        return self._prompts[text.document].token_ids

    def estimate(self, folder: Path) -> None:
        """Estimate bytes and seconds; of seconds only what this store has measured says anything."""
        made = self.made
        made.free_bytes = free_bytes(folder)
        made.budget_bytes = byte_budget(self._settings.max_bytes, made.free_bytes)
        made.report.stored_bytes = round(made.report.kv_bytes * _STORED_SHARE.get(self._settings.codec, 1.0))
        speed, load_s = self._measures.speed, self._measures.load_s
        if speed is None:
            return
        stretches = [stretch for turn in self._turns for stretch in turn.stretches]
        made.prefill_s = sum(speed.seconds(stretch.start, stretch.end) for stretch in stretches)
        if load_s and made.report.tokens_total:
            made.break_even = break_even_reuses(
                prefill_s=sum(speed.seconds(0, len(self._tokens(group))) for group in self._new),
                load_s=load_s * made.report.tokens_total,
                # Sealing and writing handle the same bytes as reading and opening do, and are taken to be as long.
                store_s=load_s * made.report.tokens_computed,
            )

    @cached_property
    def _measures(self) -> Measures:
        token_bytes = self._files.shape.token_bytes * _STORED_SHARE.get(self._settings.codec, 1.0)
        if self._namespace is None:
            return Measures(None, 0.0, token_bytes)
        model = self._files.identity.fingerprint
        speed = fit_prefill(measured_prefills(self._namespace, model))
        return Measures(speed, measured_load_s(self._namespace, model) or 0.0, token_bytes)

    def appraise(self, prices: Prices) -> None:
        """Say in money what each new document would cost and when it pays, and what stored ones nobody reads cost."""
        found = (self._prospect(prices, turn) for turn in self._turns)
        self.made.prospects = [each for each in found if each is not None]
        if self._namespace is None or self._deferrals is None:
            return
        stored = [item.source for item in self.made.report.items if item.outcome is Outcome.UNCHANGED]
        model = self._files.identity.fingerprint
        self.made.never_read = never_read(self._namespace, model, self._deferrals.demand, stored, prices)

    def _prospect(self, prices: Prices, turn: PlannedDocument) -> Prospect | None:
        group, deferrals = self._new[turn.index], self._deferrals
        return prospect(
            prices,
            self._measures,
            group.document.content_hash,
            group.sources[0].path,
            len(self._tokens(group)),
            [(stretch.start, stretch.end) for stretch in turn.stretches],
            ttl_seconds=ttl_of(self._settings, group.sources[0].path),
            expected_reads=deferrals.expected_reads(group) if deferrals and deferrals.demand.is_known else None,
        )
