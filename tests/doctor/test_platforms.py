"""docs/platforms.md says what the code does."""

from pathlib import Path

from kvprep.store.database import WAL_SAFE

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "platforms.md").read_text("utf-8")


def test_the_releases_of_sqlite_that_may_use_a_write_ahead_log_are_those_of_the_code() -> None:
    first, *older = (".".join(map(str, release)) for release in WAL_SAFE)
    assert f"before {first} ({' and '.join(older)} on older lines)" in TEXT
