"""What was loaded beside what is computed afresh: bit for bit, and by the tokens that the model answers with.

Source: store-format decision "Exactness": the reference of a load is its replay.
"""

from collections.abc import Collection, Iterator

import numpy as np

from kvprep.prefill.base import Engine, KVBuffer
from kvprep.types import CacheShape, TokenIds


def first_difference(one: KVBuffer, other: KVBuffer, shape: CacheShape, num_tokens: int) -> int | None:
    """Find the first of `num_tokens` tokens whose keys or values are not bit-equal; None where all are."""
    differing = (_differing_token(a, b, num_tokens) for a, b in _runs(one, other, shape, num_tokens))
    return min((token for token in differing if token is not None), default=None)


def answer_tokens(
    engine: Engine, buffer: KVBuffer, question: TokenIds, *, most: int, eos_token_ids: Collection[int] = ()
) -> list[int]:
    """Answer greedily with at most so many tokens, and no more than the model has positions for."""
    room = min(most, engine.max_positions - buffer.length - len(question))
    if room < 1:
        return []
    return list(engine.generate(buffer, question, max_new_tokens=room, eos_token_ids=eos_token_ids))


def _runs(
    one: KVBuffer, other: KVBuffer, shape: CacheShape, num_tokens: int
) -> Iterator[tuple[memoryview, memoryview]]:
    for layer, facts in enumerate(shape.layers):
        for part in range(2):
            for head in range(facts.num_kv_heads):
                place = (layer, part, head, 0, num_tokens)
                yield one.chunk_view(*place), other.chunk_view(*place)


def _differing_token(one: memoryview, other: memoryview, num_tokens: int) -> int | None:
    if one == other:
        return None
    rows = (np.frombuffer(run, np.uint8).reshape(num_tokens, -1) for run in (one, other))
    return int(np.flatnonzero(np.not_equal(*rows).any(axis=1))[0])
