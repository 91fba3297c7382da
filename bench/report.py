"""From what was measured to JSON and to Markdown. Nothing is judged here, and nothing is added."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench import plot
from bench.timing import ratio

LATEST, PEERS, PLOT = "latest.json", "peers.json", "latest.svg"
BARE = "import typer, list and stat the store's files"
"""What the rows of a large store are compared with."""
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

TARGETS = {
    "1": ("cold prefill ÷ (load, authenticate, decrypt, first token), 8,000 tokens", "≥"),
    "2": ("warm first token ÷ llama.cpp slot restore + first token, 8,000 tokens", "≤"),
    "3": ("authenticated load ÷ memcpy into the same buffer, bytes/s, one thread", "≥"),
    "4": ("ingest wall ÷ time in the model's forward", "≤"),
    "5": ("tokens computed ÷ tokens of distinct blocks", "="),
    "6": ("tokens computed beyond n − p after one changed line", "≤"),
    "7": ("unchanged re-ingest ÷ (import typer, walk, stat)", "≤"),
    "8": ("look-up of 125 blocks among 1,000,000 ÷ the same rows through bare sqlite3, 99th of 100", "≤"),
    "9": ("stored ÷ raw bytes, lossless codec, bfloat16", "≤"),
    "10": ("peak memory above the model alone, in KV of one document", "≤"),
    "11": ("pages/s of reading and canonicalising ÷ pypdfium2's text alone, one core", "≥"),
    "12": ("values of e-invoices found in their canonical text", "="),
    "13": ("`kvprep --help` ÷ `python -c 'import typer'`", "≤"),
    "14": ("recording a look-up, the 99th of 100 ÷ the load that it is of, 8,000 tokens", "≤"),
}
"""What each figure is, and which way its target points. The numbers come with the measurements."""

WARM_ROWS = (
    ("kvprep prefill, in pieces of 512", "prefill"),
    ("… then the warm first token: all three below", "warm first token"),
    ("…… open the entry", "open entry"),
    ("…… load: authenticate and decrypt every byte, buffer touched", "load"),
    ("…… one forward step", "first token"),
    ("… load with one thread", "load, one thread"),
    ("… load into memory never touched before", "load into new buffer"),
    ("… load of a store with the lossless codec, buffer touched", "load, lossless codec"),
    ("… memcpy of as many bytes into the touched buffer", "memcpy"),
    ("transformers prefill, `DynamicCache`, one pass", "transformers prefill"),
    ("… then `torch.load` of the cache (nothing checked, nothing decrypted)", "torch.load"),
    ("… and its first decode step", "torch.load first token"),
    ("… both", "torch.load total"),
    ("… or safetensors load (nothing checked, nothing decrypted)", "safetensors load"),
    ("… and its first decode step", "safetensors first token"),
    ("… both", "safetensors total"),
)


def write(results: Mapping[str, Any], folder: Path, document: Path | None = None) -> None:
    """Write `latest.json`, `latest.md` and the plot, and put the tables between the marks of a document.

    Target 2 is taken from the last `make bench-peers`, if its results are in that folder.

    Args:
        results: `machine`, `versions`, `targets` (number → value, target, met, detail), and what else was measured.
        folder: where the files go.
        document: Markdown with the two marks; what is between them is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (beside := folder / PEERS).exists():
        results = {**results, "targets": {**results["targets"], **json.loads(beside.read_text())["targets"]}}
    (folder / LATEST).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    tables = markdown(results)
    (folder / "latest.md").write_text(tables)
    if curve := results.get("curve"):
        (folder / PLOT).write_text(plot.draw(curve))
    if document is not None:
        put_between(document, BEGIN, END, tables)


def put_between(document: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks of a document; `text` ends with a line's end."""
    before, _, rest = document.read_text().partition(begin)
    document.write_text(f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}")


def markdown(results: Mapping[str, Any]) -> str:
    """Draw the tables of what was measured."""
    parts = [setting(results), target_table(results["targets"])]
    if warm := results.get("warm"):
        parts.append(_warm(warm))
    if start := results.get("start"):
        parts.append(table(["process", "median (lowest to highest)"], [[k, times(v)] for k, v in start.items()]))
    if scale := results.get("scale"):
        parts.append(_scale(scale))
    return "\n\n".join(parts) + "\n"


def setting(results: Mapping[str, Any]) -> str:
    """List what the figures were measured on."""
    facts = {**results["machine"], **results["versions"]}
    if loads := results.get("load_average"):
        facts["load average as each part began"] = ", ".join(f"{part} {load}" for part, load in loads.items())
    return "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items())


def target_table(targets: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw each target with its figure and whether it is met."""
    rows = []
    for number, found in sorted(targets.items(), key=lambda item: int(item[0])):
        what, sign = TARGETS[number]
        verdict = "met" if found["met"] else "**missed**"
        rows.append([number, what, str(found["value"]), f"{sign} {found['target']}", verdict, found["detail"]])
    return table(["#", "figure", "measured", "target", "", "how"], rows)


def _warm(warm: Mapping[str, Mapping[str, list[float]]]) -> str:
    measured = [(what, key) for what, key in WARM_ROWS if all(key in size for size in warm.values())]
    rows = [[what, *(times(size[key]) for size in warm.values())] for what, key in measured]
    return table(["bundled model, bfloat16, CPU", *(f"{int(n):,} tokens" for n in warm)], rows)


def _scale(scale: Mapping[str, Any]) -> str:
    bare = scale["times"][BARE]
    rows = [[name, times(seconds), str(ratio(seconds, bare))] for name, seconds in scale["times"].items()]
    return table([f"store with {scale['blocks']:,} rows of blocks", "median (lowest to highest)", "÷ the first"], rows)


def times(seconds: list[float]) -> str:
    """Say the median, and the lowest and highest."""
    return f"{_time(median(seconds))} ({_time(min(seconds))} to {_time(max(seconds))})"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Draw a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
