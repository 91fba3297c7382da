"""The canonical bytes of a version stay what they were."""

import pytest

from kvprep.documents.canonical import CANON_VERSION
from tools.golden import FOLDER, GOLDEN, texts


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: text.encode() for name, text in texts().items()}


def test_the_version_at_hand_gives_its_golden_bytes(made: dict[str, bytes]) -> None:
    golden = {path.name: path.read_bytes() for path in FOLDER.glob("*.txt")}
    changed = sorted(name for name in golden.keys() | made.keys() if golden.get(name) != made.get(name))
    assert not changed, "another text: raise CANON_VERSION, then run `python -m tools.golden`"


def test_every_version_has_its_golden_bytes() -> None:
    assert {path.name for path in GOLDEN.glob("v*")} == {f"v{version}" for version in range(1, CANON_VERSION + 1)}
