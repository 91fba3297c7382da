"""What the index calls a namespace's documents, models, sources and readings, and how the facts beside are sealed.

Names are keyed: a path, a state and a model tell nothing to who has no key.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kvprep.hashing import derive_key, keyed_id
from kvprep.sources import is_racy, stat_numbers
from kvprep.store.crypto import new_key
from kvprep.store.entry import document_id
from kvprep.store.keys import NamespaceKeys
from kvprep.types import ContentHash, DocumentId, Fingerprint, PromptTags, SourceState


class RowNames:
    """Names and seals of one namespace's rows."""

    def __init__(self, keys: NamespaceKeys) -> None:
        """Name and seal with the keys of a namespace."""
        self._keys = keys
        self._aes = AESGCM(derive_key(keys.index_key, "index rows"))

    def document_id(self, document: ContentHash) -> DocumentId:
        """Keyed id of a document."""
        return document_id(self._keys.id_key, document)

    def model_id(self, fingerprint: Fingerprint, tags: PromptTags) -> bytes:
        """Keyed id of a model together with what shapes its tokens."""
        parts = (tags.tokenizer.encode(), tags.template.encode(), tags.preamble.encode())
        return keyed_id(self._keys.id_key, "model", fingerprint, *parts)

    def path_id(self, path: str) -> bytes:
        """Keyed id of a source's path."""
        return keyed_id(self._keys.id_key, "path", path.encode("utf-8", "surrogateescape"))

    def reading_id(self, canonicaliser: str, *, hides_text: bool, holds_documents: bool) -> bytes:
        """Keyed id of what read a source, and of whether that found hidden text, and documents inside."""
        found = bytes([hides_text, holds_documents])
        return keyed_id(self._keys.id_key, "reading", canonicaliser.encode(), found)

    def state_id(self, state: SourceState) -> bytes | None:
        """Keyed id of what stat says of a source; None where a later write could look the same."""
        if is_racy(state):
            return None
        return self.stat_id(state.size_bytes, state.mtime_ns, state.ctime_ns, state.inode)

    def stat_id(self, *numbers: int) -> bytes:
        """Keyed id of size, mtime, ctime and inode."""
        return keyed_id(self._keys.id_key, "state", *(n.to_bytes(16, "little", signed=True) for n in numbers))

    def shows_unchanged(self, document: Mapping[str, Any]) -> bool:
        """Tell whether some source of a document surely is as it was; if not, its file and the source's bytes tell.

        Args:
            document: its facts, as put.
        """
        rows = zip(document["sources"], document["rows"], strict=True)
        return any(state is not None and self._stat_id_at(path) == state for path, (_, _, state, _) in rows)

    def _stat_id_at(self, path: str) -> str | None:
        try:
            return self.stat_id(*stat_numbers(os.stat(path))).hex()
        except (OSError, ValueError):  # inside another file, or gone
            return None

    def _seal(self, ident: bytes, facts: dict[str, Any]) -> bytes:
        nonce = new_key()[:12]
        return nonce + self._aes.encrypt(nonce, json.dumps(facts).encode(), ident)

    def _opened(self, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        return [facts for ident, sealed in rows if (facts := self._unseal(ident, sealed)) is not None]

    def _unseal(self, ident: bytes, sealed: bytes) -> dict[str, Any] | None:
        # A row that somebody wrote by hand is no row: the index is a hint.
        try:
            facts = json.loads(self._aes.decrypt(sealed[:12], sealed[12:], ident))
        except (InvalidTag, ValueError, TypeError):
            return None
        return {"id": ident, **facts} if isinstance(facts, dict) else None
