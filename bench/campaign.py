"""The campaign against the store: its rows, and the table of what its last whole run found.

A row of the table is a line of `ROWS`; its tests lie in `tests/campaign/<file>` and call the fixture
`figures(row, part, **counts)` once for each part. `make test` runs a sample of them and writes nothing;
`make campaign` runs them whole, and each part's counts go to `bench/results/campaign.json` as it ends and from there
between the two marks of `docs/reliability.md`. To add a row: a line in `ROWS`, a test file, a call of `figures`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.report import put_between, table
from kvprep.store.lock import exclusive

BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
_ROOT = Path(__file__).resolve().parent.parent
RESULTS, DOCUMENT = _ROOT / "bench" / "results" / "campaign.json", _ROOT / "docs" / "reliability.md"
_LOCK = _ROOT / ".cache" / "campaign.lock"


class Row(NamedTuple):
    """A line of the table, without its figures."""

    done: str
    """What is done to the store."""
    bar: str
    """What must hold."""
    file: str
    """What does it: a file of tests below `tests/campaign`, or a target of make."""

    @property
    def command(self) -> str:
        """What runs this row alone, whole."""
        return f"make campaign T=tests/campaign/{self.file}" if self.file.endswith(".py") else f"make {self.file}"


ROWS: dict[str, Row] = {
    "1": Row(
        "kill -9 before and after every open, write, fsync, rename, unlink and commit of each operation",
        "older entries verify, the new one is wholly there or absent, the next command needs no hand",
        "test_kills.py",
    ),
    "2": Row(
        "EIO, ENOSPC, EDQUOT, a short write, no memory, at the same points; once, and from then on",
        "a named error with its exit code; the store verifies",
        "test_faults.py",
    ),
    "3": Row("a kill or a fault while recovering from a kill", "as 1", "test_recovery.py"),
    "4": Row(
        "random kill -9 over four writers, gc and an invalidator on one store",
        "no acknowledged write lost, no corrupt read, every verb succeeded",
        "test_random_kills.py",
    ),
    "5": Row(
        "un-fsynced writes lost or reordered: replay of a recorded log of writes",
        "consistent at every prefix",
        "test_power_cuts.py",
    ),
    "6": Row(
        "every single bit of a segment, entry, document, namespace, its keys, key slot and audit log flipped, "
        "as it falls and with the checksum mended",
        "all found, nothing returned",
        "test_flips.py",
    ),
    "7": Row(
        "chunks exchanged across layer, block, keys and values, document, namespace, model, generation and store",
        "none accepted",
        "test_exchanges.py",
    ),
    "8": Row("cuts at every boundary, extension, duplication, another order", "none accepted", "test_cuts.py"),
    "9": Row(
        "an older valid segment, entry, namespace file, index, audit log or whole store put back",
        "refused or flagged",
        "test_older_copies.py",
    ),
    "10": Row("a full disk, ten passes on a small tmpfs", "nothing lost, the store verifies", "test_full_disk.py"),
    "11": Row(
        "eight processes ingest one folder while another invalidates",
        "one prefill a document, no deadlock, no waiting for a prefill; a killed holder's lock is free at once",
        "test_together.py",
    ),
    "12": Row(
        "golden vectors: files made once, good and bad",
        "the good ones open in every later version, each bad one fails with its named error",
        "test_vectors.py",
    ),
    "13": Row(
        "any bytes and changed valid files (Hypothesis), a segment's header and manifest (atheris), "
        "changed real documents through the cage",
        "only named errors, memory bounded, nothing hangs",
        "fuzz",
    ),
    "14": Row(
        "records of the audit log deleted, changed, inserted, exchanged; its tail cut off; the clock set back",
        "all found",
        "test_audit_log.py",
    ),
    "15": Row(
        "store, temporary files, memory file, output and logs searched for words of documents and plain keys and "
        "values, after every operation and kills in between",
        "none found",
        "test_leaks.py",
    ),
    "16": Row(
        "the code itself changed (mutmut): crypto, signing, envelope; a segment's manifest, header, making, reading",
        "at least 90 % of the changes noticed by the store's tests",
        "mutants",
    ),
}


def record(row: str, part: str, counts: Mapping[str, float]) -> None:
    """Keep what a part of a row found, and draw the table anew. Parts are kept by name; the last run counts."""
    _LOCK.parent.mkdir(exist_ok=True)
    with exclusive(_LOCK):  # rows may be run at the same time
        found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        found.setdefault(row, {})[part] = dict(counts)
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        put_between(DOCUMENT, BEGIN, END, markdown(found))


def markdown(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Draw the table: every row, with its figures or the words that it has not been run."""
    lines = []
    for number, row in sorted(ROWS.items(), key=lambda item: int(item[0])):
        parts = [f"{part}: {_counts(counts)}" for part, counts in found.get(number, {}).items()]
        lines.append([number, row.done, row.bar, "<br>".join(parts) or "not run yet", f"`{row.command}`"])
    return table(["#", "what is done", "what must hold", "last run", "command"], lines) + "\n"


def _counts(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())
