"""Metrics, read with Prometheus' own parser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import workload
from prometheus_client.parser import text_string_to_metric_families

from kvprep.economics.prices import load_prices
from kvprep.report.facts import loads_by_namespace, prepare
from kvprep.report.prometheus import exposition

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def month(tmp_path: Path) -> Iterator[workload.Workload]:
    with workload.build(tmp_path) as made:
        yield made


def text_of(made: workload.Workload) -> str:
    report = prepare(made.store, made.namespaces, load_prices(), since=0.0, now=made.now)
    loads = loads_by_namespace(report)
    return exposition(report.stocks, report.sums, loads, 1_700_000_000.5, whole=report.sums)


def samples(text: str, kinds: tuple[str, ...]) -> Values:
    """The samples of metrics of these kinds, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        if family.type in kinds
        for sample in family.samples
    }


def total(values: Values, name: str, **labels: str) -> float:
    return sum(v for (found, has), v in values.items() if found == name and labels.items() <= dict(has).items())


def test_metrics_parse_with_help_and_type_and_equal_a_recount(month: workload.Workload) -> None:
    text = text_of(month)
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type != "unknown" for family in families)
    assert text.count("# TYPE ") == text.count("# HELP ") == len(families) == 13
    values = samples(text, ("counter", "gauge", "histogram", "summary"))
    events = [event for _, event in month.events if event.kind == "look-up"]
    for result in ("hit", "partial", "stale", "corrupt"):
        counted = sum(event.result == result for event in events)
        assert total(values, "kvprep_lookups_total", result=result) == counted
    assert total(values, "kvprep_lookup_tokens_total") == sum(e.tokens_requested for e in events)
    assert total(values, "kvprep_hit_tokens_total") == sum(e.tokens_reused for e in events)
    assert total(values, "kvprep_prefill_seconds_saved_total") == pytest.approx(sum(e.saved_seconds for e in events))
    assert total(values, "kvprep_load_seconds_count") == sum(e.load_seconds > 0 for e in events)
    assert total(values, "kvprep_load_seconds_sum") == pytest.approx(sum(e.load_seconds for e in events), abs=1e-3)
    assert total(values, "kvprep_invalidations_total", reason="expired") == 2
    assert total(values, "kvprep_integrity_failures_total", kind="look-up") == 1
    assert total(values, "kvprep_integrity_failures_total", kind="ok") == 0
    assert total(values, "kvprep_shadow_checks_total", result="equal") == 5
    assert total(values, "kvprep_stale_served_total") == 1
    assert total(values, "kvprep_last_success_timestamp_seconds") == 1_700_000_000.5
    assert total(values, "kvprep_entries", namespace="default") == 8


def test_buckets_grow_up_to_the_count(month: workload.Workload) -> None:
    for family in text_string_to_metric_families(text_of(month)):
        if family.type != "histogram":
            continue
        for namespace in ("default", "team"):
            counts = [s.value for s in family.samples if "le" in s.labels and s.labels["namespace"] == namespace]
            (count,) = (
                s.value for s in family.samples if s.name.endswith("_count") and s.labels["namespace"] == namespace
            )
            assert counts == sorted(counts)
            assert counts[-1] == count > counts[0]


def test_counters_never_go_down_and_stay_when_events_are_compacted_and_entries_removed(
    month: workload.Workload,
) -> None:
    kinds = ("counter", "summary", "histogram")
    former = samples(text_of(month), kinds)
    month.store.usage.compact(month.now + 200 * workload.DAY)
    assert samples(text_of(month), kinds) == pytest.approx(former)
    namespace = month.namespaces[0]
    namespace.remove([row["id"] for row in namespace.index.entries()])
    assert samples(text_of(month), kinds) == pytest.approx(former)
    at, event = month.events[-1]
    month.store.usage.record(replace(event, count=3), at=at)
    later = samples(text_of(month), kinds)
    assert later.keys() == former.keys()
    assert all(later[key] >= former[key] - 1e-9 for key in former)
    assert later != former


def test_no_label_names_a_document_a_path_or_a_person(month: workload.Workload) -> None:
    allowed = {"namespace", "model", "result", "reason", "kind", "le"}
    shown = {
        (name, value)
        for family in text_string_to_metric_families(text_of(month))
        for sample in family.samples
        for name, value in sample.labels.items()
    }
    assert {name for name, _ in shown} <= allowed
    assert {value for name, value in shown if name == "namespace"} == {"default", "team"}
    assert {len(value) for name, value in shown if name == "model"} == {12}
    principals = {event.principal for _, event in month.events}
    assert not principals & {value for _, value in shown}


def test_a_store_that_was_never_used_has_its_counters_at_0(tmp_path: Path) -> None:
    with workload.build(tmp_path, look_ups=0, rare=False) as made:
        values = samples(text_of(made), ("counter",))
    assert values["kvprep_stale_served_total", ()] == 0
    assert values["kvprep_lookup_tokens_total", (("namespace", "default"),)] == 0
