import time
from pathlib import Path

import pytest
import typer

from kvprep.cli.stats import parse_since, summarise

SHORT = ("--max-new-tokens", 2)


def lookup(result: str, requested: int, reused: int, seconds: float = 0.0) -> dict[str, object]:
    return {
        "result": result,
        "tokens_requested": requested,
        "tokens_reused": reused,
        "load_seconds": seconds,
        "first_token_seconds": seconds,
        "saved_seconds": 2 * seconds,
        "saved_flops": 1e9 * seconds,
    }


def test_look_ups_are_counted_by_result_with_what_they_saved(run, json_of, stocked: Path) -> None:
    run("ask", stocked / "lease.txt", "Who?", *SHORT)
    (stocked / "invoice.txt").write_text("Another one.\n")
    run("ask", stocked / "invoice.txt", "Who?", *SHORT)
    facts = json_of("stats")
    assert {name: n for name, n in facts["lookups"].items() if n} == {"hit": 1, "stale": 1}
    assert 0 < facts["hit_rate"] < 1
    assert facts["saved"]["prefill_seconds"] > 0
    assert facts["storage"]["entries"] == 2
    assert "1 hit, 1 stale" in run("stats").stdout


def test_without_look_ups_there_is_no_hit_rate(json_of, run, stocked: Path) -> None:
    assert json_of("stats")["hit_rate"] is None
    assert "none yet" in run("stats").stdout


def test_since_leaves_out_what_was_before(run, json_of, stocked: Path) -> None:
    run("ask", stocked / "lease.txt", "Who?", *SHORT)
    assert json_of("stats", "--since", "1h")["lookups"]["hit"] == 1
    assert json_of("stats", "--since", "2100-01-01")["lookups"]["hit"] == 0
    assert run("stats", "--since", "yesterday").exit_code == 2


def test_the_hit_rate_is_of_tokens() -> None:
    facts = summarise([lookup("hit", 1000, 900), lookup("miss", 200, 0)])
    assert facts["hit_rate"] == 0.75


def test_percentiles_are_measured_values() -> None:
    facts = summarise([lookup("hit", 10, 9, seconds) for seconds in range(1, 101)])
    assert facts["latency"]["load"] == {"p50": 50, "p95": 95}


def test_since_reads_spans_dates_and_times() -> None:
    now = time.time()
    assert parse_since("2h", now) == now - 7200
    assert parse_since("1970-01-02", now) == 86400
    assert parse_since("1970-01-01T01:00:00+01:00", now) == 0
    with pytest.raises(typer.BadParameter, match="neither a span"):
        parse_since("last week", now)
