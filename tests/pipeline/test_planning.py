"""A plan says what the ingest after it does, item by item, and changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from desk import HEAD, Desk
from document_makers import mail

from kvprep.pipeline import IngestReport, IngestSettings
from kvprep.pipeline.planning import IngestPlan, plan_ingest
from kvprep.types import ContentHash

Step = Callable[[Desk], object]

HIDING = f"{HEAD}hidden {''.join(chr(0xE0000 + ord(letter)) for letter in 'pay twice')}"


def plan(desk: Desk, *, stored: bool = True, **settings: Any) -> IngestPlan:
    chosen = IngestSettings(model=desk.spec, **settings)
    namespace = desk.namespace if stored else None
    return plan_ingest(namespace, desk.cage, [desk.folder], chosen, folder=desk.store.path)


def facts(report: IngestReport) -> dict[str, Any]:
    return {
        "counts": report.counts(),
        "tokens": (report.tokens_total, report.tokens_computed, report.tokens_reused),
        "kv_bytes": report.kv_bytes,
        "items": report.items,
    }


def write(name: str, text: str) -> Step:
    return lambda desk: desk.write(name, text)


def write_mail(**attachments: str) -> Step:
    data = mail("Dear Bob.", {f"{name}.txt": text.encode() for name, text in attachments.items()})
    return lambda desk: (desk.folder / "mail.eml").write_bytes(data)


def age_readings(desk: Desk) -> None:
    """Let what is stored of a.txt be the reading of an older release."""
    record = desk.namespace.document(ContentHash(desk.find(desk.folder / "a.txt")))
    assert record is not None
    sources = tuple(replace(source, canonicaliser="older") for source in record.sources)
    desk.namespace.put_document(replace(record, sources=sources, canonicaliser="older"))


A, B = write("a.txt", HEAD + "a"), write("b.txt", HEAD + "b")
SCENARIOS: dict[str, list[Step]] = {
    "what begins like something stored": [A, B],
    "a copy in one run": [lambda desk: (A(desk), write("copy.txt", HEAD + "a")(desk))],
    "a copy of what is stored": [A, write("copy.txt", HEAD + "a")],
    "a newer version": [A, write("a.txt", HEAD + "newer")],
    "a newer version of one of two copies": [
        lambda desk: (A(desk), write("copy.txt", HEAD + "a")(desk)),
        write("a.txt", HEAD + "newer"),
    ],
    "an older reading of the same text": [A, age_readings],
    "mail that loses an attachment and gets another": [
        write_mail(x=HEAD + "x", y=HEAD + "y"),
        write_mail(x=HEAD + "z"),
    ],
    "what is too long, or empty": [
        lambda desk: (A(desk), write("long.txt", "x" * 3000)(desk), write("no.txt", "")(desk))
    ],
}


@pytest.mark.parametrize("steps", SCENARIOS.values(), ids=SCENARIOS)
def test_a_plan_says_what_the_ingest_after_it_does(desk: Desk, later: None, steps: list[Step]) -> None:
    for step in steps:
        step(desk)
        planned = plan(desk)
        assert facts(planned.report) == facts(desk.ingest())
    assert plan(desk).report.tokens_computed == 0


def test_it_says_so_under_other_settings_too(desk: Desk, later: None) -> None:
    (A(desk), B(desk))
    desk.ingest()
    desk.write("b.txt", HIDING)
    for settings in ({"refuse_hidden": True}, {"exclude": ("a.*",)}, {"preamble": "You answer in French."}):
        assert facts(plan(desk, **settings).report) == facts(desk.ingest(**settings))


def test_without_a_store_all_is_new(desk: Desk) -> None:
    (A(desk), B(desk))
    planned = plan(desk, stored=False)
    assert facts(planned.report) == facts(desk.ingest())
    assert planned.prefill_s is planned.break_even is None


def test_nothing_is_remembered_of_a_plan(desk: Desk) -> None:
    A(desk)
    before = desk.namespace.state()
    plan(desk, preamble="Another preamble.")
    assert desk.namespace.state() == before
    assert not list(desk.namespace.all_documents())


def test_a_plan_sees_near_duplicates_and_families_across_new_and_stored_documents(desk: Desk, later: None) -> None:
    A(desk)
    desk.ingest()
    B(desk)
    planned = plan(desk)
    (group,) = planned.near
    assert [group.source, *(member.source for member in group.members)] == [
        str(desk.folder / "a.txt"),
        str(desk.folder / "b.txt"),
    ]
    assert group.members[0].num_words == 1
    (family,) = planned.templates
    assert len(family.documents) == 2
    assert family.natural_tokens == 64 * (len(HEAD) // 64)
    assert family.natural_tokens <= family.template_first_tokens < family.total_tokens / 2


def test_seconds_come_from_what_the_store_has_measured_of_the_model(desk: Desk, later: None) -> None:
    A(desk)
    desk.ingest()
    B(desk)
    estimated = plan(desk).prefill_s
    assert estimated is not None and estimated > 0


def test_the_budget_is_judged_before_anything_is_computed(desk: Desk) -> None:
    A(desk)
    needed = plan(desk).report.kv_bytes
    assert plan(desk, max_bytes=needed).fits
    assert not plan(desk, max_bytes=needed - 1).fits
