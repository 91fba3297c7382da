"""The rule that finds who looks up unusually much."""

from typing import Any

from kvprep.report.traffic import days_between, principals
from kvprep.store.usage import EventKind, Sum

DAY = 86400.0


def look_ups(principal: str, *counts: int) -> list[Sum]:
    """Look-ups of one principal, so many on each day from the first."""
    numbers = {"tokens_requested": 0, "tokens_reused": 0, "num_bytes": 0, "events": 1, "last_at": 0.0}
    numbers |= dict.fromkeys(
        ("load_seconds", "first_token_seconds", "prefill_seconds", "saved_seconds", "saved_flops"), 0.0
    )
    return [
        Sum(
            start=day * DAY,
            seconds=3600,
            kind=EventKind.LOOK_UP,
            namespace="",
            model="",
            document="",
            principal=principal,
            result="hit",
            count=count,
            **numbers,
        )
        for day, count in enumerate(counts)
        if count
    ]


def unusual(*rows: list[Sum]) -> list[str]:
    found: list[dict[str, Any]] = principals([row for each in rows for row in each])
    return [facts["principal"] for facts in found if facts["unusual"]]


def test_more_than_three_times_what_others_do_on_a_day_is_unusual() -> None:
    assert unusual(look_ups("anna", 20, 20, 20), look_ups("ben", 20, 20), look_ups("scraper", 61)) == ["scraper"]
    assert unusual(look_ups("anna", 20, 20, 20), look_ups("ben", 20, 20), look_ups("busy", 60)) == []


def test_fewer_than_fifty_look_ups_on_a_day_are_never_unusual() -> None:
    assert unusual(look_ups("anna", 1, 1, 1), look_ups("ben", 49)) == []
    assert unusual(look_ups("anna", 1, 1, 1), look_ups("ben", 50)) == ["ben"]


def test_one_day_counts_however_quiet_the_others_were() -> None:
    assert unusual(look_ups("anna", *[10] * 30), look_ups("scraper", *[1] * 29, 500)) == ["scraper"]


def test_who_is_alone_is_compared_with_the_other_days_of_his_own() -> None:
    assert unusual(look_ups("anna", 60, 60, 60)) == []
    assert unusual(look_ups("anna", 10, 10, 60)) == ["anna"]
    assert unusual(look_ups("anna", 1000)) == []


def test_a_scraper_does_not_hide_behind_another() -> None:
    quiet = [look_ups(f"person {number}", 5, 5, 5) for number in range(4)]
    assert sorted(unusual(*quiet, look_ups("one", 900), look_ups("two", 900))) == ["one", "two"]


def test_days_go_over_the_end_of_a_month() -> None:
    assert days_between("2026-02-27", "2026-03-01") == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert days_between("2026-03-02", "2026-03-01") == []
