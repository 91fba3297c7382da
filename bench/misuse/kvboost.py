"""kvboost's tier on disk: chunks named by the hash of their tokens and of those before them.

What its assembler loads is compared, number by number, with what an engine on an empty folder computes for the same
prompt with the model that now stands there: kvboost's own numbers, which are not those of a whole prefill. That an
answer uses what is loaded is seen once, where nothing is done wrong.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.misuse.rows import (
    CONTROL,
    DOCUMENT,
    EDITED,
    EXPIRED,
    MISS,
    NO_NOTION,
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

COLUMN = "kvboost, tier on disk"
_CHUNK_TOKENS = 128
_MAX_CHUNKS = 8
_ROOM_BYTES = 1 << 30
_NUMBER_BYTES = 2
_DATA = "kv_cache.bin"
_NOTIONS = {
    TENANT: "no notion of tenants: whoever can name the folder has it",
    EXPIRED: "no notion of a time to live: a chunk serves until its place is needed",
}


def cells(request: Request) -> Iterator[Cell]:
    """Fill the column."""
    import torch

    torch.set_num_threads(request.threads)
    desk = _Desk(request)
    for document in (DOCUMENT, EDITED, OTHER):
        desk.store(document)
    for row in ROWS:
        yield Cell(COLUMN, row.name, NO_NOTION, _NOTIONS[row]) if row in _NOTIONS else _cell(desk, row)


@dataclass
class _Desk:
    """Models, and engines on folders."""

    request: Request
    _models: dict[str, Any] = field(default_factory=dict)
    _right: dict[tuple[str, str], Any] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        """Place a folder for chunks."""
        return Path(self.request.folder) / name

    def engine(self, variant: str, folder: Path | None) -> Any:
        """Start an engine that has nothing in its memory."""
        import torch
        from kvboost import KVBoost  # type: ignore[import-not-found]
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if variant not in self._models:
            path = self.request.models[variant]
            model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float16)
            self._models[variant] = (model.eval(), AutoTokenizer.from_pretrained(path))
        return KVBoost(
            *self._models[variant],
            max_cache_bytes=_ROOM_BYTES,
            recency_window_chunks=0,
            max_chunks=_MAX_CHUNKS,
            disk_cache_dir=folder and str(folder),
            device="cpu",
        )

    def store(self, document: str) -> None:
        """Compute a document's chunks, then leave no room for them in memory: kvboost writes what it drops."""
        engine, prompt = self.engine(ORIGINAL, self.folder(document)), self.request.prompts[ORIGINAL][document]
        engine.warm(prompt)
        self._right[ORIGINAL, document] = _assemble(engine, prompt).cached_past_kv
        engine.cache_manager.max_cache_bytes = 1
        engine.cache_manager._evict_until_fits(1)

    def right(self, row: Row) -> Any:
        """Compute a prompt's chunks in memory, once for each variant and document."""
        key = (row.variant, row.document)
        if key not in self._right:
            engine, prompt = self.engine(row.variant, None), self.request.prompts[row.variant][row.document]
            engine.warm(prompt)
            self._right[key] = _assemble(engine, prompt).cached_past_kv
        return self._right[key]


def _cell(desk: _Desk, row: Row) -> Cell:
    folder, other = desk.folder("stored"), desk.folder("other stored")
    # A copy put back over a newer one is, file by file, the older folder.
    for target, document in ((folder, DOCUMENT), (other, OTHER)):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(desk.folder(document), target)
    right = desk.right(row)
    damage(row, folder / _DATA, other / _DATA, used_bytes=_chunk_bytes(right))
    engine, prompt = desk.engine(row.variant, folder), desk.request.prompts[row.variant][row.document]
    try:
        loaded = _assemble(engine, prompt)
    except Exception as error:  # what a library raises on a broken file is its own affair
        return refused(COLUMN, row, error)
    if row is CONTROL and engine.generate(prompt, max_new_tokens=1).cached_tokens != loaded.cached_length:
        raise RuntimeError("kvboost does not use what it gathers")
    if not loaded.cached_length:
        return Cell(COLUMN, row.name, MISS, "no chunk of this prompt is found")
    what = f"numbers of the KV of {loaded.cached_length} tokens used"
    return compared(COLUMN, row, *_differing(loaded.cached_past_kv, right), what)


def _assemble(engine: Any, prompt: str) -> Any:
    """Do what `generate` does first: gather the chunks of a prompt."""
    tokens = engine._encode(prompt)
    return engine.assembler.assemble(tokens, chunk_splits=engine._split_tokens(tokens))


def _chunk_bytes(layers: Any) -> int:
    """Bytes of the first chunk on disk: all layers' keys and values, in float16."""
    return sum(part[:, :, :_CHUNK_TOKENS].numel() for layer in layers for part in layer) * _NUMBER_BYTES


def _differing(loaded: Any, right: Any) -> tuple[int, int]:
    """Count the loaded numbers that are not the right ones at their places, and all that were loaded."""
    pairs = [pair for parts in zip(loaded, right, strict=True) for pair in zip(*parts, strict=True)]
    wrong = (int((ours != theirs[:, :, : ours.shape[2]]).sum()) for ours, theirs in pairs)
    return sum(wrong), sum(ours.numel() for ours, _ in pairs)


if __name__ == "__main__":
    serve(cells)
