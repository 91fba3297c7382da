"""The first two stages of a run: find files, read what must be read, and group what shows the same text.

Nothing is written to the store.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kvprep.dedupe.exact import DocumentGroup, group_exact
from kvprep.discover import discover, is_excluded
from kvprep.documents.cage import Cage, Reading
from kvprep.documents.hidden import num_hidden
from kvprep.documents.versions import beside_unread
from kvprep.errors import HiddenText
from kvprep.pipeline.deferral import Deferrals
from kvprep.pipeline.known import KnownFiles
from kvprep.pipeline.reading import ReadFile, ReadSource, read_files
from kvprep.pipeline.report import IngestReport
from kvprep.pipeline.settings import IngestSettings
from kvprep.pipeline.timelimit import TimeLimit
from kvprep.pipeline.versions import Versions
from kvprep.progress import Progress
from kvprep.store.entry import DocumentRecord
from kvprep.store.namespace import Namespace
from kvprep.types import (
    CanonicalDocument,
    Fingerprint,
    Outcome,
    PromptTags,
    Skipped,
    SourceRecord,
    SourceState,
    TextFinding,
)

KEPT_TEXT = "kept-text"
"""Kind of a finding: the document keeps the text of an earlier reading, which differs in blanks."""

_READING_SHARE = 0.5
"""Of a run's time: what it reads and does not store, the next run reads again."""


@dataclass
class Gathered:
    """What a run found."""

    groups: list[DocumentGroup] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Paths of sources that hide text, where such are refused."""
    present: dict[str, set[str]] = field(default_factory=dict)
    """Of each file that was read: the paths of all that it holds now, its own among them."""


class Gatherer:
    """Gathers the documents of one run."""

    def __init__(
        self,
        settings: IngestSettings,
        report: IngestReport,
        progress: Progress,
        known: KnownFiles | None = None,
        shown_by: Callable[[str], DocumentRecord | None] = lambda path: None,
    ) -> None:
        """Gather by `settings`.

        Args:
            settings: which files, and what is done about what they hide.
            report: is told what needs no reading and what became no document.
            progress: hears of the stage `read`.
            known: what is stored already; None where there is no store yet.
            shown_by: gives the document that a source, named by its path, showed last.
        """
        self._settings, self._report, self._progress = settings, report, progress
        self._known, self._shown_by = known, shown_by
        self._num_documents = 0

    @classmethod
    def into(
        cls,
        namespace: Namespace,
        model: Fingerprint,
        tags: PromptTags,
        settings: IngestSettings,
        report: IngestReport,
        progress: Progress,
        deferrals: Deferrals,
    ) -> "Gatherer":
        """Gather for a namespace: what it has under this model and these tags need not be read."""
        known = KnownFiles(
            namespace,
            model,
            tags,
            refuse_hidden=settings.refuse_hidden,
            exclude=settings.exclude,
            is_open=deferrals.is_open,
        )
        return cls(settings, report, progress, known, Versions(namespace).shown_by)

    def gather(self, cage: Cage, paths: Sequence[Path], limit: TimeLimit | None = None) -> Gathered:
        """Read every source that has changed, and group the ones that show the same text.

        Half of the time of a limit is for reading, the rest for what is done with the documents; at least one is read.
        """
        began = time.perf_counter()
        gathered = Gathered()
        files = discover(paths, self._settings.include, self._settings.exclude)
        changed = [path for path in files if not self._is_unchanged(path)]
        self._progress.start("read", len(changed), "files")
        gathered.groups = group_exact(self._readings(cage, self._in_time(changed, limit or TimeLimit()), gathered))
        self._progress.finish("read")
        self._report.normalise_s = time.perf_counter() - began
        return gathered

    def _is_unchanged(self, path: Path) -> bool:
        sources = self._known.unchanged(path) if self._known else []
        for source in sources:
            self._report.add(source.path, Outcome.DEFERRED if source.is_deferred else Outcome.UNCHANGED)
        return bool(sources)

    def _in_time(self, paths: list[Path], limit: TimeLimit) -> Iterator[Path]:
        if limit.seconds is not None:
            # What becomes no document is read again by every run: it must not always come first.
            random.shuffle(paths)
        for number, path in enumerate(paths):
            if self._num_documents and limit.is_over(_READING_SHARE):
                self._report.left += len(paths) - number
                return
            yield path

    def _readings(
        self, cage: Cage, paths: Iterable[Path], gathered: Gathered
    ) -> Iterator[tuple[SourceRecord, CanonicalDocument]]:
        for file in read_files(cage, paths):
            self._progress.advance("read", 1)
            if not isinstance(file.sources[0].reading, Skipped):
                gathered.present[str(file.path)] = {source.path for source in file.sources}
            for source in file.sources:
                if is_excluded(source.member, self._settings.exclude):
                    continue
                reading = self._admitted(source.reading)
                if isinstance(reading, CanonicalDocument) and file.state is not None:
                    self._num_documents += 1
                    yield self._compared(_record(source, reading, file.state, file), reading)
                elif isinstance(reading, Skipped):
                    self._report.add_skipped(source.path, reading)
                    if reading.reason == HiddenText.reason:
                        gathered.refused.append(source.path)

    def _admitted(self, reading: Reading) -> Reading:
        """Apply the policy about hidden text."""
        if isinstance(reading, Skipped) or not self._settings.refuse_hidden:
            return reading
        count = num_hidden(reading.findings)
        return Skipped(HiddenText.reason, f"hides {count} characters") if count else reading

    def _compared(self, source: SourceRecord, document: CanonicalDocument) -> tuple[SourceRecord, CanonicalDocument]:
        """Hold a reading against what the same bytes showed before, and keep that text where it is to be kept."""
        former = self._shown_by(source.path)
        before = next((s for s in former.sources if s.path == source.path), None) if former else None
        if former is None or before is None or before.state.digest != source.state.digest:
            return source, document
        self._report.reread += before.canonicaliser != source.canonicaliser
        if former.content_hash == document.content_hash:
            return source, document
        if self._settings.keep_drifted and former.drift_hash == document.drift_hash:
            note = TextFinding(KEPT_TEXT, 1, f"read by {former.canonicaliser}")
            return replace(source, findings=(*source.findings, note)), _as_read(former)
        self._report.reread_changed += before.canonicaliser != source.canonicaliser
        return source, document


def _record(source: ReadSource, document: CanonicalDocument, state: SourceState, file: ReadFile) -> SourceRecord:
    name = document.canonicaliser
    if not source.member and any(_is_unread(other) for other in file.sources):
        name = beside_unread(name)
    return SourceRecord(
        path=source.path,
        state=state,
        canonicaliser=name,
        member=source.member,
        findings=document.findings,
        hides_text=num_hidden(document.findings) > 0,
        members=document.members,
        documents_inside=() if source.member else tuple(_documents_inside(file)),
    )


def _documents_inside(file: ReadFile) -> Iterator[str]:
    """Name what is a document inside a file, or should be: what failed is tried again, what no reader takes is not."""
    return (source.member for source in file.sources if source.member and not _is_unread(source))


def _is_unread(source: ReadSource) -> bool:
    """Tell whether something will stay without a document as long as its bytes and the readers are what they are."""
    return isinstance(source.reading, Skipped) and not source.reading.failed


def _as_read(record: DocumentRecord) -> CanonicalDocument:
    return CanonicalDocument(
        text=record.text,
        content_hash=record.content_hash,
        drift_hash=record.drift_hash,
        title=record.title,
        reader=record.reader,
        canonicaliser=record.canonicaliser,
    )
