"""Row 12: files made once are read for ever, and each bad one ends in its named error."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kvprep import errors
from tools.vectorcases import PROBLEM, Case, outcome, read_cases

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
CASES = [(folder, case) for folder in sorted(VECTORS.glob("v*")) for case in read_cases(folder / "cases.json")]
GOOD = [(folder, case) for folder, case in CASES if case.ok]
BAD = [(folder, case) for folder, case in CASES if case.error]


def name_of(value: object) -> str:
    return value.name if isinstance(value, Case | Path) else str(value)


@pytest.mark.parametrize(("folder", "case"), GOOD, ids=name_of)
def test_a_good_vector_says_what_it_said_when_it_was_made(folder: Path, case: Case) -> None:
    assert outcome(case, (folder / "good" / case.name).read_bytes()) == ("ok", case.ok)


@pytest.mark.parametrize(("folder", "case"), BAD, ids=name_of)
def test_a_bad_vector_ends_in_its_named_error(folder: Path, case: Case) -> None:
    error, message = outcome(case, (folder / "bad" / case.name).read_bytes())
    assert error == case.error and case.message in message
    assert error == PROBLEM or issubclass(getattr(errors, error), errors.StoreError)


def test_a_good_vector_does_not_open_for_another_name_or_key() -> None:
    for folder, case in GOOD:
        data = (folder / "good" / case.name).read_bytes()
        for field in ("ident", "key"):
            # A slot's name is found, not asked for; and a key file has neither.
            if getattr(case, field) and (field, case.kind) != ("key", "passphrase"):
                value = getattr(case, field)
                wrong = replace(case, **{field: f"{int(value[0], 16) ^ 1:x}{value[1:]}"})
                assert outcome(wrong, data) != ("ok", case.ok), case.name


def test_there_is_a_vector_of_every_kind_and_enough_that_are_bad(figures: Callable[..., None]) -> None:
    assert len(BAD) >= 60 and all(case.message for _, case in BAD)
    kinds = Counter(case.kind for _, case in GOOD)
    assert set(kinds) - {"passphrase"} == {case.kind for _, case in BAD} - {"passphrase"} and len(kinds) == 10
    listed = {(folder, "good" if case.ok else "bad", case.name) for folder, case in CASES}
    kept = {(path.parents[1], path.parent.name, path.name) for path in VECTORS.glob("v*/*/*")}
    assert listed == kept
    figures("12", "vectors", good=len(GOOD), bad=len(BAD))
