"""What of a namespace is alive: which entries, and which blocks of which segments they need."""

from dataclasses import dataclass, field
from pathlib import Path

from kvprep.errors import IntegrityError
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, EntryId, SegmentId


@dataclass
class Use:
    """What live entries need of one segment."""

    stretch: StretchRef
    """The longest that one of them names."""
    num_blocks: int
    """Blocks in the segment; 0 where its manifest does not open. Whether its chunks do is for verify to say."""
    entries: list[EntryId] = field(default_factory=list)

    def dead_share(self, num_bytes: int) -> int:
        """Give, of the bytes of its file, about those of its dead blocks."""
        return num_bytes * self.dead_blocks // self.num_blocks

    @property
    def dead_blocks(self) -> int:
        """Blocks that no live entry needs: another document's own, which is gone."""
        return self.num_blocks - (self.stretch.last_block - self.stretch.first_block)


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
        self._alive: set[ContentHash] = set()
        for path in namespace.files("entries"):
            self.files.add(path)
            self._look_at(path)

    def is_dead(self, entry: EntryRecord | None) -> bool:
        """Tell whether an entry, None where there is none that may be used, can go."""
        return entry is None or (entry.expires_at is not None and entry.expires_at <= self._now)

    def historic_documents(self) -> int:
        """Count documents that have neither source nor live entry: their text is history."""
        documents = (document for _, document in self.namespace.all_documents())
        return sum(not d.sources and d.content_hash not in self._alive for d in documents)

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
            self._alive.add(entry.document)
            for stretch in entry.stretches:
                self._use(stretch, entry, ident)
        elif entry is not None or path.exists():  # else removed while this looked on
            self.dead[ident] = path

    def _use(self, stretch: StretchRef, entry: EntryRecord, ident: EntryId) -> None:
        use = self.uses.get(stretch.segment)
        if use is None:
            use = self.uses[stretch.segment] = _first_use(self.namespace, stretch, entry)
        elif stretch.last_block > use.stretch.last_block:
            use.stretch = stretch
        use.entries.append(ident)


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
    return _first_use(namespace, stretch, entry) if entry and stretch else None


def _first_use(namespace: Namespace, stretch: StretchRef, entry: EntryRecord) -> Use:
    try:
        with namespace.open_segment(stretch, entry) as reader:
            return Use(stretch, len(reader.manifest.block_hashes))
    except IntegrityError:
        return Use(stretch, 0)
