"""Where a prompt ends: the last token that no continuation can change.

A special token that closes the document's message is such an end by itself. Elsewhere merges reach across the seam,
so that many continuations are tried, and the cut falls before the first token in which any two of them differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kvprep.errors import ControlTokens, TemplateVaries
from kvprep.prompt.frame import Ask, Frame, probes, steady_text
from kvprep.prompt.vocabulary import Spans, Vocabulary
from kvprep.types import Prompt, TokenIds

_WINDOW = 2048
"""Characters at a document's end within which continuations are tried; merges reach a few words at most."""

_QUESTIONS = (
    *("", " ", "\n", "\n\n", "\t", "   x", "\n x", "\r\n", "a", "A", "s", "the", "1", "42", ".", ",", "-", "'", "'s"),
    *(
        '"',
        "(",
        ")",
        "<",
        "[",
        "#",
        "/",
        "_",
        "%",
        "é",
        "ß",
        "中",
        "。",
        "あ",
        "한",
        "ا",
        "😀",
        "\u0301",
        "\u200d",
        "\ufe0f",
    ),
)


@dataclass(frozen=True, slots=True)
class Cutter:
    """Cuts the prompts of one frame."""

    frame: Frame
    vocabulary: Vocabulary
    head: int
    """Characters before the document."""
    closing: int | None
    """Which control token of the text closes the document's message, counted from 0; None: none does."""

    def cut(self, document: str) -> Prompt:
        """Cut the conversation that starts with this document.

        Raises:
            ControlTokens: the tokenizer makes control tokens of it.
            TemplateVaries: no token of it withstands every continuation.
        """
        end = self._closing_end(document)
        if end is None:
            text, token_ids = self._probed(document)
        else:
            text = self.frame.text(document, _ASK)[:end]
            token_ids = self.vocabulary.encode(text)
        if count := self.vocabulary.num_unwritten_controls(text, token_ids):
            raise ControlTokens(f"the document makes {count} control tokens of the model")
        return Prompt(text, token_ids, document)

    def _closing_end(self, document: str) -> int | None:
        """Find the end of the control token that closes the document's message, if the frame has one."""
        if self.closing is None:
            return None
        controls = self.vocabulary.controls_in(self.frame.text(document, _ASK))
        return controls[self.closing][2] if self.closing < len(controls) else None

    def _probed(self, document: str) -> tuple[str, TokenIds]:
        asks = probes(self.frame, _QUESTIONS)
        reference, rival, unsteady = self._unsteady_characters(document, asks)
        texts = [self.frame.text(document, ask) for ask in (reference, rival)]
        (ids, spans), (rival_ids, _) = self.vocabulary.encode_all(texts)
        limit = len(texts[0]) - unsteady
        for length in range(_num_common(ids, rival_ids), 0, -1):
            end = spans[length - 1][1]
            if end > limit or not _is_boundary(spans, length):
                continue
            if np.array_equal(self.vocabulary.encode(texts[0][:end]), ids[:length]):
                return texts[0][:end], ids[:length]
        raise TemplateVaries("no token of the prompt is the same for every question")

    def _unsteady_characters(self, document: str, asks: Sequence[Ask]) -> tuple[Ask, Ask, int]:
        """Try continuations at the document's end.

        Returns:
            One continuation, the one that differs from it earliest, and how many characters at the end of the first
            one's conversation some continuation changes the tokens of.
        """
        tail = _tail(document)
        texts = [self.frame.text(tail, ask) for ask in asks]
        if len(tail) < len(document) and not self.frame.text(document, asks[0]).endswith(texts[0][self.head :]):
            texts = [self.frame.text(document, ask) for ask in asks]  # the template changes what it is given
        encoded = self.vocabulary.encode_all(texts)
        ids, spans = encoded[0]
        common = [_num_common(ids, other) for other, _ in encoded]
        shortest = int(np.argmin(common))
        steady = spans[common[shortest] - 1][1] if common[shortest] else 0
        return asks[0], asks[shortest], len(texts[0]) - steady


_ASK = Ask("?")


def make_cutter(frame: Frame, vocabulary: Vocabulary) -> Cutter:
    """Learn from a probe document where the frame's prompts can be cut."""
    text, start, end = steady_text(frame)
    controls = vocabulary.controls_in(text)
    before = sum(1 for _, _, control_end in controls if control_end <= start)
    after = [(control, control_end) for control, control_start, control_end in controls if control_start >= end]
    is_closed = bool(after) and after[0][0].is_hard and _is_steady(text, after[0][1], vocabulary)
    return Cutter(frame, vocabulary, start, before if is_closed else None)


def _is_steady(text: str, end: int, vocabulary: Vocabulary) -> bool:
    """Tell whether what follows a control token leaves the tokens up to it as they are."""
    token_ids = vocabulary.encode(text[:end])
    return bool(np.array_equal(vocabulary.encode(text)[: len(token_ids)], token_ids))


def _tail(document: str) -> str:
    """Take the end of a document, from the start of a word on."""
    start = len(document) - _WINDOW
    for position in range(max(start, 1), start + _WINDOW // 2):
        if document[position - 1].isspace() and not document[position].isspace():
            return document[position:]
    return document


def _num_common(ids: TokenIds, others: TokenIds) -> int:
    """Count the leading tokens that two conversations share."""
    length = min(len(ids), len(others))
    differs = np.flatnonzero(ids[:length] != others[:length])
    return int(differs[0]) if len(differs) else length


def _is_boundary(spans: Spans, length: int) -> bool:
    """Tell whether the first `length` tokens end where a character does; bytes of one character share its span."""
    return length == len(spans) or spans[length][0] >= spans[length - 1][1]
