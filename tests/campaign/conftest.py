"""The campaign: a sample of it in `make test`, all of it with `KVPREP_CAMPAIGN_WHOLE`, which also keeps its figures."""

import os
import time
from collections.abc import Callable

import pytest

from bench import campaign

# Taken now: tests run without the caller's settings.
WHOLE = bool(os.environ.get("KVPREP_CAMPAIGN_WHOLE"))


@pytest.fixture(scope="session")
def whole() -> bool:
    """Whether all points, kills and cuts are asked for, not a sample."""
    return WHOLE


@pytest.fixture
def figures() -> Callable[..., None]:
    """Keep what a part of a row found, with the seconds since the test began; a sampled run keeps nothing."""
    began = time.monotonic()

    def keep(row: str, part: str, **counts: int) -> None:
        assert row in campaign.ROWS
        if WHOLE:
            campaign.record(row, part, {**counts, "s": round(time.monotonic() - began, 1)})

    return keep
