"""`make bench`: measure everything, in a quarter of an hour or so, and write it down after each part."""

import argparse
import sys
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.environments import REPOSITORY
from bench.parts import PARTS, Bench
from bench.workplace import workplace


def main() -> None:
    """Measure in a folder of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", metavar="PART[,PART]", type=_parts, help=f"print these and write nothing: {', '.join(PARTS)}"
    )
    only = parser.parse_args().only
    with workplace() as folder:
        _measure(folder, only or list(PARTS), writes=only is None)


def _parts(text: str) -> list[str]:
    """Split the names of parts; in the order of `PARTS`, since some change what others made."""
    names = text.split(",")
    if unknown := set(names) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return [name for name in PARTS if name in names]


def _measure(folder: Path, names: list[str], *, writes: bool) -> None:
    bench = Bench(folder)
    results: dict[str, Any] = {"machine": machine.machine(folder), "versions": machine.versions(), "targets": {}}
    for name in names:
        results.setdefault("load_average", {})[name] = machine.load_average()
        print(f"{name} …", file=sys.stderr, flush=True)
        found = PARTS[name](bench)
        results |= {**found, "targets": results["targets"] | found["targets"]}
        for number, target in found["targets"].items():
            print(f"{number:>3} {report.TARGETS[number][0]}: {target['value']} ({target['detail']})", file=sys.stderr)
        if writes:
            report.write(results, REPOSITORY / "bench/results", REPOSITORY / "docs/benchmarks.md")
    if not writes:
        print(report.markdown(results))


if __name__ == "__main__":
    main()
