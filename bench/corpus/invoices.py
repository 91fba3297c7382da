"""Measures on invoices: values of their e-invoice XML, and line items, found in the text."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from bench.corpus.files import NOTHING, Measured, Texts
from bench.corpus.words import words

_DESCRIPTION = ("name", "desc")
_AMOUNT = ("price_subtotal", "price", "price_unit")
"""What a golden line calls its amount: the first of them that it has."""
_FIGURES = (
    re.compile(r"\d+(?:[.,'’]\d+)*"),
    re.compile(r"\d+(?:[.,'’ ]\d{3}(?!\d))*(?:[.,]\d+)?"),
)
"""Printed numbers; a blank parts two of them, or stands between thousands."""
_SEPARATORS = re.compile(r"[.,'’ ]")


def field_recall(texts: Texts, corpus: Path) -> Measured:
    """Count the values of `fields.json` that the text of their invoice contains.

    White space is folded to one blank on both sides, NFC. An amount must stand as a whole number, not as a part of a
    longer one. Blanks within an IBAN do not count. One of the printed forms is enough; a value must stand in one piece.
    """
    fields = json.loads((corpus / "fields.json").read_text())
    found = (_fields_found(name, texts[name], wanted) for name, wanted in fields.items() if name in texts)
    return sum(found, NOTHING)


def _fields_found(name: str, text: str, wanted: list[dict[str, Any]]) -> Measured:
    folded = fold(text)
    missed = [field for field in wanted if not has_field(folded, field["kind"], field["printed"])]
    misses = tuple(f"{name}: {field['kind']} {field['printed'][0]!r}" for field in missed)
    return Measured(len(wanted) - len(missed), len(wanted), misses)


def fold(text: str) -> str:
    """Fold white space to one blank, NFC."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def has_field(folded: str, kind: str, forms: list[str]) -> bool:
    """Tell whether one of the printed forms stands in a folded text."""
    forms = [fold(form) for form in forms]
    if kind == "amount":
        return any(re.search(rf"(?<![\d.,]){re.escape(form)}(?!\d)", folded) for form in forms)
    if kind == "iban":
        return any(form.replace(" ", "") in folded.replace(" ", "") for form in forms)
    return any(form in folded for form in forms)


def line_items(texts: Texts, corpus: Path) -> Measured:
    """Count the golden line items whose description, quantity and amount stand in one line of the text.

    A golden line counts if it has a description and an amount (headings, notes and lines without figures do not). All
    words of its description must be in the line, however many printed lines it had; quantity and amount as numbers,
    whatever their separators and decimals, in places of their own.
    """
    measured = NOTHING
    for name, item in golden_items(corpus):
        if name not in texts:
            continue
        found = any(_holds(line, item) for line in texts[name].splitlines())
        label = words(str(_first(item, _DESCRIPTION)))[:6]
        measured += Measured(found, 1, () if found else (f"{name}: line item {' '.join(label)!r}",))
    return measured


def golden_items(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each golden line item with the PDF that it was taken from."""
    for path in sorted(corpus.glob("invoice-x+invoice2data/**/*.json")):
        pdf = path.with_suffix(".pdf")
        golden = json.loads(path.read_text())
        for record in golden if isinstance(golden, list) else [golden]:
            for item in record.get("lines", []) if pdf.exists() else []:
                if _first(item, _DESCRIPTION) is not None and _first(item, _AMOUNT) is not None:
                    yield str(pdf.relative_to(corpus)), item


def _first(item: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if item.get(key) not in (None, "")), None)


def _holds(line: str, item: dict[str, Any]) -> bool:
    rest = Counter(words(line))
    described = Counter(words(str(_first(item, _DESCRIPTION))))
    if described - rest:
        return False
    wanted = [Decimal(str(value)) for value in (item.get("qty"), _first(item, _AMOUNT)) if value is not None]
    figures = _without(line, item)
    return any(_all_placed(wanted, [_values(figure) for figure in form.findall(figures)]) for form in _FIGURES)


def _without(line: str, item: dict[str, Any]) -> str:
    """Take the description's own words out of a line, so that a figure of the name is not taken for the quantity."""
    for word in words(str(_first(item, _DESCRIPTION))):
        line = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "|", line, count=1)
    return line


def _all_placed(wanted: list[Decimal], places: list[set[Decimal]]) -> bool:
    if not wanted:
        return True
    head, *others = wanted
    return any(
        head in values and _all_placed(others, places[:index] + places[index + 1 :])
        for index, values in enumerate(places)
    )


def _values(figure: str) -> set[Decimal]:
    """Read a printed number in every way it can be meant: `1.234` is 1234 or 1.234."""
    whole, mark, part = figure, "", ""
    for separator in _SEPARATORS.finditer(figure):
        whole, mark, part = figure[: separator.start()], separator.group(), figure[separator.end() :]
    readings = [_SEPARATORS.sub("", figure)]
    if mark in (".", ","):
        readings.append(f"{_SEPARATORS.sub('', whole)}.{part}")
    return set(_decimals(readings))


def _decimals(readings: list[str]) -> Iterator[Decimal]:
    for reading in readings:
        try:
            yield Decimal(reading)
        except InvalidOperation:
            continue
