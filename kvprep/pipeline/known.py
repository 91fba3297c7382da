"""What a namespace knows of the files at hand, and whether it must read them again. No file is opened for it."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import NamedTuple

from kvprep.discover import is_excluded
from kvprep.documents.versions import beside_unread, current_canonicalisers
from kvprep.sources import member_path, stat_numbers
from kvprep.store.index import KnownSource
from kvprep.store.namespace import Namespace
from kvprep.types import Fingerprint, PromptTags


class Standing(StrEnum):
    """How a file stands to what is stored of it."""

    UNCHANGED = "unchanged"
    OUTDATED = "outdated"
    """The file is what it was, but an older kvprep or an older library read it, or what is inside it."""
    CHANGED = "changed"
    """New, changed, or not all of it is stored."""


class StoredSource(NamedTuple):
    """A source that need not be read."""

    path: str
    is_deferred: bool
    """Nothing of its document is computed, and nothing is to be now."""


class _Found(NamedTuple):
    """What reading a source found, beside its text."""

    hidden_text: bool
    documents: bool


class KnownFiles:
    """Files of a namespace under one model."""

    def __init__(
        self,
        namespace: Namespace,
        model: Fingerprint,
        tags: PromptTags,
        *,
        refuse_hidden: bool,
        exclude: Sequence[str],
        is_open: Callable[[KnownSource], bool] = lambda known: True,
    ) -> None:
        """Read what the index knows.

        Args:
            namespace: where the files were ingested.
            model: whose keys and values count.
            tags: what shapes its tokens.
            refuse_hidden: what hides text is to be read again, and then refused.
            exclude: globs of what is not to be there, inside of files too.
            is_open: tells of a deferred source whether that must be judged again, and the file be read for it.
        """
        self._namespace, self._index, self._exclude = namespace, namespace.index, exclude
        self._refuse_hidden, self._is_open = refuse_hidden, is_open
        self._by_path: dict[bytes, KnownSource] = {}
        self._by_file: dict[bytes, list[KnownSource]] = defaultdict(list)
        ident = self._index.model_id(model, tags)
        # What is computed serves, whatever a deferral beside it says.
        for source in (*self._index.deferred_sources(ident), *self._index.live_sources(ident, time.time())):
            self._by_path[source.path] = source
        for source in self._by_path.values():
            self._by_file[source.file].append(source)
        names = current_canonicalisers()
        self._current = {
            self._index.reading_id(name, hides_text=hides, holds_documents=holds): _Found(hides, holds)
            for name in (*names, *map(beside_unread, names))
            for hides, holds in product((False, True), repeat=2)
        }

    def standing(self, path: Path) -> Standing:
        """Tell whether a file must be read: with a stat of it and of the store's files, and without opening any."""
        return self._looked_at(path)[0]

    def unchanged(self, path: Path) -> list[StoredSource]:
        """Give a file that is unchanged, and what inside it is stored; nothing where the file must be read."""
        standing, wanted = self._looked_at(path)
        if standing is not Standing.UNCHANGED:
            return []
        return [
            StoredSource(member_path(path, member), self._by_path[ident].entry is None)
            for ident, member in wanted.items()
        ]

    def _looked_at(self, path: Path) -> tuple[Standing, Mapping[bytes, str]]:
        """Tell how a file stands, and what should be stored of it: by keyed ids, the paths within the file."""
        file = self._by_path.get(self._index.path_id(str(path)))
        if file is None:
            return Standing.CHANGED, {}
        expected = self._expected(path, file)
        present = {known.path: known for known in self._by_file[file.path]}
        wanted = {ident: member for ident, member in expected.items() if not is_excluded(member, self._exclude)}
        # What is there and not expected was inside an older state of the file.
        if not wanted.keys() <= present.keys() <= expected.keys():
            return Standing.CHANGED, {}
        sources = [present[ident] for ident in wanted]
        return self._judged(sources) if self._are_stored(path, sources) else Standing.CHANGED, wanted

    def _expected(self, path: Path, file: KnownSource) -> dict[bytes, str]:
        """The file, and what should be inside it as a document of its own: by keyed ids, the paths within the file."""
        found = self._current.get(file.reading)
        inside = () if found and not found.documents else self._index.documents_inside(file.document, str(path))
        return {file.path: "", **{self._index.path_id(member_path(path, member)): member for member in inside}}

    def _are_stored(self, path: Path, sources: Iterable[KnownSource]) -> bool:
        try:
            state = self._index.stat_id(*stat_numbers(os.stat(path)))
        except OSError:
            return False
        return all(known.state == state and self._namespace.has_files_of(known) for known in sources)

    def _judged(self, sources: Sequence[KnownSource]) -> Standing:
        found = [self._current.get(known.reading) for known in sources]
        if any(known.entry is None and self._is_open(known) for known in sources):
            return Standing.CHANGED
        if self._refuse_hidden and any(reading and reading.hidden_text for reading in found):
            return Standing.CHANGED
        return Standing.OUTDATED if None in found else Standing.UNCHANGED
