"""What of a namespace is alive: which entries, and which blocks of which segments they need."""

from dataclasses import dataclass, field
from pathlib import Path

from kvprep.errors import IntegrityError
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, EntryId, Fingerprint, PromptTags, SegmentId


@dataclass
class Use:
    """What live entries need of one segment."""

    num_blocks: int
    """Blocks in the segment; 0 where its manifest does not open. Whether its chunks do is for verify to say."""
    num_tokens: int
    """Tokens in the segment."""
    prefill_s: float
    """What computing them took."""
    entries: dict[EntryId, StretchRef] = field(default_factory=dict)
    """Who needs it, and which part of it; at least one."""

    @property
    def stretch(self) -> StretchRef:
        """The longest part that an entry needs."""
        return max(self.entries.values(), key=lambda stretch: stretch.last_block)

    def dead_share(self, num_bytes: int) -> int:
        """Give, of the bytes of its file, about those of its dead blocks."""
        return num_bytes * self.dead_blocks // self.num_blocks

    @property
    def dead_blocks(self) -> int:
        """Blocks that no live entry needs: another document's own, which is gone."""
        stretch = self.stretch
        return self.num_blocks - (stretch.last_block - stretch.first_block)


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """What of a live entry is asked when its worth is."""

    ident: EntryId
    document: ContentHash
    fingerprint: Fingerprint
    tags: PromptTags
    created_at: float
    expires_at: float | None
    num_tokens: int
    block_size: int
    stretches: tuple[StretchRef, ...]

    @property
    def full_blocks(self) -> int:
        """Blocks that other documents can share."""
        return self.num_tokens // self.block_size


class Needs:
    """The live entries of a namespace, and what they need."""

    def __init__(self, namespace: Namespace, now: float) -> None:
        """Open every entry and every segment's manifest.

        Args:
            namespace: may change meanwhile; what is put or removed after this began may be in or not.
            now: seconds since 1970; what expires up to it is dead.
        """
        self.namespace, self._now = namespace, now
        self.uses: dict[SegmentId, Use] = {}
        self.dead: dict[EntryId, Path] = {}
        """Expired entries, and those that were removed before and put back."""
        self.unreadable: list[Path] = []
        """Entries that do not open: what they need cannot be told."""
        self.files: set[Path] = set()
        """Of all entries of the namespace."""
        self.alive: dict[EntryId, LiveEntry] = {}
        self.evicted: dict[EntryId, Path] = {}
        """Entries that are to go although they may be used."""
        for path in namespace.files("entries"):
            self.files.add(path)
            self._look_at(path)

    def is_dead(self, entry: EntryRecord | None) -> bool:
        """Tell whether an entry, None where there is none that may be used, can go."""
        return entry is None or (entry.expires_at is not None and entry.expires_at <= self._now)

    def historic_documents(self) -> int:
        """Count documents that have neither source nor live entry: their text is history."""
        documents = (document for _, document in self.namespace.all_documents())
        alive = {entry.document for entry in self.alive.values()}
        return sum(not d.sources and d.content_hash not in alive for d in documents)

    def evict(self, ident: EntryId) -> None:
        """Need nothing more for an entry."""
        for segment in {stretch.segment for stretch in self.alive.pop(ident).stretches}:
            use = self.uses[segment]
            del use.entries[ident]
            if not use.entries:
                del self.uses[segment]
        self.evicted[ident] = self.namespace.store.layout.file("entries", ident)

    def shrinkable(self) -> list[Use]:
        """Give the segments of which live entries need the front only."""
        return [use for use in self.uses.values() if use.dead_blocks > 0]

    def damaged(self) -> list[SegmentId]:
        """Name the needed segments whose manifests do not open."""
        return [segment for segment, use in self.uses.items() if not use.num_blocks]

    def _look_at(self, path: Path) -> None:
        try:
            ident = EntryId(bytes.fromhex(path.stem))
            entry = self.namespace.entry(ident)
        except (IntegrityError, ValueError):
            self.unreadable.append(path)
            return
        if entry is not None and not self.is_dead(entry):
            self.alive[ident] = _live(ident, entry)
            for stretch in entry.stretches:
                self._use(stretch, entry, ident)
        elif entry is not None or path.exists():  # else removed while this looked on
            self.dead[ident] = path

    def _use(self, stretch: StretchRef, entry: EntryRecord, ident: EntryId) -> None:
        if (use := self.uses.get(stretch.segment)) is None:
            self.uses[stretch.segment] = _first_use(self.namespace, stretch, entry, ident)
        else:
            use.entries[ident] = stretch


def _live(ident: EntryId, entry: EntryRecord) -> LiveEntry:
    return LiveEntry(
        ident=ident,
        document=entry.document,
        fingerprint=entry.model.fingerprint,
        tags=entry.tags,
        created_at=entry.created_at,
        expires_at=entry.expires_at,
        num_tokens=entry.num_tokens,
        block_size=entry.block_size,
        stretches=entry.stretches,
    )


def awaiting_shred(namespace: Namespace) -> list[Use]:
    """Find the segments that hold a removed document's blocks beside needed ones.

    Quicker than `Needs`, as the index is asked which segments to open; entries that have expired count as needed.
    """
    uses = (_use_of(namespace, *row) for row in namespace.index.open_ended_segments())
    return [use for use in uses if use is not None and use.dead_blocks > 0]


def _use_of(namespace: Namespace, segment: SegmentId, ident: EntryId) -> Use | None:
    entry = namespace.entry_or_none(ident)
    stretches = (stretch for stretch in entry.stretches if stretch.segment == segment) if entry else iter(())
    stretch = next(stretches, None)
    return _first_use(namespace, stretch, entry, ident) if entry and stretch else None


def _first_use(namespace: Namespace, stretch: StretchRef, entry: EntryRecord, ident: EntryId) -> Use:
    try:
        with namespace.open_segment(stretch, entry) as reader:
            manifest = reader.manifest
            return Use(len(manifest.block_hashes), manifest.num_tokens, manifest.cost.seconds, {ident: stretch})
    except IntegrityError:
        return Use(0, 0, 0.0, {ident: stretch})
