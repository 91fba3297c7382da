"""The facts of a report against a recount of the events that were recorded."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import workload

from kvprep.economics.prices import Prices
from kvprep.store.usage import Event

RESULTS = ("hit", "partial", "miss", "stale", "expired", "mismatch", "denied", "corrupt")
PRICES = Prices(3.6, 1.0, 0.0, None, None, "EUR", "2026-11-01", ())
"""A second of computing costs 0.001."""


@pytest.fixture
def month(tmp_path: Path) -> Iterator[workload.Workload]:
    with workload.build(tmp_path) as made:
        yield made


def look_ups(made: workload.Workload, since: float = 0.0) -> list[tuple[float, Event]]:
    return [(at, event) for at, event in made.events if event.kind == "look-up" and at >= since]


def test_sums_equal_a_recount_of_the_events(month: workload.Workload) -> None:
    facts = workload.facts_of(month)
    events = [event for _, event in look_ups(month)]
    counts = Counter(event.result for event in events)
    requested, reused = (sum(getattr(e, f"tokens_{name}") for e in events) for name in ("requested", "reused"))
    assert facts["lookups"] == {result: counts[result] for result in RESULTS}
    assert facts["tokens"] == {"requested": requested, "reused": reused}
    assert facts["hit_rate"] == reused / requested
    assert facts["saved"]["prefill_seconds"] == pytest.approx(sum(e.saved_seconds for e in events))
    assert facts["staleness_prevented"] == counts["stale"] + counts["expired"] + counts["mismatch"]
    for part in ("namespaces", "models", "principals"):
        assert sum(row["lookups"] for row in facts[part]) == len(events)


def test_days_equal_a_recount_and_leave_none_out(month: workload.Workload) -> None:
    facts = workload.facts_of(month)
    by_day = Counter(int(at // workload.DAY) for at, _ in look_ups(month))
    counted = [by_day[day] for day in range(min(by_day), int(month.now // workload.DAY) + 1)]
    assert [day["lookups"] for day in facts["days"]] == counted
    for name, total in (("saved_seconds", facts["saved"]["prefill_seconds"]), ("saved_money", facts["saved"]["money"])):
        assert sum(day[name] for day in facts["days"]) == pytest.approx(total)
    assert facts["days"][-1]["stored_bytes"] == pytest.approx(sum(d["bytes"] for d in facts["documents"]), abs=10)


def test_since_leaves_out_what_was_before(month: workload.Workload) -> None:
    since = month.now - 5 * workload.DAY
    facts = workload.facts_of(month, since=since)
    assert sum(facts["lookups"].values()) == len(look_ups(month, since))
    assert facts["economics"]["spent"]["prefill"] == 0
    assert len(facts["days"]) == 6


def test_a_document_counts_its_whole_life_whenever_the_report_begins(month: workload.Workload) -> None:
    whole, late = (workload.facts_of(month, since=since)["documents"] for since in (0.0, month.now - workload.DAY))
    assert whole == late


def test_documents_equal_a_recount(month: workload.Workload) -> None:
    hits: Counter[str] = Counter()
    last: dict[str, float] = {}
    for at, event in sorted(look_ups(month), key=lambda pair: pair[0]):
        if event.result in ("hit", "partial"):
            hits[event.document] += 1
        last[event.document] = at
    (default, team) = month.namespaces
    ident = {
        row["document"]: ns.document_id(bytes.fromhex(row["document"])).hex()
        for row in workload.facts_of(month)["documents"]
        for ns in (default, team)
        if ns.ident.hex() == row["namespace"]
    }
    for row in workload.facts_of(month)["documents"]:
        assert row["reads"] == hits[ident[row["document"]]]
        if row["reads"]:
            assert row["last_read"] == pytest.approx(last[ident[row["document"]]], abs=1e-3)


def test_money_adds_up_over_documents_and_in_total(month: workload.Workload) -> None:
    facts = workload.facts_of(month, prices=PRICES)
    economics, documents = facts["economics"], facts["documents"]
    assert sum(d["saved"] for d in documents) == pytest.approx(economics["saved"])
    rent = economics["spent"]["rent"]
    own = sum(d["spent"] for d in documents)
    # Each document was written for itself in the events; what they share is computed once, and divided among them.
    assert rent < own < economics["spent"]["prefill"] + rent
    assert economics["net"] == pytest.approx(economics["saved"] - economics["spent"]["prefill"] - rent)
    assert economics["currency"] == "EUR"


@pytest.mark.parametrize("part", ["namespaces", "models"])
def test_money_of_namespaces_and_of_models_adds_up_to_the_whole(month: workload.Workload, part: str) -> None:
    facts = workload.facts_of(month, prices=PRICES)
    economics, rows = facts["economics"], facts[part]
    assert len(rows) == 2
    assert all(row["saved"] > 0 and row["spent"] > 0 for row in rows)
    assert sum(row["saved"] for row in rows) == pytest.approx(economics["saved"])
    assert sum(row["spent"] for row in rows) == pytest.approx(sum(economics["spent"].values()))
    assert sum(row["net"] for row in rows) == pytest.approx(economics["net"])


def test_a_model_whose_entries_are_gone_still_tells_what_they_cost(tmp_path: Path) -> None:
    with workload.build(tmp_path, look_ups=0, rare=False) as made:
        team = made.namespaces[1]
        team.remove([row["id"] for row in team.index.entries()])
        (gone,) = (row for row in workload.facts_of(made, prices=PRICES)["models"] if row["name"] is None)
    assert (gone["lookups"], gone["entries"], gone["saved"]) == (0, 0, 0)
    assert gone["spent"] == -gone["net"] > 0


def test_what_was_never_read_is_told_with_its_cost(month: workload.Workload) -> None:
    facts = workload.facts_of(month)
    unread = [d for d in facts["documents"] if d["state"] == "unread"]
    assert [d["reads"] for d in unread] == [0]
    assert facts["economics"]["never_read"] == {
        "documents": 1,
        "bytes": unread[0]["bytes"],
        "spent": pytest.approx(unread[0]["spent"]),
    }


def test_what_is_shared_is_divided_so_that_documents_add_up_to_the_segments(month: workload.Workload) -> None:
    facts = workload.facts_of(month)
    segments = sum(file.stat().st_size for file in (month.store.path / "segments").rglob("*.kv*"))
    assert sum(d["bytes"] for d in facts["documents"]) == pytest.approx(segments, abs=len(facts["documents"]))
    (group,) = facts["sharing"]
    # Documents 4 to 7 begin with the same two blocks of 64 tokens, of which three need not be stored again.
    assert (group["documents"], group["tokens_shared"]) == (4, 3 * 128)


def test_failures_are_told_newest_first_with_their_document(month: workload.Workload) -> None:
    failures = workload.facts_of(month)["failures"]
    assert [f["at"] for f in failures] == sorted((f["at"] for f in failures), reverse=True)
    kinds = {(f["kind"], f["result"]) for f in failures}
    assert kinds >= {("look-up", "corrupt"), ("shadow", "differs"), ("shadow", "stale")}
    assert {f["result"] for f in failures} & {"ok", "equal", "hit", "miss"} == set()
    (corrupt,) = (f for f in failures if f["result"] == "corrupt")
    assert corrupt["title"] == "Handbook for new colleagues, third edition"


def test_a_failure_is_told_however_many_look_ups_went_well_since(tmp_path: Path) -> None:
    with workload.build(tmp_path, look_ups=0) as made:
        hit = next(event for _, event in made.events if event.result == "hit")
        for number in range(1000):
            made.store.usage.record(hit, at=made.now - 10 + number / 1000)
        failures = workload.facts_of(made)["failures"]
    assert {(f["kind"], f["result"]) for f in failures} == {
        ("look-up", "corrupt"),
        ("shadow", "differs"),
        ("shadow", "stale"),
        ("verification", "segments"),
    }


def test_who_looks_up_far_more_than_others_on_one_day_is_told(month: workload.Workload) -> None:
    first, *others = workload.facts_of(month)["principals"]
    assert (first["principal"], first["per_day"], first["unusual"]) == ("root/scraper", 60, True)
    assert not any(other["unusual"] for other in others)


def test_a_report_opens_no_document_and_no_entry(month: workload.Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    for namespace in month.namespaces:
        for name in ("document_or_none", "entry_or_none", "entry", "document"):
            monkeypatch.setattr(namespace, name, lambda *ident, name=name: opened.append((name, ident)))
    workload.facts_of(month)
    assert opened == []


def test_the_report_of_one_namespace_tells_nothing_of_others(month: workload.Workload) -> None:
    (_, team) = month.namespaces
    facts = workload.facts_of(workload.Workload(month.store, [team], month.events, month.now))
    ours = [event for _, event in look_ups(month) if event.namespace == team.ident.hex()]
    assert sum(facts["lookups"].values()) == len(ours) > 0
    assert [n["name"] for n in facts["namespaces"]] == ["team"]
    assert {d["title"] for d in facts["documents"]} == {"Minutes of the team"}
