"""What the store's tests noticed of changes to its own code: `make mutants` runs mutmut, and this keeps its figures."""

import json
from pathlib import Path

from bench import campaign

FIGURES = Path("mutants") / "mutmut-cicd-stats.json"
LEAST_KILLED = 0.9


def main() -> None:
    """Keep the figures of a run that has ended.

    Raises:
        SystemExit: the tests noticed fewer of the changes than they should.
    """
    found = json.loads(FIGURES.read_text("utf-8"))
    killed, tried = found["killed"] + found["timeout"], found["total"] - found["skipped"]
    campaign.record("16", "mutmut", {"mutants": tried, "killed": killed})
    if killed < LEAST_KILLED * tried:
        raise SystemExit(f"{killed} of {tried} mutants killed; `.venv/bin/mutmut results` names the others")


if __name__ == "__main__":
    main()
