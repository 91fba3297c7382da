"""What a model's folder says of conversations: its chat template, its special tokens, and what ends an answer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2

from kvprep.errors import ModelError
from kvprep.prompt.chat import ChatTemplate
from kvprep.prompt.vocabulary import Vocabulary, read_object

_CONFIG_BYTES = 16 << 20
_TEMPLATE_BYTES = 1 << 20
_TOKEN_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def load_template(folder: Path) -> ChatTemplate | None:
    """Read the chat template: from chat_template.jinja, or else from tokenizer_config.json; None where there is none.

    Raises:
        ModelError: a template that cannot be read or does not parse.
    """
    settings = _settings(folder)
    default, with_tools = _sources(folder, settings)
    if not default:
        return None
    if max(len(default), len(with_tools)) > _TEMPLATE_BYTES:
        raise ModelError(f"{folder}: a chat template of more than {_TEMPLATE_BYTES} bytes")
    try:
        return ChatTemplate(default, with_tools, special_tokens(settings))
    except (jinja2.TemplateError, RecursionError) as error:
        raise ModelError(f"{folder}: the chat template does not parse ({error})") from error


def special_tokens(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Gather the special tokens by name, as a template sees them."""
    named = {name: text for name in _TOKEN_NAMES if (text := _text(settings.get(name)))}
    further = settings.get("additional_special_tokens") or settings.get("extra_special_tokens")
    if isinstance(further, list) and further:
        return {**named, "additional_special_tokens": [_text(token) for token in further]}
    return named


def eos_ids(folder: Path, vocabulary: Vocabulary) -> Iterator[int]:
    """Gather the tokens that end an answer by the model's own word."""
    for name in ("generation_config.json", "config.json"):
        stated = _read_if_there(folder / name).get("eos_token_id")
        for value in stated if isinstance(stated, list) else [stated]:
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                yield value
    end = vocabulary.id_of(str(special_tokens(_settings(folder)).get("eos_token", "")))
    if end is not None:
        yield end


def _settings(folder: Path) -> dict[str, Any]:
    older = _read_if_there(folder / "special_tokens_map.json")
    return {**older, **_read_if_there(folder / "tokenizer_config.json")}


def _read_if_there(path: Path) -> dict[str, Any]:
    return read_object(path, limit=_CONFIG_BYTES) if path.is_file() else {}


def _sources(folder: Path, settings: Mapping[str, Any]) -> tuple[str, str]:
    """Give the default template and, where there is one of its own, the one for tools."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        try:
            return file.read_text(encoding="utf-8"), ""
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read") from error
    stated = settings.get("chat_template")
    if isinstance(stated, str):
        return stated, ""
    entries = [entry for entry in stated or () if isinstance(entry, dict)]
    named = {str(entry.get("name")): str(entry.get("template", "")) for entry in entries}
    if named and "default" not in named:
        raise ModelError(f"{folder}: several chat templates, and none is called default")
    return named.get("default", ""), named.get("tool_use", "")


def _text(token: object) -> str:
    """Read a special token, written as a string or as an object with its content."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""
