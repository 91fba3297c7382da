"""What every engine offers, and the memory it fills: one sequence's keys and values."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kvprep.prefill.lending import Loan
from kvprep.prefill.memory import HostMemory
from kvprep.types import CacheShape, ModelIdentity, Piece, PrefillCost, TokenIds

ChunkTarget = Callable[[int, int, int, int, int], memoryview]
"""(layer, part, head, start, end) → the bytes of those tokens, to be written to."""

KEYS = 0
VALUES = 1


class KVBuffer(Protocol):
    """Keys and values of one sequence, head-major: per layer (num_kv_heads, capacity, key_dim) and (…, value_dim).

    A buffer belongs to one writer: one prefill, one load, or one answer at a time; a second one is refused with
    RuntimeError. Reading chunks of tokens that nobody is writing is safe from any thread.
    """

    @property
    def length(self) -> int:
        """Tokens that are valid: [0, length)."""

    @property
    def capacity(self) -> int:
        """Tokens that fit before memory must grow."""

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` tokens. Chunk views taken before no longer show the buffer."""

    def set_length(self, length: int) -> None:
        """Declare [0, length) valid, after a load has filled it.

        Raises:
            ValueError: beyond the capacity.
        """

    def truncate(self, length: int) -> None:
        """Forget the tokens from `length` on; no memory is touched.

        Raises:
            ValueError: longer than the buffer is.
        """

    def chunk_view(self, layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        """Show the bytes of tokens [start, end) of one head: contiguous, token by token, in the machine's byte order.

        On a CPU this is the buffer's own memory and may be written to; on another device it is a copy for reading.

        Args:
            part: `KEYS` or `VALUES`.

        Raises:
            ValueError: beyond the capacity.
        """

    def lend(self, start: int, end: int) -> Loan:
        """Lend tokens [start, end) to a reader in another thread, who gives them back in any case.

        Writes to tokens that have not been read yet wait for it, and so do a load and the next loan. They may be
        truncated at once.

        Raises:
            ValueError: beyond the length.
        """

    def filling(self) -> AbstractContextManager[ChunkTarget]:
        """Fill tokens from outside: give the views to write to, and bring what was written to the device at the end.

        On a CPU the views are the buffer's own memory. On another device they are host memory, as large as what is
        asked for until the block ends, so fill one segment at a time; after an exception nothing is copied.
        """


class Engine(Protocol):
    """A loaded model."""

    @property
    def identity(self) -> ModelIdentity:
        """What shapes its numbers."""

    @property
    def shape(self) -> CacheShape:
        """Shape of the buffers it fills."""

    @property
    def max_positions(self) -> int:
        """Tokens of prompt, question and answer together."""

    def new_buffer(self, capacity: int, memory: HostMemory | None = None) -> KVBuffer:
        """Make an empty buffer with room for `capacity` tokens; on a CPU in `memory`, where that is large enough.

        Args:
            capacity: more can be reserved later.
            memory: made for the shape of this engine, and given to no other buffer.
        """

    def prefill(self, buffer: KVBuffer, token_ids: TokenIds, pieces: Sequence[Piece]) -> PrefillCost:
        """Run pieces through the model, each in one forward pass, and append their keys and values.

        The first piece starts at `buffer.length`. A piece may start before the end of the one before it, and may end
        after the last token: this replays a prefix that was reused only in part. What a piece computes is kept up to
        where the next one starts, and up to the last token. The *length* of a pass shapes the numbers of all its
        tokens, in the last bits; the tokens that come later in it do not, but in mixtures of experts, where they
        change how many tokens an expert multiplies at once.

        Args:
            token_ids: the document from its first token on, shape (num_tokens,).
            pieces: absolute token ranges in ascending order.

        Returns:
            Tokens that went through the model (also those not kept), seconds in the forward pass, and FLOPs.

        Raises:
            ContextTooLong: a piece ends beyond the model's positions; nothing is computed.
            ValueError: the pieces leave a gap, or do not start at the buffer's end.
        """

    def generate(
        self, buffer: KVBuffer, token_ids: TokenIds, *, max_new_tokens: int, eos_token_ids: Collection[int]
    ) -> Iterator[int]:
        """Answer greedily: run `token_ids` as one piece after what the buffer holds, then yield one token at a time.

        Ends before the first token of `eos_token_ids`. The buffer grows meanwhile, and is truncated to its former
        length when the iterator ends or is closed.

        Raises:
            ContextTooLong: buffer, tokens and answer exceed the model's positions; raised at once.
            ValueError: no tokens.
        """

    def logits(self, buffer: KVBuffer, token_ids: TokenIds) -> NDArray[np.float32]:
        """Run `token_ids` as one piece after what the buffer holds; the buffer is left as it was.

        Returns:
            Logits of what follows the last token, shape (vocab_size,).

        Raises:
            ContextTooLong: buffer and tokens exceed the model's positions.
            ValueError: no tokens.
        """
