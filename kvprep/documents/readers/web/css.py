"""CSS as far as it says what can be seen: inline styles, and the rules of style elements with plain selectors.

Rules that hold under conditions (a narrow screen, print, a hovering pointer) are left aside, and no style sheet is
fetched: what they do to a page is not known here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_STYLE_CHARS = 16 * 1024
"""Of one style attribute; longer ones carry pictures."""
_READ = frozenset(
    "background background-color background-image clip clip-path color display flex-direction font font-size "
    "height left list-style list-style-type margin-left margin-top max-height max-width opacity overflow "
    "overflow-x overflow-y position right bottom text-decoration text-decoration-line text-indent top "
    "transform visibility white-space width".split()
)
"""Properties that decide whether text is seen and how lines break; the others are left aside at once."""
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.S)
_DECLARATION = re.compile(r"([\w-]+)\s*:\s*((?:[^;(\"']|\([^)]*\)|\"[^\"]*\"|'[^']*')*)")
_IMPORTANT = re.compile(r"\s*!\s*important\s*$")
# Conditions that a page on a screen meets.
_MET = re.compile(r"@(?:media\s+(?:only\s+)?(?:screen|all)|layer[^{]*)\s*", re.I)
_COMPOUND = re.compile(r"(\*|[a-z][\w-]*)?((?:[.#][\w-]+)*)", re.I)


class Declarations(NamedTuple):
    """Properties and their values, in lower case; those marked important beat the others."""

    normal: dict[str, str]
    important: dict[str, str]


@lru_cache(maxsize=4096)
def parse_declarations(css: str) -> Declarations:
    """Read the inside of a rule or of a style attribute; what makes no sense, or no difference here, is left out."""
    found = Declarations({}, {})
    for name, value in _DECLARATION.findall(css[:_MAX_STYLE_CHARS].lower()):
        if name not in _READ:
            continue
        plain = _IMPORTANT.sub("", value.strip())
        (found.normal if plain == value.strip() else found.important)[name] = plain
    return found


@dataclass(frozen=True, slots=True)
class _Compound:
    tag: str
    marks: frozenset[str]
    """Ids and classes, each with its sign: `#total`, `.note`."""
    is_child: bool = False
    """It must be the parent of the compound to its right, not just any ancestor."""

    def matches(self, element: "Element") -> bool:
        return self.tag in ("*", element.tag) and self.marks <= _marks(element)


@dataclass(frozen=True, slots=True)
class _Rule:
    rank: tuple[int, int, int, int]
    """Ids, classes, tags and place: a higher one wins."""
    target: _Compound
    ancestors: tuple[_Compound, ...]
    """From the nearest one outwards."""
    needs: frozenset[str]
    """Tags and marks of the ancestors."""
    declarations: Declarations

    def matches(self, element: "Element") -> bool:
        return self.target.matches(element) and _ancestors_match(element, self.ancestors)


@dataclass
class Sheet:
    """The rules of a page's style elements."""

    _rules: dict[str, list[_Rule]] = field(default_factory=lambda: defaultdict(list))
    """By a mark or the tag that the element itself must have, so that few rules are tried on each."""
    _count: int = 0

    def add(self, css: str) -> None:
        """Add the rules of one style element, after those that are there."""
        for selectors, body in _split_rules(_COMMENT.sub(" ", css)):
            declarations = parse_declarations(body)
            for selector in selectors.split(",") if any(declarations) else ():
                self._add_rule(selector.split(), declarations)

    def style_of(self, element: "Element") -> dict[str, str]:
        """Give the properties that rules and the element's own style attribute set; nothing is inherited here."""
        own = parse_declarations(element.get("style", ""))
        applying = [rule.declarations for rule in self._matching(element)]
        style: dict[str, str] = {}
        for declarations in (*applying, own):
            style |= declarations.normal
        for declarations in (*applying, own):
            style |= declarations.important
        return style

    def _add_rule(self, selector: list[str], declarations: Declarations) -> None:
        compounds = list(_compounds(selector))
        if not compounds or None in compounds:
            return
        target, *ancestors = [compound for compound in reversed(compounds) if compound]
        self._count += 1
        marks = [mark for compound in (target, *ancestors) for mark in compound.marks]
        num_ids = sum(mark.startswith("#") for mark in marks)
        num_tags = sum(compound.tag != "*" for compound in (target, *ancestors))
        needs = frozenset().union(*({*compound.marks, compound.tag} for compound in ancestors)) - {"*"}
        rank = (num_ids, len(marks) - num_ids, num_tags, self._count)
        rule = _Rule(rank, target, tuple(ancestors), needs, declarations)
        self._rules[max(target.marks, default=target.tag)].append(rule)

    def _matching(self, element: "Element") -> list[_Rule]:
        if not self._rules:
            return []
        keys = ("*", str(element.tag), *_marks(element))
        tried = [rule for key in keys for rule in self._rules.get(key, ())]
        around = _around(element) if any(rule.needs for rule in tried) else frozenset()
        rules = [rule for rule in tried if rule.needs <= around and rule.matches(element)]
        return sorted(rules, key=lambda rule: rule.rank)


def _split_rules(css: str) -> Iterator[tuple[str, str]]:
    """Yield selectors and bodies; blocks under a condition that may not hold are jumped over."""
    position = 0
    while (brace := css.find("{", position)) >= 0:
        head = css[position:brace].rpartition(";")[2].strip("} \t\r\n\f")
        if _MET.fullmatch(head):
            position = brace + 1
        elif head.startswith("@"):
            position = _block_end(css, brace)
        else:
            end = css.find("}", brace)
            position = len(css) if end < 0 else end
            yield head, css[brace + 1 : position]


def _block_end(css: str, brace: int) -> int:
    depth = 0
    for match in re.compile("[{}]").finditer(css, brace):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.end()
    return len(css)


def _compounds(words: Iterable[str]) -> Iterator[_Compound | None]:
    """Yield the compounds from left to right, None for what is not understood."""
    spaced = " ".join(words).replace(">", " > ").split()
    for index, word in enumerate(spaced):
        if word == ">":
            continue
        match = _COMPOUND.fullmatch(word)
        marks = re.findall(r"[.#][\w-]+", match.group(2)) if match else []
        is_child = spaced[index + 1 : index + 2] == [">"]
        yield _Compound((match.group(1) or "*").lower(), frozenset(marks), is_child) if match else None


def _ancestors_match(element: "Element", wanted: tuple[_Compound, ...]) -> bool:
    parent = element.getparent()
    for compound in wanted:
        while parent is not None and not compound.is_child and not compound.matches(parent):
            parent = parent.getparent()
        if parent is None or not compound.matches(parent):
            return False
        parent = parent.getparent()
    return True


def _around(element: "Element") -> frozenset[str]:
    """Gather the tags and marks of all that an element stands in."""
    around: set[str] = set()
    for ancestor in element.iterancestors():
        around |= {str(ancestor.tag), *_marks(ancestor)}
    return frozenset(around)


def _marks(element: "Element") -> frozenset[str]:
    return _parse_marks(element.get("id", ""), element.get("class", ""))


@lru_cache(maxsize=4096)
def _parse_marks(identifier: str, classes: str) -> frozenset[str]:
    return frozenset([*(f".{name}" for name in classes.split()), *([f"#{identifier}"] if identifier else [])])
