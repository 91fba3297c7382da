"""kvboost: a cache of chunks for transformers' models, with a second tier on disk.

Only what memory has no room for goes to disk, and nothing at the end of a process. So the first engine is left without
room once it has computed everything: one more chunk, of another text, then drives all of it out to disk. A second
engine on the same folder reads it again.
"""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

from bench.environments import Environment
from bench.peers.peer import BOTH, PREFILL, SAVE, Description, Peer, Request, Seconds, serve
from bench.timing import Stopwatch

_CHUNK_TOKENS = 128
_ROUNDS = 5
"""Float16 is slow on a CPU: more, or a second prefill, would take too long."""

_ENVIRONMENT = Environment("kvboost", "0.9.0", beside=("torch==2.13.0", "transformers==5.24.0"), download_mb=250)
PEER = Peer(
    description=Description(
        name="kvboost, tier on disk",
        version=f"kvboost {_ENVIRONMENT.version}",
        numbers="weights and KV float16, its default",
        unchecked="authenticates and encrypts nothing; any model's cache is taken if it lies in the folder; "
        "computes each chunk of 128 tokens without the text before it, then repairs 16 tokens at each seam, so its "
        "answers are not those of a whole prefill; the tier is not written out at the end of a process",
    ),
    environment=_ENVIRONMENT,
    module="kvboost",
    seconds=300,
)


def measure(request: Request) -> Iterator[tuple[str, Seconds]]:
    """Measure every size with one model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(request.threads)
    model = AutoModelForCausalLM.from_pretrained(request.model, dtype=torch.float16).eval()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(request.model)
    for tokens, prompt in request.prompts.items():
        yield tokens, _measure_size(request, _Engines(model, tokenizer, request), prompt)


class _Engines:
    """Engines on one folder: each begins with an empty memory."""

    def __init__(self, model: Any, tokenizer: Any, request: Request) -> None:
        self._model, self.tokenizer = model, tokenizer
        self._folder = Path(request.folder) / "kvboost"
        self.chunk_bytes = request.token_bytes * _CHUNK_TOKENS

    def clear(self) -> None:
        """Forget what is on disk."""
        rmtree(self._folder, ignore_errors=True)

    def start(self, num_tokens: int) -> Any:
        """Start an engine with room for so many tokens."""
        from kvboost import KVBoost  # type: ignore[import-not-found]

        chunks = num_tokens // _CHUNK_TOKENS + 2
        return KVBoost(
            self._model,
            self.tokenizer,
            max_cache_bytes=chunks * self.chunk_bytes,
            recency_window_chunks=0,
            max_chunks=chunks,
            disk_cache_dir=str(self._folder),
            device="cpu",
        )


def _measure_size(request: Request, engines: _Engines, prompt: list[int]) -> Seconds:
    watch, text = Stopwatch(), engines.tokenizer.decode(prompt)
    other = engines.tokenizer.decode(prompt[1 : 1 + _CHUNK_TOKENS])
    engines.clear()
    engine = engines.start(len(prompt))
    with watch.measure(PREFILL):
        engine.warm(text)
    engine.cache_manager.max_cache_bytes = engines.chunk_bytes
    with watch.measure(SAVE):
        engine.warm(other)
    for _ in range(min(_ROUNDS, request.rounds)):
        engine = engines.start(len(prompt))
        with watch.measure(BOTH):
            result = engine.generate(text, max_new_tokens=1)
        if result.kv_reuse_ratio < 1 - _CHUNK_TOKENS / len(prompt):
            raise RuntimeError("kvboost computed what it had on disk")
    return watch.seconds


if __name__ == "__main__":
    serve(measure)
