"""How a few new tokens read a long cache: with grouped query heads folded into the query length.

Where several query heads share one key head, torch either repeats the keys or works head by head; folded, each key is
read once. Folding gives slightly other numbers, so it never computes what is stored: prefill uses plain SDPA.

Source: docs/benchmarks.md, "one forward step".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PREFILL = "sdpa"
READING = "kvprep_folded"

MAX_FOLDED_QUERIES = 64
"""Beyond that, computing outweighs reading, and folding gains nothing."""


@contextmanager
def reading_attention(model: Any) -> Iterator[None]:
    """Let a model read its cache with folded heads, until the block ends."""
    _register()
    model.config._attn_implementation = READING
    try:
        yield
    finally:
        model.config._attn_implementation = PREFILL


@cache
def _register() -> None:
    """Add the function to transformers' table, under a name that nothing else uses."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(READING, folded_attention)
    AttentionMaskInterface.register(READING, sdpa_mask)


def folded_attention(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    scaling: float | None = None,
    **kwargs: Any,
) -> "tuple[torch.Tensor, None]":
    """Attend; called by transformers.

    Args:
        module: the attention layer.
        query: shape (batch, num_heads, new_tokens, head_dim).
        key: shape (batch, num_kv_heads, seq_len, head_dim); `value` likewise.
        attention_mask: shape (batch, 1, new_tokens, seq_len), or None where all is seen.

    Returns:
        Shape (batch, new_tokens, num_heads, value_dim).
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, num_heads, new_tokens, _ = query.shape
    groups = num_heads // key.shape[1]
    if not _can_fold(groups, new_tokens, attention_mask, kwargs):
        given = {**kwargs, "scaling": scaling}
        attended, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **given)
        return attended, None
    folded = query.reshape(batch, key.shape[1], groups * new_tokens, query.shape[3])
    mask = None if attention_mask is None else attention_mask.repeat(1, 1, groups, 1)
    attended = torch.nn.functional.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scaling)
    return attended.reshape(batch, num_heads, new_tokens, value.shape[3]).transpose(1, 2).contiguous(), None


def _can_fold(groups: int, new_tokens: int, mask: "torch.Tensor | None", kwargs: dict[str, Any]) -> bool:
    """Without a mask only a single token sees everything; several would need torch's own causal order."""
    has_order = mask.shape[1] == 1 if mask is not None else new_tokens == 1
    is_plain = kwargs.get("position_bias") is None and kwargs.get("softcap") is None
    return groups > 1 and new_tokens <= MAX_FOLDED_QUERIES and has_order and is_plain
