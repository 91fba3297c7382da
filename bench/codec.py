"""The lossless codec on keys and values that a model computed: how small they get, and how fast they come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.documents import text
from bench.timing import Stopwatch
from kvprep.codec import Lossless
from kvprep.prefill.base import KVBuffer
from kvprep.prefill.models import ModelFiles
from kvprep.prefill.plan import cut
from kvprep.prompt import PromptTemplate

NUM_TOKENS = 4096
ROUNDS = 9


@dataclass(frozen=True)
class Measured:
    """What the codec made of one prefix."""

    raw_bytes: int
    encoded_bytes: int
    seconds: dict[str, list[float]]
    """Of encoding and of decoding all of it, one thread, round by round."""


def measure(engine: Any, files: ModelFiles, num_tokens: int = NUM_TOKENS, rounds: int = ROUNDS) -> Measured:
    """Prefill a text once; encode and decode its chunks in turns."""
    tokens = PromptTemplate.load(files.folder).render(text(2, num_tokens // 10)).token_ids[:num_tokens]
    buffer, watch, codec, dtype = engine.new_buffer(len(tokens)), Stopwatch(), Lossless(), files.shape.dtype
    engine.prefill(buffer, tokens, cut(0, len(tokens)))
    chunks = [bytes(chunk) for chunk in _chunks(files, buffer)]
    target = memoryview(bytearray(max(map(len, chunks))))
    for _ in range(rounds):
        with watch.measure("encode"):
            encoded = [codec.encode(chunk, dtype) or chunk for chunk in chunks]
        with watch.measure("decode"):
            for data, chunk in zip(encoded, chunks, strict=True):
                if len(data) < len(chunk):
                    codec.decode(data, dtype, target[: len(chunk)], subject="bench")
    return Measured(sum(map(len, chunks)), sum(map(len, encoded)), dict(watch.seconds))


def _chunks(files: ModelFiles, buffer: KVBuffer) -> Iterator[memoryview]:
    for number, layer in enumerate(files.shape.layers):
        for part in range(2):
            for head in range(layer.num_kv_heads):
                for start in range(0, buffer.length, 2048):
                    yield buffer.chunk_view(number, part, head, start, min(start + 2048, buffer.length))


def targets(measured: Measured, warm: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Judge target 9.

    Args:
        measured: of `measure`.
        warm: the warm path's seconds at 8,000 tokens, for what the codec does to targets 1 and 2.
    """
    share = measured.encoded_bytes / measured.raw_bytes
    decode, encode = (measured.raw_bytes / median(measured.seconds[way]) for way in ("decode", "encode"))
    plain, lossless = (median(warm[name]) for name in ("load", "load, lossless codec"))
    rest = median(warm["open entry"]) + median(warm["first token"])
    return {
        "9": {
            "value": round(share, 3),
            "target": 0.69,
            "met": share <= 0.69 and decode >= 1.5e9,
            "detail": f"stored ÷ raw bytes at {NUM_TOKENS:,} tokens; decodes {decode / 1e9:.2f} GB/s and encodes "
            f"{encode / 1e9:.2f} GB/s of raw bytes, one thread; at 8,000 tokens, file in memory, the load takes "
            f"{lossless / plain:.1f} times as long with it and the warm first token "
            f"{(rest + lossless) / (rest + plain):.2f} times",
        }
    }
