import random

from kvprep.dedupe.templates import TemplateGroup, template_groups
from kvprep.hashing import content_hash

GOODS = {117: ("Flow meter", "Ball valve"), 118: ("Pressure gauge", "Hose clamp"), 131: ("Gate seal", "Check valve")}


def _invoice(number: int) -> str:
    rng = random.Random(number)
    rows = "\n".join(f"| {good} | {rng.randrange(9)} | {rng.random() * 100:.2f} |" for good in GOODS[number])
    return f"""Brightwater Limited, 14 Weir Lane
Registered in England under 0817

Invoice {number}
Date: {number % 28}/03/2026
We thank you for your order and bill as agreed:

| goods | pieces | price |
{rows}

Total due: {rng.random() * 1000:.2f}
Please pay within 30 days, quoting the invoice's number. Our terms apply."""


def _groups(texts: list[str]) -> list[TemplateGroup]:
    return template_groups([(content_hash(text), text) for text in texts])


def test_invoices_of_one_vendor_are_a_family_and_another_text_is_not() -> None:
    texts = [
        *(_invoice(number) for number in GOODS),
        "A letter about nothing of the kind at all.",
    ]
    (group,) = _groups(texts)
    assert group.members == tuple(content_hash(text) for text in texts[:3])


def test_the_fixed_text_holds_the_forms_own_words_and_figures_and_no_values() -> None:
    texts = [_invoice(number) for number in GOODS]
    (group,) = _groups(texts)
    fixed = group.fixed_text(texts[0])
    for own in ("14 Weir Lane", "under 0817", "within 30 days", "Total due", "We thank you for your order"):
        assert own in fixed
    assert "117" not in fixed
    assert not any(good in fixed for goods in GOODS.values() for good in goods)


def test_the_fixed_text_of_what_has_nothing_of_the_template_is_empty() -> None:
    (group,) = _groups([_invoice(number) for number in GOODS])
    assert group.fixed_text("Something else entirely, and more of it.") == ""
    assert group.fixed_text("") == ""
