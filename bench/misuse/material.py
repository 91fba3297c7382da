"""What the table is made with: three documents, and a model that is changed in one thing at a time."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from bench import documents
from bench.misuse.rows import DOCUMENT, EDITED, ORIGINAL, OTHER, TEMPLATE, TOKENIZER, VARIANTS, WEIGHTS

_LINES = 17
"""About 330 tokens of the bundled model."""
_EXCHANGED_WEIGHTS = tuple(f"model.layers.{layer}.self_attn.k_proj.weight" for layer in (0, 1))
_EXCHANGED_TENSORS = tuple(f"blk.{layer}.attn_k.weight" for layer in (0, 1))
_EXCHANGED_WORDS = ("Ġthe", "Ġand")


def texts() -> dict[str, str]:
    """Write the documents: the edited one has another number in the middle of it."""
    document = documents.text(1, _LINES)
    middle = f"\n{_LINES // 2}. "
    return {DOCUMENT: document, EDITED: document.replace(middle, f"{middle}not "), OTHER: documents.text(2, _LINES)}


def change_weights(folder: Path) -> None:
    """Let two layers exchange their key projections: the shapes stay, the numbers do not."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    one, two = _EXCHANGED_WEIGHTS
    save_file({**tensors, one: tensors[two], two: tensors[one]}, folder / "model.safetensors", {"format": "pt"})


def change_tokenizer(folder: Path, words: tuple[str, str] = _EXCHANGED_WORDS) -> None:
    """Let two words of the vocabulary exchange their ids."""
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    ids, (one, two) = tokenizer["model"]["vocab"], words
    ids[one], ids[two] = ids[two], ids[one]
    file.write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")


def change_template(folder: Path) -> None:
    """Let the template introduce the assistant in other words."""
    file = folder / "chat_template.jinja"
    file.write_text(file.read_text("utf-8").replace("helpful", "careful"), "utf-8")


CHANGES: dict[str, Callable[[Path], None]] = {
    WEIGHTS: change_weights,
    TOKENIZER: change_tokenizer,
    TEMPLATE: change_template,
}


def models(bundled: Path, folder: Path) -> dict[str, str]:
    """Copy a model's folder, once as it is and once with each change."""
    made = {variant: folder / variant.replace(" ", "-") for variant in VARIANTS}
    for variant, target in made.items():
        shutil.copytree(bundled, target)
        if variant != ORIGINAL:
            CHANGES[variant](target)
    return {variant: str(target) for variant, target in made.items()}


def gguf(bundled: Path, folder: Path) -> dict[str, str]:
    """Copy a GGUF file with the same changes; the template is not llama.cpp's here, the prompt comes written out."""
    made = {variant: folder / f"{variant.replace(' ', '-')}.gguf" for variant in (ORIGINAL, WEIGHTS, TOKENIZER)}
    for target in made.values():
        shutil.copy(bundled, target)
    _exchange_tensors(made[WEIGHTS])
    _exchange_words(made[TOKENIZER])
    return {variant: str(made.get(variant, made[ORIGINAL])) for variant in VARIANTS}


def _exchange_tensors(file: Path) -> None:
    from gguf import GGUFReader

    tensors = {tensor.name: tensor.data for tensor in GGUFReader(file, "r+").tensors}
    one, two = (tensors[name] for name in _EXCHANGED_TENSORS)
    one[:], two[:] = two.copy(), one.copy()
    one.base.flush()


def _exchange_words(file: Path) -> None:
    """Exchange two words of equal length in place."""
    from gguf import GGUFReader

    words = GGUFReader(file, "r+").fields["tokenizer.ggml.tokens"]
    wanted = {word.encode(): None for word in _EXCHANGED_WORDS}
    one, two = (words.parts[at] for at in words.data if bytes(words.parts[at]) in wanted)
    one[:], two[:] = two.copy(), one.copy()


def prompts(models: dict[str, str], written: dict[str, str]) -> dict[str, dict[str, str]]:
    """Write each document's prompt with each variant's own template, ready for a question."""
    return {variant: _prompts(Path(folder), written) for variant, folder in models.items()}


def _prompts(folder: Path, written: dict[str, str]) -> dict[str, str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = {name: [{"role": "user", "content": text}] for name, text in written.items()}
    return {
        name: tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for name, messages in asked.items()
    }
