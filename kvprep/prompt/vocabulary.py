"""A model's tokenizer: text to tokens and back, and the tokens that are not for documents to write."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from kvprep.errors import ModelError
from kvprep.types import TokenIds

Spans = Sequence[tuple[int, int]]
"""Characters [start, end) of each token."""

_TOKENIZER_BYTES = 256 << 20


@dataclass(frozen=True)
class ControlToken:
    """A token with which a template speaks, and a document must not."""

    id: int
    text: str
    is_hard: bool
    """Whether it is found wherever it is written, so that no text after it can change the tokens before it."""
    is_unknown: bool
    """Whether the tokenizer also writes it for letters that it does not know."""


class Vocabulary:
    """The tokenizer of a folder, used without truncation or padding."""

    def __init__(self, tokenizer: Tokenizer, controls: Sequence[ControlToken], *, bare: bool) -> None:
        """Take a tokenizer.

        Args:
            controls: its control tokens.
            bare: no template writes the leading special tokens, so that they are put in front here.
        """
        self._tokenizer = tokenizer
        self._controls = {control.text: control for control in controls}
        longest_first = sorted(self._controls, key=len, reverse=True)
        self._spelled = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._leading = _leading_specials(tokenizer) if bare else []
        self._control_ids = np.array([c.id for c in controls if not c.is_unknown], dtype=np.uint32)

    def encode(self, text: str) -> TokenIds:
        """Turn text into tokens, shape (num_tokens,); the template has written all special tokens."""
        return self._token_ids(self._tokenizer.encode(text, add_special_tokens=False))

    def encode_all(self, texts: Sequence[str]) -> list[tuple[TokenIds, Spans]]:
        """Turn texts into tokens, each with the characters that it stands for."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        nowhere = [(0, 0)] * len(self._leading)
        return [(self._token_ids(encoding), nowhere + encoding.offsets) for encoding in encodings]

    def decode(self, token_ids: Sequence[int] | TokenIds) -> str:
        """Turn tokens into text, without special tokens."""
        return str(self._tokenizer.decode([int(token_id) for token_id in token_ids], skip_special_tokens=True))

    def controls_in(self, text: str) -> list[tuple[ControlToken, int, int]]:
        """Find the control tokens that a text spells, with their characters [start, end)."""
        return [(self._controls[match[0]], *match.span()) for match in self._spelled.finditer(text)]

    def num_unwritten_controls(self, text: str, token_ids: TokenIds) -> int:
        """Count the control tokens that a text turns into without spelling them, by way of a normaliser."""
        written = len(self.controls_in(text)) + len(self._leading)
        return max(0, int(np.isin(token_ids, self._control_ids).sum()) - written)

    def id_of(self, text: str) -> int | None:
        """Give the id of a token by its text, if there is one."""
        token_id: int | None = self._tokenizer.token_to_id(text)
        return token_id

    def _token_ids(self, encoding: Any) -> TokenIds:
        return np.array(self._leading + encoding.ids, dtype=np.uint32)


def load_tokenizer(path: Path) -> tuple[Tokenizer, dict[str, Any]]:
    """Read a tokenizer.json, as a tokenizer and as what it says.

    Raises:
        ModelError: missing, too large, or no tokenizer.
    """
    described = read_object(path, limit=_TOKENIZER_BYTES)
    described = {key: value for key, value in described.items() if key not in ("truncation", "padding")}
    try:
        return Tokenizer.from_str(json.dumps(described)), described
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelError(f"{path}: not a tokenizer ({error})") from error


def find_controls(described: dict[str, Any], template_source: str) -> list[ControlToken]:
    """List a tokenizer's special tokens, and whatever other added token its template writes."""
    added = [token for token in described.get("added_tokens") or () if str(token.get("content", "")).strip()]
    unknown = _unknown_token(described.get("model") or {})
    return [
        ControlToken(int(token["id"]), text, is_hard=not token.get("single_word"), is_unknown=text == unknown)
        for token in added
        if token.get("special") or token["content"] in template_source
        for text in [token["content"]]
    ]


def _unknown_token(model: dict[str, Any]) -> object:
    if isinstance(unk_id := model.get("unk_id"), int):  # Unigram: an index into its list of (token, score)
        return model["vocab"][unk_id][0]
    return model.get("unk_token")


def tokenizer_digest(described: dict[str, Any]) -> str:
    """Name a tokenizer by what it says, however the file is laid out: SHA-256, hex."""
    canonical = json.dumps(described, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def read_object(path: Path, *, limit: int) -> dict[str, Any]:
    """Read a JSON object of at most `limit` bytes.

    Raises:
        ModelError: missing, too large, or no JSON object.
    """
    try:
        if path.stat().st_size > limit:
            raise ModelError(f"{path}: larger than {limit} bytes")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object")
    return value


def _leading_specials(tokenizer: Tokenizer) -> list[int]:
    """Learn which special tokens the tokenizer puts before a text; what it puts behind is left out."""
    encoding = tokenizer.encode("a", add_special_tokens=True)
    content = tokenizer.encode("a", add_special_tokens=False).ids
    ids: list[int] = encoding.ids
    starts = (start for start in range(len(ids)) if ids[start : start + len(content)] == content)
    return ids[: next(starts, 0)]
