"""llama.cpp's server through xllamacpp: a slot is restored from a file that its caller named, then asked on.

Where the server goes on from all that it restored, the slot is saved again, and compared byte by byte with the right
prompt's, saved by the same server. Where it keeps only the tokens that agree with the prompt, the likeliest first
tokens of its answer are compared, with their log-probabilities, bit for bit with two right answers: of prompt and
question computed at once in an empty slot, and of the question computed after the prompt, which rounds otherwise.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import ne
from pathlib import Path

from bench.misuse.rows import (
    DOCUMENT,
    EXPIRED,
    MISS,
    NO_NOTION,
    ORIGINAL,
    OTHER,
    REFUSED,
    ROWS,
    TENANT,
    TRUNCATED,
    Cell,
    Request,
    Row,
    compared,
    damage,
    refused,
    serve,
)
from bench.peers.llamacpp import Slot

COLUMN = "llama.cpp slots"
_QUESTION = "What must the buyer pay?"
_NUM_LIKELY = 20
_ROOM_TOKENS = 1024
_NOTIONS = {
    TENANT: "no notion of tenants: whoever can name the file has it",
    EXPIRED: "no notion of a time to live: the file serves for ever",
}
Likely = dict[int, float]
"""Log-probabilities of the likeliest first tokens."""


def cells(request: Request) -> Iterator[Cell]:
    """Fill the column."""
    desk = _Desk(request)
    kept = {name: desk.save(name) for name in (DOCUMENT, OTHER)}
    for row in ROWS:
        yield Cell(COLUMN, row.name, NO_NOTION, _NOTIONS[row]) if row in _NOTIONS else _cell(desk, row, kept)


@dataclass
class _Desk:
    """A server with one slot for each set of weights and words."""

    request: Request
    _slots: dict[str, Slot] = field(default_factory=dict)
    _right: dict[tuple[str, str], list[Likely]] = field(default_factory=dict)

    def slot(self, variant: str) -> Slot:
        """Start a variant's server, once."""
        weights = self.request.gguf[variant]
        if weights not in self._slots:
            self._slots[weights] = Slot(weights, self.request.folder, _ROOM_TOKENS, self.request.threads)
        return self._slots[weights]

    def save(self, document: str) -> Path:
        """Compute a prompt with the original, and save the slot."""
        slot = self.slot(ORIGINAL)
        slot.do("erase")
        slot.complete(self.request.prompts[ORIGINAL][document], 0)
        slot.do("save", filename=f"kept {document}")
        return Path(self.request.folder) / f"kept {document}"

    def ask(self, row: Row) -> tuple[Likely, int]:
        """Ask from where the slot agrees with the prompt; also say how many tokens it had of it."""
        prompt = self.request.prompts[row.variant][row.document] + _QUESTION
        answer = self.slot(row.variant).complete(prompt, 1, n_probs=_NUM_LIKELY)
        (first,) = answer["completion_probabilities"]
        return {token["id"]: token["logprob"] for token in first["top_logprobs"]}, answer["timings"]["cache_n"]

    def right(self, row: Row) -> list[Likely]:
        """Ask with an empty slot, and after the prompt alone; once for each variant and document."""
        key = (row.variant, row.document)
        if key not in self._right:
            slot = self.slot(row.variant)
            slot.do("erase")
            at_once, _ = self.ask(row)
            slot.do("erase")
            slot.complete(self.request.prompts[row.variant][row.document], 0)
            slot.do("save", filename=self.right_file(row).name)
            after, _ = self.ask(row)
            self._right[key] = [at_once, after]
        return self._right[key]

    def right_file(self, row: Row) -> Path:
        """Place the slot that a row's server saved after it computed the row's prompt itself."""
        return Path(self.request.folder) / f"right {row.variant}, {row.document}"

    def hang_up(self) -> None:
        """Close all connections before one is used after a long time."""
        for slot in self._slots.values():
            slot.hang_up()


def _cell(desk: _Desk, row: Row, kept: dict[str, Path]) -> Cell:
    desk.hang_up()
    folder = Path(desk.request.folder)
    file, other = folder / "document", folder / "other"
    shutil.copy(kept[DOCUMENT], file)
    shutil.copy(kept[OTHER], other)
    # A copy put back over a newer one is the older one: nothing beside the file says that there was a newer.
    damage(row, file, other)
    right, slot = desk.right(row), desk.slot(row.variant)
    if row is TRUNCATED and (died := _death(desk.request, file.name)):
        return Cell(COLUMN, row.name, REFUSED, died)
    slot.do("erase")
    try:
        restored = slot.do("restore", filename=file.name)["n_restored"]
        slot.do("save", filename="loaded")
    except RuntimeError as error:
        return refused(COLUMN, row, error)
    likely, reused = desk.ask(row)
    if reused == restored:
        return _judge_bytes(row, (folder / "loaded").read_bytes(), desk.right_file(row).read_bytes())
    return _judge_answer(row, likely, right, reused, restored)


def _death(request: Request, name: str) -> str:
    """Restore in a server of its own; say so if that ends the server, and what it said last of itself."""
    command = [sys.executable, "-m", "bench.misuse.llamacpp_restore", request.gguf[ORIGINAL], request.folder, name]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ended.returncode == 0:
        return ""
    said = next((line for line in ended.stderr.splitlines() if "ASSERT" in line or "what():" in line), "")
    return f"the whole server ends: {said.rpartition('/')[2].strip() or ended.returncode}"


def _judge_bytes(row: Row, loaded: bytes, right: bytes) -> Cell:
    differing = sum(map(ne, loaded, right)) + abs(len(loaded) - len(right))
    return compared(COLUMN, row, differing, len(right), "bytes of the slot used")


def _judge_answer(row: Row, likely: Likely, right: list[Likely], reused: int, restored: int) -> Cell:
    if not reused:
        return Cell(COLUMN, row.name, MISS, f"{restored} tokens restored, none used")
    differing = min(sum(likely.get(token) != value for token, value in each.items()) for each in right)
    what = f"log-probabilities after {reused} of {restored} restored tokens were used"
    return compared(COLUMN, row, differing, _NUM_LIKELY, what)


if __name__ == "__main__":
    serve(cells)
