"""Which documents of a plan are near-duplicates, and which were made from one template. Shown, never merged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kvprep.dedupe.diff import diff_texts
from kvprep.dedupe.near import near_groups
from kvprep.dedupe.templates import TemplateGroup, template_groups
from kvprep.prefill.models import BLOCK_SIZE
from kvprep.prefill.plan import plan
from kvprep.types import ContentHash, TokenIds


@dataclass(frozen=True, slots=True)
class KnownText:
    """A document at hand, read now or stored."""

    document: ContentHash
    source: str
    """Path of one of its sources."""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NearMember:
    """A document that reads like its group's principal."""

    document: ContentHash
    source: str
    similarity: float
    num_words: int
    """Words in which the two differ."""


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """A principal and what reads like it."""

    principal: ContentHash
    source: str
    members: tuple[NearMember, ...]


@dataclass(frozen=True, slots=True)
class TemplateSharing:
    """Documents of one template, and what they could share; tokens of the model."""

    documents: tuple[tuple[ContentHash, str], ...]
    """Each with the path of one of its sources."""
    total_tokens: int
    natural_tokens: int
    """What the blocks of common prefixes spare, as the documents are."""
    template_first_tokens: int
    """What would be spared if the template came first and each document's values after it: an upper bound."""


def near_duplicates(texts: Sequence[KnownText]) -> list[NearDuplicates]:
    """Find near-duplicates, each with how many words of it differ from its principal."""
    known = {text.document: text for text in texts}
    return [
        NearDuplicates(
            group.principal,
            known[group.principal].source,
            tuple(_member(known[group.principal], known[ident], similarity) for ident, similarity in group.members),
        )
        for group in near_groups([(text.document, text.text) for text in texts])
    ]


def template_sharing(
    texts: Sequence[KnownText],
    tokens_of: Callable[[KnownText], TokenIds],
    count_tokens: Callable[[str], int],
) -> list[TemplateSharing]:
    """Find the documents of one template, and what they share.

    Args:
        texts: the documents.
        tokens_of: gives a document's prompt.
        count_tokens: counts the tokens of a text by itself.
    """
    known = {text.document: text for text in texts}
    groups = template_groups([(text.document, text.text) for text in texts])
    return [_sharing(group, known, tokens_of, count_tokens) for group in groups]


def _member(principal: KnownText, member: KnownText, similarity: float) -> NearMember:
    num_words = diff_texts(principal.text, member.text).num_words
    return NearMember(member.document, member.source, similarity, num_words)


def _sharing(
    group: TemplateGroup,
    known: Mapping[ContentHash, KnownText],
    tokens_of: Callable[[KnownText], TokenIds],
    count_tokens: Callable[[str], int],
) -> TemplateSharing:
    members = [known[document] for document in group.members]
    prompts = [tokens_of(member) for member in members]
    total = sum(map(len, prompts))
    planned = plan(prompts, BLOCK_SIZE, lambda tokens: 0)
    natural = total - sum(s.end - s.start for turn in planned for s in turn.stretches)
    fixed = [count_tokens(group.fixed_text(member.text)) for member in members]
    return TemplateSharing(
        documents=tuple((member.document, member.source) for member in members),
        total_tokens=total,
        natural_tokens=natural,
        # One of them computes it. A layout that shares less than the documents do as they are is not taken.
        template_first_tokens=max(natural, sum(fixed) - max(fixed)),
    )
