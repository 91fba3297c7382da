"""Chat templates, rendered as transformers renders them, in the same sandbox."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

Message = Mapping[str, str]

# What a template's own code is seen to raise on messages that it does not expect.
TEMPLATE_ERRORS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Look something up.",
            "parameters": {
                "type": "object",
                "properties": {"name": {"type": "string", "description": "What to look up."}},
                "required": ["name"],
            },
        },
    },
)
"""One tool, to see where a template writes tools."""


@dataclass(frozen=True)
class ChatTemplate:
    """A model's chat template with the special tokens that it may write."""

    source: str
    tool_source: str = ""
    """What is used instead where tools are given; empty: the same template."""
    special_tokens: Mapping[str, Any] = field(default_factory=dict)
    """`bos_token` and its like, by name."""

    def __post_init__(self) -> None:
        """Compile, so that a template that does not parse is refused before anything is rendered."""
        compiled = {source: _compile(source) for source in (self.source, self.tool_source or self.source)}
        object.__setattr__(self, "_compiled", compiled)

    def render(self, messages: Sequence[Message], *, today: date, pinned: bool, tools: bool = False) -> str:
        """Render a conversation up to where the model is to answer.

        Args:
            messages: from the first to the question.
            today: what the template's clock shows.
            pinned: also say the date to templates that are told it, and do not ask the clock.
            tools: offer a tool.

        Raises:
            one of TEMPLATE_ERRORS: the template does not accept such messages.
        """
        given: dict[str, Any] = {**self.special_tokens, "strftime_now": today.strftime}
        if pinned:
            given["date_string"] = today.strftime("%d %b %Y")
        source = (self.tool_source if tools else "") or self.source
        compiled: jinja2.Template = self._compiled[source]  # type: ignore[attr-defined]
        return compiled.render(
            messages=[dict(message) for message in messages],
            tools=[dict(tool) for tool in TOOLS] if tools else None,
            documents=None,
            add_generation_prompt=True,
            **given,
        )


class _GenerationTag(Extension):
    """Accepts the tag that marks an assistant's words, and renders what is inside."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_inside"), [], [], body).set_lineno(line)

    def _inside(self, caller: Callable[[], str]) -> str:
        return caller()


class _Namespace(Namespace):
    """A namespace without private names, so that a template cannot reach beyond the sandbox through one."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # noqa: N805 - so that a name may be `self`
        self, rest = args[0], args[1:]
        values = dict(*rest, **kwargs)
        for name in values:
            _refuse_private(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)


def _refuse_private(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError("a chat template may not use private names")


def _compile(source: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {"raise_exception": _raise_exception, "namespace": _Namespace, "dict": _make_dict}
    return environment.from_string(source)


def _make_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON without jinja's own escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
