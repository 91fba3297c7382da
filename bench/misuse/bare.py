"""The two ways to save a `DynamicCache` that come to mind first: `torch.save` and safetensors.

A file is found by the name that its caller gave it. What is loaded is compared with a fresh prefill by the model that
now stands there, of the prompt that is now asked for, number by number.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.misuse.rows import (
    DOCUMENT,
    EDITED,
    EXPIRED,
    NO_NOTION,
    OLDER,
    ORIGINAL,
    OTHER,
    ROWS,
    TENANT,
    Cell,
    Request,
    Row,
    compared,
    damage,
    refused,
    serve,
)

PICKLED, TENSORS = "`torch.save` of a `DynamicCache`", "safetensors of a `DynamicCache`"
_NOTIONS = {
    TENANT: "no notion of tenants: whoever can name the file has it",
    EXPIRED: "no notion of a time to live: the file serves for ever",
}
Layers = list[tuple[Any, Any]]


def cells(request: Request) -> Iterator[Cell]:
    """Fill both columns."""
    desk = _Desk(request)
    for row in ROWS:
        for column, (save, load) in {PICKLED: (_pickle, _unpickle), TENSORS: (_save, _load)}.items():
            if row in _NOTIONS:
                yield Cell(column, row.name, NO_NOTION, _NOTIONS[row])
            else:
                yield _cell(desk, column, row, save, load)


@dataclass
class _Desk:
    """The models, and what they compute afresh."""

    request: Request
    _computed: dict[tuple[str, str], Any] = field(default_factory=dict)

    def fresh(self, variant: str, document: str) -> Any:
        """Prefill a prompt in one pass, once for all rows."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

        if (variant, document) not in self._computed:
            folder = self.request.models[variant]
            tokens = AutoTokenizer.from_pretrained(folder)(
                self.request.prompts[variant][document], add_special_tokens=False, return_tensors="pt"
            )
            model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
            cache = DynamicCache()
            with torch.inference_mode():
                model.eval()(input_ids=tokens.input_ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            self._computed[variant, document] = cache
        return self._computed[variant, document]


def _cell(
    desk: _Desk, column: str, row: Row, save: Callable[[Any, Path], None], load: Callable[[Path], Layers]
) -> Cell:
    folder = Path(desk.request.folder)
    file, other = folder / "document", folder / "other"
    save(desk.fresh(ORIGINAL, DOCUMENT), file)
    save(desk.fresh(ORIGINAL, OTHER), other)
    if row is OLDER:
        shutil.copy(file, folder / "older")
        save(desk.fresh(ORIGINAL, EDITED), file)
        shutil.copy(folder / "older", file)
    damage(row, file, other)
    right = _layers(desk.fresh(row.variant, row.document))
    try:
        loaded = load(file)
    except Exception as error:  # what a library raises on a broken file is its own affair
        return refused(column, row, error)
    return compared(column, row, *_differing(loaded, right), "numbers of the KV")


def _pickle(cache: Any, file: Path) -> None:
    import torch

    torch.save(cache, file)


def _unpickle(file: Path) -> Layers:
    import torch

    return _layers(torch.load(file, weights_only=False))


def _save(cache: Any, file: Path) -> None:
    from safetensors.torch import save_file

    layers = enumerate(_layers(cache))
    save_file({f"{i}.{n}": part for i, pair in layers for n, part in zip("kv", pair, strict=True)}, file)


def _load(file: Path) -> Layers:
    from safetensors.torch import load_file

    tensors = load_file(file)
    return [(tensors[f"{i}.k"], tensors[f"{i}.v"]) for i in range(len(tensors) // 2)]


def _layers(cache: Any) -> Layers:
    return [(layer.keys, layer.values) for layer in cache.layers]


def _differing(loaded: Layers, right: Layers) -> tuple[int, int]:
    """Count the numbers that are not the right ones at their places, and all."""
    pairs = [pair for parts in zip(loaded, right, strict=True) for pair in zip(*parts, strict=True)]
    wrong = (_wrong_numbers(ours, theirs) for ours, theirs in pairs)
    return sum(wrong), sum(max(ours.numel(), theirs.numel()) for ours, theirs in pairs)


def _wrong_numbers(loaded: Any, right: Any) -> int:
    shared = min(loaded.shape[2], right.shape[2])
    equal = (loaded[:, :, :shared] == right[:, :, :shared]).sum()
    return max(loaded.numel(), right.numel()) - int(equal)


if __name__ == "__main__":
    serve(cells)
