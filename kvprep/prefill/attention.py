"""How a few new tokens read a long cache: with grouped query heads folded into the query length, and in even parts.

Where several query heads share one key head, torch either repeats the keys or works head by head; folded, each key is
read once. On a CPU, torch gives each key head to one thread, and three heads keep two threads busy for as long as four
would; cut into parts, a head is read by all of them. Both give slightly other numbers than plain SDPA, so they never
compute what is stored: prefill uses plain SDPA.

Source: docs/benchmarks.md, "one forward step".
"""

import math
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

MIN_DIVIDED_TOKENS = 1024
"""Below that, putting parts together takes longer than an idle thread waits."""

_WITH_SUMS = "_scaled_dot_product_flash_attention_for_cpu"
"""What torch's SDPA calls on a CPU. It also gives the logarithms of the sums that parts are weighed by; a torch that no
longer has it is as exact, only slower."""


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
    if mask is None and (parts := _parts(key)) > 1:
        attended = _attend_in_parts(folded, key, value, scaling, parts)
    else:
        attended = torch.nn.functional.scaled_dot_product_attention(folded, key, value, attn_mask=mask, scale=scaling)
    return attended.reshape(batch, num_heads, new_tokens, value.shape[3]).transpose(1, 2).contiguous(), None


def _parts(key: "torch.Tensor") -> int:
    """Say into how many parts every key head is cut, so that they come out even among the threads; 1: not at all."""
    import torch

    is_worth_it = key.device.type == "cpu" and key.shape[0] == 1 and key.shape[2] >= MIN_DIVIDED_TOKENS
    if not is_worth_it or not hasattr(torch.ops.aten, _WITH_SUMS):
        return 1
    threads = torch.get_num_threads()
    return threads // math.gcd(threads, key.shape[1])


def _attend_in_parts(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", scaling: float | None, parts: int
) -> "torch.Tensor":
    """Attend to `parts` equal parts of the cache, and to the few tokens left over; weigh each by its own sum.

    Args:
        query: shape (1, num_kv_heads, rows, head_dim); every row sees all of the cache.
        key: shape (1, num_kv_heads, seq_len, head_dim); `value` likewise.
    """
    import torch

    attend = getattr(torch.ops.aten, _WITH_SUMS)
    even = key.shape[2] - key.shape[2] % parts
    rows = query.transpose(0, 1)  # heads take the place of the batch, parts that of the heads
    cut = (cached[0, :, :even].view(key.shape[1], parts, even // parts, -1) for cached in (key, value))
    attended, sums = attend(rows.expand(-1, parts, -1, -1), *cut, scale=scaling)
    if even < key.shape[2]:
        left = (cached[:, :, even:].transpose(0, 1) for cached in (key, value))
        rest, rest_sums = attend(rows, *left, scale=scaling)
        attended, sums = torch.cat((attended, rest), 1), torch.cat((sums, rest_sums), 1)
    weights = torch.softmax(sums.float(), 1)[..., None]
    merged: torch.Tensor = (attended.float() * weights).sum(1).to(query.dtype)[None]
    return merged


def _can_fold(groups: int, new_tokens: int, mask: "torch.Tensor | None", kwargs: dict[str, Any]) -> bool:
    """Without a mask only a single token sees everything; several would need torch's own causal order."""
    has_order = mask.shape[1] == 1 if mask is not None else new_tokens == 1
    is_plain = kwargs.get("position_bias") is None and kwargs.get("softcap") is None
    return groups > 1 and new_tokens <= MAX_FOLDED_QUERIES and has_order and is_plain
