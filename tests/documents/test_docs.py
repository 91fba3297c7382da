"""docs/canonical-text.md names what the code can say, with the code's own names and figures."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from kvprep.documents.base import MIB, Limits
from kvprep.documents.canonical import CANON_VERSION
from kvprep.errors import DocumentError

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "canonical-text.md").read_text("utf-8")


def named_under(heading: str) -> list[str]:
    """The names in the first column of a section's table."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w-]+)`", section, re.MULTILINE)


def first_arguments(function: str) -> Iterator[tuple[str, ast.expr]]:
    """(Module, first argument) of every call of a function in the package."""
    for path in sorted((REPOSITORY / "kvprep").rglob("*.py")):
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                yield from [(module, argument) for argument in node.args[:1]]


def strings_given_to(function: str) -> set[str]:
    """Literals and constants; what is worked out at the time comes from one of these, or from an error."""
    found = set()
    for module, argument in first_arguments(function):
        if isinstance(argument, ast.Constant):
            found.add(str(argument.value))
        elif isinstance(argument, ast.Name) and argument.id.isupper():
            found.add(getattr(importlib.import_module(module), argument.id))
    return found


def reasons_of(error: type[DocumentError]) -> set[str]:
    return {error.reason}.union(*(reasons_of(kind) for kind in error.__subclasses__()))


def test_the_page_names_every_reason_and_no_other() -> None:
    reasons = reasons_of(DocumentError) - {DocumentError.reason} | strings_given_to("Skipped")
    assert {"crashed", "timeout", "unreadable"} < reasons
    assert sorted(named_under("Outcomes")) == sorted(reasons)


def test_the_page_names_every_kind_of_finding_and_no_other() -> None:
    assert sorted(named_under("Findings")) == sorted(strings_given_to("TextFinding"))


def test_the_page_gives_every_limit_its_figure() -> None:
    for limit in fields(Limits):
        row = re.search(rf"^\| `{limit.name}`: .* \| ([\d,]+)( MiB| s|) \|$", PAGE, re.MULTILINE)
        assert row, limit.name
        figure = float(row[1].replace(",", "")) * (MIB if row[2] == " MiB" else 1)
        assert figure == limit.default, limit.name


def test_the_page_gives_the_rules_version() -> None:
    assert f"`CANON_VERSION` is **{CANON_VERSION}**." in PAGE
    assert f"`canon {CANON_VERSION}, Unicode <version>, <reader>`" in PAGE
