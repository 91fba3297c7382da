"""Look-ups of library users are counted as those of the command line are."""

import numpy as np
import pytest
from desk import HEAD, Desk, tokens_of

from kvprep.api import count_look_up
from kvprep.reuse import look_up_tokens
from kvprep.store.events import EventKind


def counted(desk: Desk) -> dict[str, tuple[int, int, int, float]]:
    """Look-ups by result: how many, tokens requested and reused, seconds saved."""
    sums = [one for one in desk.store.usage.sums() if one.kind is EventKind.LOOK_UP]
    return {one.result: (one.count, one.tokens_requested, one.tokens_reused, one.saved_seconds) for one in sums}


def test_a_hit_a_part_and_a_miss_are_counted_with_what_they_saved(desk: Desk) -> None:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    found = desk.hit(path)
    entry = found.entry
    half = np.concatenate([entry.token_ids[:192], tokens_of("Another end, of other words.")])
    part = look_up_tokens(desk.namespace, half, entry.model, block_size=64)
    path.write_text("Something else.")
    stale = desk.look_up(path)

    count_look_up(desk.namespace, found, entry.model, load_seconds=0.1, first_token_seconds=0.2)
    count_look_up(desk.namespace, part, entry.model, tokens_requested=len(half))
    count_look_up(
        desk.namespace, stale, entry.model, document=entry.document, tokens_requested=400, prefill_seconds=3.0
    )

    seconds = entry.cost.seconds
    assert counted(desk) == {
        "hit": (1, entry.num_tokens, entry.num_tokens, pytest.approx(seconds, abs=1e-6)),
        "partial": (1, len(half), 192, pytest.approx(seconds * 192 / entry.num_tokens, abs=1e-6)),
        "stale": (1, 400, 0, 0.0),
    }
    (reads,) = desk.store.usage.reads(namespace=desk.namespace.ident.hex()).values()
    assert reads.look_ups == 3
