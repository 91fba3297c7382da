"""kvprep and, in its process with its model, the two ways to save a cache that come to mind first."""

from pathlib import Path
from typing import Any

from bench import warm
from bench.peers.peer import BOTH, FIRST, PREFILL, RESTORE, SAVE, Description, Outcome, Seconds
from kvprep import __version__
from kvprep.prefill.models import ModelFiles
from kvprep.store.store import Store

KVPREP = "kvprep"
_NUMBERS = "weights and KV bfloat16"
_BARE = "authenticates and encrypts nothing; nothing says which model or text the file belongs to"


def measure(files: ModelFiles, sizes: tuple[int, ...], folder: Path) -> list[Outcome]:
    """Measure what runs in this process."""
    from kvprep.prefill.transformers import load_engine

    with Store.create(folder / "store") as store:
        bench = warm.Bench(store.namespace("default"), files, load_engine(files, alone=True), folder)
        times = warm.measure(bench, sizes)
    return [
        Outcome(peer, {str(tokens): _seconds(at, steps) for tokens, at in times.items()})
        for peer, steps in _ways().items()
    ]


def _seconds(times: Seconds, steps: dict[str, tuple[str, ...]]) -> Seconds:
    """Name what was timed by step; a step of several parts is their sum, round by round."""
    return {
        step: [sum(parts) for parts in zip(*(times[p] for p in timed), strict=True)] for step, timed in steps.items()
    }


def _ways() -> dict[Description, dict[str, tuple[str, ...]]]:
    """Describe each way, and say which figures of `bench.warm` are its steps."""
    import safetensors
    import transformers

    return {
        Description(
            KVPREP,
            __version__,
            _NUMBERS,
            "every byte is authenticated and decrypted, under keys of its namespace, model and document; "
            "what is saved is also forced to disk; whether the source file has changed is asked before, not timed here",
        ): {
            PREFILL: ("prefill",),
            SAVE: ("seal and write",),
            RESTORE: ("open entry", "load"),
            FIRST: ("first token",),
            BOTH: ("warm first token",),
        },
        Description("`torch.save` of a `DynamicCache`", f"transformers {transformers.__version__}", _NUMBERS, _BARE): {
            PREFILL: ("transformers prefill",),
            SAVE: ("torch.save",),
            RESTORE: ("torch.load",),
            FIRST: ("torch.load first token",),
            BOTH: ("torch.load total",),
        },
        Description("safetensors of a `DynamicCache`", f"safetensors {safetensors.__version__}", _NUMBERS, _BARE): {
            PREFILL: ("transformers prefill",),
            SAVE: ("safetensors save",),
            RESTORE: ("safetensors load",),
            FIRST: ("safetensors first token",),
            BOTH: ("safetensors total",),
        },
    }


def request_facts(files: ModelFiles, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Say what peers have to be given so that they run the same tokens."""
    tokens = warm.tokens_to_measure(files, max(sizes)).tolist()
    return {
        "model": str(files.folder),
        "prompts": {str(n): tokens[:n] for n in sizes},
        "token_bytes": files.shape.token_bytes,
        "rounds": warm.WARM_ROUNDS,
    }
