"""The embedded engine: transformers' models, run one sequence at a time, deterministic piece by piece."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kvprep.errors import ContextTooLong
from kvprep.prefill.attention import reading_attention
from kvprep.prefill.base import KVBuffer
from kvprep.prefill.buffer import TorchBuffer
from kvprep.prefill.kernels import own_kernels
from kvprep.prefill.loading import load_model
from kvprep.prefill.memory import HostMemory
from kvprep.prefill.models import ModelFiles
from kvprep.types import CacheShape, ModelIdentity, Piece, PrefillCost, TokenIds

if TYPE_CHECKING:
    import torch


def load_engine(files: ModelFiles, *, alone: bool = False) -> "TransformersEngine":
    """Load a model from safetensors, without running any code that comes with it.

    Args:
        files: which, and in which numbers.
        alone: whether nothing else in this process computes with torch, now or later. Then tokens of an answer take
            kernels that can be chosen for a whole process only, and are faster on a CPU in bfloat16.

    Raises:
        ModelError: the device is not there, or the weights cannot be loaded completely.
        UnsupportedCache: the loaded model caches something else than `files.shape` says.
    """
    return TransformersEngine(load_model(files), files, alone=alone)


class TransformersEngine:
    """An Engine on one device. Not for two threads at once."""

    def __init__(self, model: Any, files: ModelFiles, *, alone: bool = False) -> None:
        """Wrap a loaded model that `load_engine` has checked; `alone` as there."""
        self.model = model
        self._chooses_kernels = alone and model.device.type == "cpu" and files.dtype == "bfloat16"
        self.identity: ModelIdentity = files.identity
        self.shape: CacheShape = files.shape
        self.max_positions: int = files.max_positions
        self._flops = _FlopsFormula(model, files.shape)

    def new_buffer(self, capacity: int, memory: HostMemory | None = None) -> TorchBuffer:
        """Make an empty buffer on the model's device."""
        return TorchBuffer(self.shape, capacity, self.model.device, memory=memory)

    def prefill(self, buffer: KVBuffer, token_ids: TokenIds, pieces: Sequence[Piece]) -> PrefillCost:
        """Run pieces through the model, each in one forward pass, and append their keys and values."""
        ours = _own(buffer)
        _check_pieces(pieces, ours.length)
        if pieces:
            self._check_fits(max(piece.end for piece in pieces), "the document")
        total = PrefillCost(0, 0.0, 0.0)
        with ours.writing():
            for piece in pieces:
                total += self._run_piece(ours, token_ids, piece)
        return total

    def generate(
        self, buffer: KVBuffer, token_ids: TokenIds, *, max_new_tokens: int, eos_token_ids: Collection[int]
    ) -> Iterator[int]:
        """Answer greedily, one token at a time."""
        ours = _own(buffer)
        self._check_continuation(ours, token_ids, max_new_tokens)
        return self._decode(ours, token_ids, max_new_tokens, frozenset(eos_token_ids))

    def logits(self, buffer: KVBuffer, token_ids: TokenIds) -> NDArray[np.float32]:
        """Run `token_ids` as one piece; the buffer is left as it was."""
        ours = _own(buffer)
        self._check_continuation(ours, token_ids, 0)
        with _restored(ours):
            logits: NDArray[np.float32] = self._read(ours, token_ids).float().cpu().numpy()
        return logits

    def _run_piece(self, buffer: TorchBuffer, token_ids: TokenIds, piece: Piece) -> PrefillCost:
        tokens = token_ids[piece.start : piece.end]
        missing = piece.end - piece.start - len(tokens)
        buffer.truncate(piece.start)
        started = self._now()
        try:
            # Any token will do where the document ends: those before it cannot see it.
            self._forward(buffer, np.pad(tokens, (0, missing)))
        except BaseException:
            buffer.set_length(piece.start)
            raise
        seconds = self._now() - started
        buffer.truncate(piece.end - missing)
        return PrefillCost(piece.end - piece.start, seconds, self._flops(piece))

    def _decode(
        self, buffer: TorchBuffer, token_ids: TokenIds, max_new_tokens: int, eos_token_ids: frozenset[int]
    ) -> Iterator[int]:
        with _restored(buffer):
            next_ids = token_ids
            for _ in range(max_new_tokens):
                token = int(self._read(buffer, next_ids).argmax())
                if token in eos_token_ids:
                    return
                yield token
                next_ids = np.array([token], dtype=np.uint32)

    def _read(self, buffer: TorchBuffer, token_ids: TokenIds) -> "torch.Tensor":
        """Do as `_forward`, for tokens that are forgotten again."""
        with ExitStack() as ways:
            ways.enter_context(reading_attention(self.model))
            if self._chooses_kernels and len(token_ids) == 1:
                ways.enter_context(own_kernels())
            return self._forward(buffer, token_ids)

    def _forward(self, buffer: TorchBuffer, token_ids: TokenIds) -> "torch.Tensor":
        """Append `token_ids` in one pass; return the last token's logits, shape (vocab_size,)."""
        import torch

        input_ids = torch.from_numpy(token_ids.astype(np.int64))[None].to(self.model.device)
        with torch.inference_mode():
            output = self.model(input_ids=input_ids, cache=buffer.cache, use_cache=True, logits_to_keep=1)
        logits: torch.Tensor = output.logits[0, -1]
        return logits

    def _check_continuation(self, buffer: TorchBuffer, token_ids: TokenIds, new_tokens: int) -> None:
        if not len(token_ids):
            raise ValueError("a continuation needs at least one token")
        self._check_fits(buffer.length + len(token_ids) + new_tokens, "document, question and answer")

    def _check_fits(self, num_tokens: int, subject: str) -> None:
        if num_tokens > self.max_positions:
            raise ContextTooLong(
                f"{subject}: {num_tokens} tokens, and {self.identity.name} takes {self.max_positions}",
                hint="Split the document, ask for a shorter answer, or choose a model with a longer context.",
            )

    def _now(self) -> float:
        """Seconds, once the device has done what it was given."""
        import torch

        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)
        elif self.model.device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter()


class _FlopsFormula:
    """FLOPs of one pass: 2 for each weight and token, and 2 for each number of a key and a value that is attended to.

    Embeddings are looked up, not multiplied, and the output layer sees one token of a pass; neither is counted. A
    token at position p attends to p + 1 keys.
    """

    def __init__(self, model: Any, shape: CacheShape) -> None:
        from torch.nn import Embedding

        skipped = {id(module.weight) for module in model.modules() if isinstance(module, Embedding)}
        skipped.add(id(getattr(model.get_output_embeddings(), "weight", None)))
        self._weights: int = sum(weight.numel() for weight in model.parameters() if id(weight) not in skipped)
        heads: int = model.config.get_text_config(decoder=True).num_attention_heads
        self._attended: int = sum(heads * (layer.key_dim + layer.value_dim) for layer in shape.layers)

    def __call__(self, piece: Piece) -> float:
        num_tokens = piece.end - piece.start
        attended_tokens = num_tokens * (piece.start + piece.end + 1) / 2
        return 2.0 * self._weights * num_tokens + 2.0 * self._attended * attended_tokens


def _own(buffer: KVBuffer) -> TorchBuffer:
    if not isinstance(buffer, TorchBuffer):
        raise TypeError("a buffer of another engine")
    return buffer


def _check_pieces(pieces: Sequence[Piece], length: int) -> None:
    """Refuse gaps, empty pieces, and a start anywhere but at the buffer's end."""
    if pieces and pieces[0].start != length:
        raise ValueError(f"the first piece starts at {pieces[0].start}, and the buffer holds {length} tokens")
    if any(piece.start >= piece.end for piece in pieces):
        raise ValueError("a piece is empty")
    if any(not before.start < after.start <= before.end for before, after in pairwise(pieces)):
        raise ValueError("pieces must follow one another without a gap")


@contextmanager
def _restored(buffer: TorchBuffer) -> Iterator[None]:
    """Write to a buffer alone, and give it its former length back, however the block ends."""
    with buffer.writing():
        length = buffer.length
        try:
            yield
        finally:
            buffer.set_length(length)
