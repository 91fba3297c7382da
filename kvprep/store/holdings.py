"""What each live entry holds that no other needs: the bytes that its going frees, and the prefill that it undoes."""

from collections import defaultdict
from dataclasses import dataclass

from kvprep.store.layout import Layout, file_size
from kvprep.store.needs import LiveEntry, Needs
from kvprep.types import EntryId, SegmentId


@dataclass(frozen=True, slots=True)
class Holding:
    """What goes with an entry."""

    entry: LiveEntry
    num_bytes: int
    """Of its file, and of the blocks that only it needs."""
    num_tokens: int
    """In those blocks."""
    prefill_s: float
    """What computing them took."""


class Holdings:
    """The holdings of a namespace's entries, while entries go one after the other."""

    def __init__(self, needs: Needs, layout: Layout) -> None:
        """Hold what `needs` says; it is told of every entry that goes."""
        self.needs, self._layout = needs, layout
        # By segment: who needs it, by the end of what it needs. Those that have gone are taken out when met.
        self._ends: dict[SegmentId, list[tuple[int, EntryId]]] = {
            segment: sorted((stretch.last_block, ident) for ident, stretch in use.entries.items())
            for segment, use in needs.uses.items()
        }
        self._waiting: dict[EntryId, set[EntryId]] = defaultdict(set)

    def of(self, ident: EntryId) -> Holding | None:
        """Tell what goes with an entry.

        Returns:
            None where it must not go: all that another entry could share of it, a longer one does need; or one of its
            segments is damaged.
        """
        entry = self.needs.alive[ident]
        if any(not self.needs.uses[stretch.segment].num_blocks for stretch in entry.stretches):
            return None
        if (longer := self._longer(entry)) is not None:
            self._waiting[longer].add(ident)
            return None
        num_bytes = file_size(self._layout.file("entries", ident))
        num_tokens, seconds = 0, 0.0
        for stretch in entry.stretches:
            use, first = self.needs.uses[stretch.segment], self._own_from(stretch.segment, ident, stretch.first_block)
            share = (stretch.last_block - first) / use.num_blocks
            num_bytes += int(file_size(self._layout.file("segments", stretch.segment)) * share)
            num_tokens += max(
                0, min(stretch.last_block * entry.block_size, entry.num_tokens) - first * entry.block_size
            )
            seconds += use.prefill_s * share
        return Holding(entry, num_bytes, num_tokens, seconds)

    def remove(self, ident: EntryId) -> set[EntryId]:
        """Let an entry go; name those that may hold more now, or may go now."""
        entry = self.needs.alive[ident]
        self.needs.evict(ident)
        grown = self._waiting.pop(ident, set())
        for stretch in entry.stretches:
            if stretch.segment in self.needs.uses:
                grown.add(self._furthest(stretch.segment)[-1][1])
        return {other for other in grown if other in self.needs.alive}

    def _own_from(self, segment: SegmentId, ident: EntryId, first_block: int) -> int:
        """Give the block from which on only this entry needs a segment; the end of its part where another needs all."""
        *others, (end, longest) = self._furthest(segment)
        shared = others[0][0] if others else first_block
        return shared if longest == ident else self.needs.uses[segment].entries[ident].last_block

    def _furthest(self, segment: SegmentId) -> list[tuple[int, EntryId]]:
        """Give the one or two entries that need most of a segment, the longest last."""
        ends, entries = self._ends[segment], self.needs.uses[segment].entries
        found: list[tuple[int, EntryId]] = []
        while ends and len(found) < 2:
            if (last := ends.pop())[1] in entries:
                found.insert(0, last)
        ends += found
        return found

    def _longer(self, entry: LiveEntry) -> EntryId | None:
        """Name an entry that needs all full blocks of this one and is longer; of two of one length, one is."""
        for stretch in entry.stretches:
            if stretch.first_block < entry.full_blocks <= stretch.last_block:
                for end, ident in reversed(self._ends[stretch.segment]):
                    if end < entry.full_blocks:
                        return None
                    other = self.needs.alive.get(ident)
                    if other and (other.num_tokens, ident) > (entry.num_tokens, entry.ident):
                        return ident
        return None
