import json
import os
import re
import stat
import time
from collections import Counter
from pathlib import Path

import pytest
import typer
import workload
from prometheus_client.parser import text_string_to_metric_families

from kvprep.cli.since import parse_since
from kvprep.store.usage import Event, EventKind

SHORT = ("--max-new-tokens", 2)


@pytest.fixture
def month(store: Path, tmp_path: Path) -> Path:
    """A store with a simulated month, where the commands look for theirs."""
    with workload.build(tmp_path):
        pass
    return store


def test_look_ups_are_counted_by_result_with_what_they_saved(run, json_of, stocked: Path) -> None:
    run("ask", stocked / "lease.txt", "Who?", *SHORT)
    (stocked / "invoice.txt").write_text("Another one.\n")
    run("ask", stocked / "invoice.txt", "Who?", *SHORT)
    facts = json_of("stats")
    assert {name: n for name, n in facts["lookups"].items() if n} == {"hit": 1, "stale": 1}
    assert 0 < facts["hit_rate"] < 1
    assert facts["saved"]["prefill_seconds"] > 0
    assert facts["storage"]["entries"] == 2
    # Which of them comes first depends on whether so small a model computes faster than it loads.
    assert {d["title"][:9]: d["reads"] for d in facts["documents"]} == {"The lease": 1, "Invoice 1": 0}
    assert "1 hit, 1 stale" in run("stats").stdout


@pytest.mark.parametrize("history", ["raw", "compacted", "killed"])
def test_sums_equal_a_recount_of_ten_thousand_look_ups_in_a_month(
    json_of, store: Path, tmp_path: Path, history: str
) -> None:
    with workload.build(tmp_path, look_ups=10_000) as made:
        if history == "compacted":
            made.store.usage.compact(made.now + 4 * workload.DAY)
            made.store.usage.compact(made.now + 100 * workload.DAY)
    if history == "killed":
        assert workload.record_killed(store / "usage.sqlite", made.events, made.now) >= 8
    events = [event for _, event in made.events if event.kind == "look-up"]
    facts = json_of("stats")
    counts = Counter(event.result for event in events)
    assert len(events) > 10_000
    assert {name: count for name, count in facts["lookups"].items() if count} == counts
    assert facts["tokens"] == {
        "requested": sum(event.tokens_requested for event in events),
        "reused": sum(event.tokens_reused for event in events),
    }
    assert facts["saved"]["prefill_seconds"] == pytest.approx(sum(event.saved_seconds for event in events), abs=0.02)
    assert facts["saved"]["flops"] == pytest.approx(sum(event.saved_flops for event in events), rel=1e-6)
    by_day = Counter(time.strftime("%Y-%m-%d", time.gmtime(at)) for at, e in made.events if e.kind == "look-up")
    assert {day["day"]: day["lookups"] for day in facts["days"] if day["lookups"]} == by_day
    assert sum(row["lookups"] for row in facts["principals"]) == len(events)


def test_without_look_ups_there_is_no_hit_rate(json_of, run, stocked: Path) -> None:
    assert json_of("stats")["hit_rate"] is None
    printed = run("stats").stdout
    assert printed.startswith("No look-ups ")
    assert "none yet" in printed
    assert "Failures" not in printed


def test_an_empty_store_says_what_to_do_next(run, json_of, store: Path) -> None:
    run("init")
    assert "`kvprep ingest FOLDER`" in run("stats").stdout
    facts = json_of("stats")
    assert facts["days"] == facts["documents"] == facts["failures"] == facts["principals"] == []


def test_the_first_sentence_says_what_was_saved_what_it_costs_and_what_nobody_read(run, month: Path) -> None:
    first = run("stats", "--price", "storage_gb_month=1000").stdout.splitlines()[0]
    pattern = r"Saved .+ of prefill and [\d.]+ USD in 3\d days; storage costs [\d.]+ USD a month; "
    assert re.fullmatch(pattern + r"1 of 9 documents was never read and cost [\d.]+ USD\.", first)


def test_into_a_pipe_goes_plain_text_with_whole_titles(run, month: Path) -> None:
    printed = run("stats").stdout
    assert "\x1b" not in printed
    assert "█" not in printed
    assert "Handbook for new colleagues, third edition" in printed
    for title in ("Namespaces", "Models", "What saved most", "What has not paid for itself", "Failures"):
        assert f"\n\n{title}" in printed


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_no_line_is_wider_than_it_is(month: Path, terminal, columns: int) -> None:
    printed = terminal(columns, "stats")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()
    assert max(map(len, lines)) <= columns
    assert any("█" in line for line in lines)
    # Figures are whole: only titles give way.
    assert all("…" not in line[40:] for line in lines if line.lstrip().startswith(("Lease", "Handbook", "Invoice")))


def test_since_leaves_out_what_was_before(run, json_of, stocked: Path) -> None:
    run("ask", stocked / "lease.txt", "Who?", *SHORT)
    assert json_of("stats", "--since", "1h")["lookups"]["hit"] == 1
    assert json_of("stats", "--since", "2100-01-01")["lookups"]["hit"] == 0
    assert run("stats", "--since", "yesterday").exit_code == 2


def test_every_namespace_counts_unless_one_is_named(json_of, month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, team = json_of("stats"), json_of("stats", "--namespace", "team")
    assert [n["name"] for n in whole["namespaces"]] == ["default", "team"]
    assert [n["name"] for n in team["namespaces"]] == ["team"]
    assert 0 < sum(team["lookups"].values()) < sum(whole["lookups"].values())
    monkeypatch.setenv("KVPREP_NAMESPACE", "team")
    assert json_of("stats")["lookups"] == team["lookups"]


def test_a_price_changes_what_was_saved(json_of, month: Path) -> None:
    cheap, dear = (json_of("stats", "--price", f"device_hour={price}")["economics"] for price in (1, 2))
    assert dear["saved"] == pytest.approx(2 * cheap["saved"])


def test_metrics_are_written_for_the_collector_of_another_user(run, month: Path, tmp_path: Path) -> None:
    file = tmp_path / "kvprep.prom"
    before = os.umask(0o077)
    try:
        assert run("stats", "--prometheus", file, "--since", "1h").exit_code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    counted = sum(sample.value for sample in families["kvprep_lookups"].samples)
    assert counted > 400  # of all time
    assert not list(tmp_path.glob(".kvprep.prom*"))


def test_the_page_names_documents_and_is_therefore_for_its_owner_alone(run, month: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("an older one")
    printed = run("stats").stdout
    assert run("stats", "--html", file).stdout == printed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = file.read_text()
    assert shown.startswith("<!doctype html>")
    assert "Handbook for new colleagues, third edition" in shown
    assert printed.splitlines()[0] in shown  # the headline


def test_a_file_that_cannot_be_written_is_named(run, month: Path, tmp_path: Path) -> None:
    result = run("stats", "--prometheus", tmp_path / "nowhere" / "kvprep.prom")
    assert result.exit_code == 1
    assert "nowhere/kvprep.prom: cannot be written" in result.stderr


@pytest.mark.parametrize("option", ["--prometheus", "--html"])
def test_what_is_no_file_is_not_replaced_by_one(run, month: Path, tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")  # as /dev/stdout may be
    for name in ("pipe", "link"):
        result = run("stats", option, tmp_path / name)
        assert result.exit_code == 1
        assert f"{name}: cannot be written (no file)" in result.stderr
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()


def test_no_counter_falls_when_a_namespace_is_shredded(run, store: Path, tmp_path: Path) -> None:
    with workload.build(tmp_path, look_ups=0) as made:
        for kind, result in ((EventKind.SHADOW, "stale"), (EventKind.INVALIDATION, "expired")):
            made.store.usage.record(Event(kind, namespace=made.namespaces[1].ident.hex(), result=result, count=7))
    before, after, alone = (tmp_path / f"{name}.prom" for name in ("before", "after", "alone"))
    run("stats", "--prometheus", before)
    run("stats", "--prometheus", alone, "--namespace", "default")
    assert run("namespace", "shred", "team", "--yes").exit_code == 0
    run("stats", "--prometheus", after)
    unlabelled = [
        {
            (sample.name, *sample.labels.items()): sample.value
            for family in text_string_to_metric_families(file.read_text())
            if family.type == "counter"
            for sample in family.samples
            if "namespace" not in sample.labels
        }
        for file in (before, after, alone)
    ]
    assert unlabelled[0]["kvprep_stale_served_total",] == 8
    assert unlabelled[1] == unlabelled[0]
    assert unlabelled[2]["kvprep_stale_served_total",] == 1


def test_check_ends_with_4_where_something_differed_and_names_the_documents(run, month: Path) -> None:
    result = run("stats", "--check")
    assert result.exit_code == 4
    assert "Handbook for new colleagues, third edition: computed again, it differs" in result.stderr
    assert "Handbook for new colleagues, third edition: damaged at a look-up" in result.stderr
    assert "Lease of Mill Court: served although its source had changed" in result.stderr
    assert json.loads(run("stats", "--check", "--json").stdout)["checks"] == {"equal": 5, "differs": 1, "stale": 1}


def test_check_ends_with_5_where_nothing_but_something_stale_was_served(run, store: Path, tmp_path: Path) -> None:
    with workload.build(tmp_path, rare=False) as made:
        stale = workload.shadow(made, "stale")
        made.store.usage.record(stale, at=made.now - 60)
    assert run("stats", "--check").exit_code == 5
    assert run("stats", "--check", "--since", "2100-01-01").exit_code == 0
    assert run("stats").exit_code == 0


def test_a_look_up_that_met_damage_makes_check_end_with_4(run, stocked: Path, store: Path) -> None:
    assert run("stats", "--check").exit_code == 0
    for segment in (store / "segments").rglob("*.kvs"):
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
    run("ask", stocked / "lease.txt", "Who?", *SHORT)
    result = run("stats", "--check")
    assert result.exit_code == 4
    assert "The lease of Mill Court" in result.stderr
    assert ": damaged at a look-up" in result.stderr
    assert "corrupt" in result.stdout


def test_check_of_a_store_without_failures_ends_with_0(run, store: Path, tmp_path: Path) -> None:
    with workload.build(tmp_path, rare=False):
        pass
    result = run("stats", "--check")
    assert (result.exit_code, result.stderr) == (0, "")


def test_titles_that_would_steer_a_terminal_are_shown_as_escapes(run, store: Path, tmp_path: Path) -> None:
    with workload.build(tmp_path, title="Lease\x1b[2J\u202eevil"):
        pass
    printed = run("stats").stdout
    assert "\\x1b[2J\\u202eevil" in printed
    assert "\x1b" not in printed


def test_since_reads_spans_dates_and_times() -> None:
    now = time.time()
    assert parse_since("2h", now) == now - 7200
    assert parse_since("1970-01-02", now) == 86400
    assert parse_since("1970-01-01T01:00:00+01:00", now) == 0
    assert parse_since("99999999d", now) == parse_since("9" * 30 + "w", now) == parse_since("0001-01-01", now) == 0
    with pytest.raises(typer.BadParameter, match="neither a span"):
        parse_since("last week", now)
