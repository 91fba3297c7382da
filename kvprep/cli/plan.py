"""`kvprep plan`."""

from contextlib import ExitStack
from dataclasses import replace

from kvprep.cli import render
from kvprep.cli.ingest_options import (
    Exclude,
    Include,
    Jobs,
    KeepDrifted,
    MaxBytes,
    Paths,
    Preamble,
    RefuseHidden,
    Worth,
    ingest_settings,
    with_ingest_flags,
)
from kvprep.cli.ingesting import bad_items, draw_bad, item_facts
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.pace import Nice, lower_priority
from kvprep.cli.plan_money import draw_prospects, item_money, money_facts, money_pairs
from kvprep.cli.price_options import Price, prices_of
from kvprep.cli.session import Session
from kvprep.economics.prices import Prices
from kvprep.errors import NotFound, SomeFailed, StoreNotFound
from kvprep.pipeline.kinship import NearDuplicates, TemplateSharing
from kvprep.pipeline.planning import IngestPlan, plan_ingest
from kvprep.store.namespace import Namespace
from kvprep.store.remembered import was_remembered
from kvprep.types import Outcome


@command(example="kvprep plan ~/contracts\nkvprep plan --json . | jq .tokens", codes=(*STORE, 3))
def plan(
    session: Session,
    paths: Paths,
    model: Model = None,
    device: Device = None,
    dtype: Dtype = None,
    preamble: Preamble = None,
    jobs: Jobs = None,
    include: Include = None,
    exclude: Exclude = None,
    max_bytes: MaxBytes = None,
    refuse_hidden: RefuseHidden = False,
    keep_drifted: KeepDrifted = False,
    worth: Worth = None,
    nice: Nice = None,
    price: Price = None,
) -> None:
    """Say what an ingest would do and cost.

    Reads what an ingest would read, and computes and stores nothing: which documents are new, which read nearly alike
    (principal first, then how many words differ; `diff` shows them), which were made from one template and what they
    share, and the tokens, bytes, seconds and money of the rest: after which read each document has paid for itself, and
    which stored ones nobody has read. Seconds are known once this store has computed something with the model. Where no
    store was ever seen, nothing is stored yet.
    """
    prices = prices_of(session, price)
    lower_priority(nice)
    session = session.with_model(name=model, device=device, dtype=dtype)
    session = with_ingest_flags(
        session,
        preamble=preamble,
        jobs=jobs,
        include=include,
        exclude=exclude,
        max_bytes=max_bytes,
        refuse_hidden=refuse_hidden,
        worth=worth,
    )
    settings = ingest_settings(session, keep_drifted=keep_drifted)
    with session.cage() as cage, ExitStack() as opened, session.progress() as progress:
        namespace = _namespace(session, opened)
        settings = replace(settings, model=session.model(namespace))
        made = plan_ingest(namespace, cage, paths, settings, progress, folder=session.path, prices=prices)
    if not session.emit("plan", _facts(made, prices)):
        _draw(made, prices)
    if bad := bad_items(made.report):
        raise SomeFailed(f"{len(bad)} of {len(made.report.items)} sources would be skipped, or cannot be read")


def _namespace(session: Session, opened: ExitStack) -> Namespace | None:
    try:
        return opened.enter_context(session.namespace())
    except StoreNotFound:
        if was_remembered(session.path):  # as for an ingest: its disk may not be mounted
            raise
    except NotFound:
        pass
    session.say("Nothing is stored yet.")
    return None


def _counts(made: IngestPlan) -> dict[str, int]:
    counts = made.report.counts()
    return {"found": counts.pop("found"), "new": counts.pop("ingested"), **counts}


def _facts(made: IngestPlan, prices: Prices) -> Facts:
    report = made.report
    worth = {prospect.source: item_money(prospect) for prospect in made.prospects}
    return {
        "model": made.model,
        "documents": _counts(made),
        "near_groups": [_near_facts(group) for group in made.near],
        "template_groups": [_template_facts(group) for group in made.templates],
        "tokens": {
            "total": report.tokens_total,
            "shared": report.tokens_reused,
            "to_compute": report.tokens_computed,
        },
        "bytes": {
            "kv": report.kv_bytes,
            "stored": report.stored_bytes,
            "budget": made.budget_bytes,
            "free": made.free_bytes,
        },
        "fits": made.fits,
        "seconds": {"normalise": report.normalise_s, "prefill": made.prefill_s},
        "break_even": {"reuses": made.break_even},
        "money": money_facts(made, prices),
        "items": [{**_renamed(item_facts(item)), "money": worth.get(item.source)} for item in report.items],
    }


def _renamed(item: Facts) -> Facts:
    """Nothing is ingested yet, and nothing computed."""
    outcome = "new" if item["outcome"] == Outcome.INGESTED else item["outcome"]
    item = {**item, "outcome": outcome, "to_compute": item["computed"]}
    del item["computed"]
    return item


def _near_facts(group: NearDuplicates) -> Facts:
    return {
        "principal": group.principal.hex(),
        "source": group.source,
        "members": [
            {
                "document": member.document.hex(),
                "source": member.source,
                "similarity": member.similarity,
                "words": member.num_words,
            }
            for member in group.members
        ],
        "similarity": min(member.similarity for member in group.members),
    }


def _template_facts(group: TemplateSharing) -> Facts:
    return {
        "documents": [{"document": document.hex(), "source": source} for document, source in group.documents],
        "tokens": {
            "total": group.total_tokens,
            "natural": group.natural_tokens,
            "template_first": group.template_first_tokens,
        },
    }


def _draw(made: IngestPlan, prices: Prices) -> None:
    report = made.report
    counts = ", ".join(
        f"{count} {name}"
        for name, count in _counts(made).items()
        if (count or name == "found") and not name.startswith("reread")
    )
    pairs = {"model": made.model, "documents": counts}
    if report.reread:
        pairs["upgrade"] = f"{report.reread} unchanged sources read again, {report.reread_changed} show another text"
    pairs["tokens"] = f"{report.tokens_computed:,} to compute, {report.tokens_reused:,} shared"
    pairs["bytes"] = f"{render.size(report.kv_bytes)} of keys and values, {render.size(made.free_bytes)} free"
    if not made.fits:
        pairs["budget"] = f"{render.size(made.budget_bytes)}: an ingest would be refused"
    pairs["prefill"] = "unknown until something was computed" if made.prefill_s is None else _about(made.prefill_s)
    render.facts(pairs | money_pairs(made, prices))
    draw_prospects(made.prospects, prices)
    _draw_near(made.near)
    _draw_templates(made.templates)
    draw_bad(report)


def _about(seconds: float) -> str:
    return f"about {render.seconds(seconds)}"


def _draw_near(groups: list[NearDuplicates]) -> None:
    rows = []
    for group in groups:
        rows.append(("principal", "", group.source))
        rows += [(f"{member.similarity:.3f}", f"{member.num_words:,}", member.source) for member in group.members]
    if rows:
        render.table(("near-duplicates", "words differ", "source"), rows, numbers=("near-duplicates", "words differ"))


def _draw_templates(groups: list[TemplateSharing]) -> None:
    rows = [
        (
            f"{len(group.documents)} like {group.documents[0][1]}",
            f"{group.total_tokens:,}",
            f"{group.natural_tokens:,}",
            f"{group.template_first_tokens:,}",
        )
        for group in groups
    ]
    if rows:
        columns = ("made from one template", "tokens", "shared", "template first")
        render.table(columns, rows, numbers=columns[1:])
