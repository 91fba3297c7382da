"""Documents to prompts, and questions to the tokens that follow them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from kvprep.errors import ControlTokens, ModelError
from kvprep.prompt.chat import TEMPLATE_ERRORS, ChatTemplate
from kvprep.prompt.cut import Cutter, make_cutter
from kvprep.prompt.folder import eos_ids, load_template
from kvprep.prompt.frame import PINNED_DATE, Ask, Frame, after_answer, find_frame
from kvprep.prompt.vocabulary import Vocabulary, find_controls, load_tokenizer, tokenizer_digest
from kvprep.types import Prompt, PromptTags, TokenIds


class PromptTemplate:
    """How one model is asked about a document: immutable, safe to share between threads."""

    def __init__(self, cutter: Cutter, tags: PromptTags, eos_token_ids: frozenset[int]) -> None:
        """Join the parts; `load` makes them."""
        self._cutter = cutter
        self.tags = tags
        self.eos_token_ids = eos_token_ids
        """Tokens that end an answer."""

    @classmethod
    def load(cls, folder: Path, *, preamble: str = "") -> "PromptTemplate":
        """Read a model's tokenizer and chat template, and find by probes where its prompts can be cut.

        Args:
            folder: holds tokenizer.json and, where the model has them, tokenizer_config.json, chat_template.jinja,
                generation_config.json.
            preamble: put before every document, with a blank line between; white space around it is dropped.

        Raises:
            TemplateVaries: no place for a document is safe from questions.
            ControlTokens: the preamble spells a control token.
            ModelError: files that are missing or make no sense.
        """
        tokenizer, described = load_tokenizer(folder / "tokenizer.json")
        template = load_template(folder)
        sources = template.source + template.tool_source if template else ""
        vocabulary = Vocabulary(tokenizer, find_controls(described, sources), bare=template is None)
        preamble = preamble.strip()
        _refuse_controls("the preamble", preamble, vocabulary)
        frame = find_frame(template, preamble)
        tags = PromptTags(tokenizer_digest(described), _frame_digest(frame), _digest(preamble))
        ends = frozenset([*eos_ids(folder, vocabulary), *_closing_id(frame, vocabulary)])
        return cls(make_cutter(frame, vocabulary), tags, ends)

    @property
    def placement(self) -> str:
        """`system`, `user` (the first message of the user) or `plain` (no chat template)."""
        return self._cutter.frame.placement

    @property
    def pinned_date(self) -> date | None:
        """The date that a client must show to the template; None: it may show any."""
        return PINNED_DATE if self._cutter.frame.pinned else None

    @property
    def tools_share_prefix(self) -> bool:
        """Whether a request with tools can use the same prefix."""
        return self._cutter.frame.tools_share_prefix

    def render(self, document_text: str) -> Prompt:
        """Turn a canonical text into the prompt that all questions about it share.

        Raises:
            ControlTokens: the text spells a control token of the tokenizer.
        """
        _refuse_controls("the document", document_text, self._cutter.vocabulary)
        return self._cutter.cut(document_text)

    def continuation(self, prompt: Prompt, question: str, history: Sequence[tuple[str, str]] = ()) -> TokenIds:
        """Give the tokens that follow a prompt of `render`: the rest of the whole conversation, shape (num_tokens,).

        Args:
            history: earlier questions, each with its answer.

        Raises:
            ModelError: the conversation does not begin with the prompt's tokens, or the template refuses it.
        """
        ask = Ask(question, tuple(history))
        try:
            text = self._cutter.frame.text(prompt.document, ask)
        except TEMPLATE_ERRORS as error:
            raise ModelError(f"the chat template refuses the conversation ({error})") from error
        token_ids = self._cutter.vocabulary.encode(text)
        num_tokens = len(prompt.token_ids)
        if not np.array_equal(token_ids[:num_tokens], prompt.token_ids):
            raise ModelError("the question changes the tokens of the document before it")
        return token_ids[num_tokens:]

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text by itself, outside any prompt."""
        return len(self._cutter.vocabulary.encode(text))

    def decode(self, token_ids: Sequence[int] | TokenIds) -> str:
        """Turn an answer's tokens into text, without special tokens."""
        return self._cutter.vocabulary.decode(token_ids)


def _refuse_controls(subject: str, text: str, vocabulary: Vocabulary) -> None:
    if count := len(vocabulary.controls_in(text)):
        raise ControlTokens(
            f"{subject} spells {count} control token{'s' if count > 1 else ''} of the model",
            hint="Take them out of the source, or prepare it for a model with other control tokens.",
        )


def _closing_id(frame: Frame, vocabulary: Vocabulary) -> Iterator[int]:
    """Find the control token with which the template ends an answer."""
    if frame.template is None:
        return
    rest = after_answer(frame)
    for control, start, _ in vocabulary.controls_in(rest)[:1]:
        if not rest[:start].strip():
            yield control.id


def _frame_digest(frame: Frame) -> str:
    template = frame.template or ChatTemplate("")
    return _digest(
        json.dumps(
            {
                "source": template.source,
                "special_tokens": dict(template.special_tokens),
                "placement": frame.placement,
                "pinned": PINNED_DATE.isoformat() if frame.pinned else "",
            },
            sort_keys=True,
            separators=(",", ":"),
        )
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
