"""Where a document stands in a conversation, found by rendering probes: a frame that questions cannot move."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from os.path import commonprefix

from kvprep.errors import TemplateVaries
from kvprep.prompt.chat import TEMPLATE_ERRORS, ChatTemplate, Message

Turn = tuple[str, str]
"""A question and its answer."""

PINNED_DATE = date(2024, 7, 26)
"""Shown to templates that write the date before the document. Some of them fall back on this very date themselves."""

_DOCUMENT = "Zanzibar quince 41"
_ANSWER = "Marigold 17"
_OTHER_DAYS = (date(2023, 1, 9), date(2031, 11, 28))
_HISTORIES: tuple[tuple[Turn, ...], ...] = ((), (("Who?", _ANSWER),), (("Who?", _ANSWER), ("1st?", "Yes")))
_QUESTIONS = ("What is this?", "1. Summarise")


@dataclass(frozen=True, slots=True)
class Ask:
    """What may follow a document."""

    question: str
    history: tuple[Turn, ...] = ()
    tools: bool = False
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A conversation's fixed parts around a document."""

    template: ChatTemplate | None
    """None: a base model without one."""
    placement: str
    """`system`: the document is the system message; `user`: it opens the first question; `plain`: no template."""
    preamble: str = ""
    pinned: bool = False
    """Whether the template always sees the same date."""
    tools_share_prefix: bool = True
    """Whether requests with tools begin with the same text, so that they can use the same prefix."""

    def text(self, document: str, ask: Ask) -> str:
        """Render the whole conversation, up to where the model is to answer."""
        opening = f"{self.preamble}\n\n{document}" if self.preamble else document
        if self.template is None:
            return "\n\n".join([opening, *(part for turn in ask.history for part in turn), ask.question])
        today = PINNED_DATE if self.pinned else ask.day or date.today()
        messages = list(self._messages(opening, ask))
        return self.template.render(messages, today=today, pinned=self.pinned, tools=ask.tools)

    def _messages(self, opening: str, ask: Ask) -> Iterator[Message]:
        said = [part for turn in ask.history for part in turn] + [ask.question]
        if self.placement == "system":
            yield {"role": "system", "content": opening}
        else:
            said[0] = f"{opening}\n\n{said[0]}"
        for number, content in enumerate(said):
            yield {"role": "assistant" if number % 2 else "user", "content": content}


def find_frame(template: ChatTemplate | None, preamble: str) -> Frame:
    """Choose the place of the document that questions, history and the date cannot move.

    Raises:
        TemplateVaries: there is none.
    """
    if template is None:
        return Frame(None, "plain", preamble)
    for placement in ("system", "user"):
        if frame := _steady(Frame(template, placement, preamble)):
            return frame
    raise TemplateVaries(
        "the chat template gives no prefix that is the same for every question",
        hint="Choose another model, or put a chat_template.jinja in the model's folder that keeps messages in order.",
    )


def probes(frame: Frame, questions: Sequence[str]) -> list[Ask]:
    """List continuations that a prefix of this frame must withstand."""
    asks = [Ask(question) for question in questions]
    asks += [Ask(_QUESTIONS[0], history) for history in _HISTORIES]
    if frame.tools_share_prefix:
        asks.append(Ask(_QUESTIONS[0], tools=True))
    return asks + [Ask(_QUESTIONS[0], day=day) for day in _OTHER_DAYS]


def steady_text(frame: Frame) -> tuple[str, int, int]:
    """Give the text that all probes of a probe document share, and where in it the document starts and ends."""
    texts = [frame.text(_DOCUMENT, ask) for ask in probes(frame, _QUESTIONS)]
    start = texts[0].index(_DOCUMENT)
    return commonprefix(texts), start, start + len(_DOCUMENT)


def after_answer(frame: Frame) -> str:
    """Give what the template writes after an answer."""
    text = frame.text(_DOCUMENT, Ask(_QUESTIONS[0], _HISTORIES[1]))
    return text[text.index(_ANSWER) + len(_ANSWER) :]


def _steady(frame: Frame) -> Frame | None:
    """Pin what the date moves, note what tools move; None where questions or history move the document."""
    first, second = _OTHER_DAYS
    head = _shared_head(frame, [Ask(q, history, day=first) for q in _QUESTIONS for history in _HISTORIES])
    if head is None:
        return None
    if _shared_head(frame, [Ask(_QUESTIONS[0], day=day) for day in (first, second)]) is None:
        frame = replace(frame, pinned=True)
    with_tools = [Ask(_QUESTIONS[0], tools=tools, day=first) for tools in (False, True)]
    return replace(frame, tools_share_prefix=_shared_head(frame, with_tools) is not None)


def _shared_head(frame: Frame, asks: Sequence[Ask]) -> str | None:
    """Give the text up to the document's end, if all these continuations have the same."""
    heads = {_head(frame, ask) for ask in asks}
    return heads.pop() if len(heads) == 1 else None


def _head(frame: Frame, ask: Ask) -> str | None:
    try:
        text = frame.text(_DOCUMENT, ask)
    except TEMPLATE_ERRORS:
        return None
    if text.count(_DOCUMENT) != 1:
        return None
    return text[: text.index(_DOCUMENT) + len(_DOCUMENT)]
