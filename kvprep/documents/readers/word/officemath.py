"""Equations of Office files (OMML) as LaTeX, the linear form that language models know best.

Source: ECMA-376 part 1, 22.1 (Math).
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kvprep.documents.readers.office.names import qn
from kvprep.documents.readers.word.mathsymbols import ACCENTS, ESCAPES, FUNCTIONS, SYMBOLS

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_LEFT_RIGHT = {"": ".", "{": "\\{", "}": "\\}"}


def latex(element: "Element") -> str:
    """Write an equation, or a part of one, as LaTeX without the marks around it."""
    return "".join(_written(child) for child in element if isinstance(child.tag, str))


def _written(element: "Element") -> str:
    space, _, name = element.tag[1:].partition("}")
    if element.tag == qn("w:r"):
        return _run(element)
    if space != _MATH_SPACE:
        return latex(element) if element.tag in _TRANSPARENT else ""
    return _WRITERS[name](element) if name in _WRITERS else latex(element)


def _run(element: "Element") -> str:
    text = "".join(part.text or "" for part in element if part.tag in (qn("m:t"), qn("w:t")))
    written = text.translate(SYMBOLS)
    if element.find(qn("m:rPr/m:nor")) is not None and any(map(str.isalpha, text)):
        return f"\\text{{{text.translate(ESCAPES)}}}"
    return written


def _nothing(_: "Element") -> str:
    return ""


def _part(element: "Element", name: str) -> str:
    found = element.find(qn(f"m:{name}"))
    return latex(found).strip() if found is not None else ""


def _character(element: "Element", properties: str, name: str, default: str) -> str:
    """Read a character from an element's properties; a value that is there and empty means none."""
    found = element.find(qn(f"m:{properties}/m:{name}"))
    return found.get(qn("m:val"), "") if found is not None else default


def _is_on(element: "Element", properties: str, name: str) -> bool:
    found = element.find(qn(f"m:{properties}/m:{name}"))
    return found is not None and found.get(qn("m:val"), "1") not in ("0", "off", "false")


def _fraction(element: "Element") -> str:
    top, bottom = _part(element, "num"), _part(element, "den")
    kind = _character(element, "fPr", "type", "bar")
    if kind == "noBar":
        return f"\\genfrac{{}}{{}}{{0pt}}{{}}{{{top}}}{{{bottom}}}"
    return f"{{{top}}}/{{{bottom}}}" if kind in ("lin", "skw") else f"\\frac{{{top}}}{{{bottom}}}"


def _base(element: "Element") -> str:
    """Write what a script or a limit belongs to, in braces where it is more than one thing."""
    base = element.find(qn("m:e"))
    text = latex(base).strip() if base is not None else ""
    is_simple = base is None or all(child.tag in (qn("m:r"), qn("m:ctrlPr")) for child in base)
    return text if is_simple else f"{{{text}}}"


def _script(element: "Element") -> str:
    return _base(element) + _limits(element)


def _limits(element: "Element") -> str:
    """Write what stands below and above, as far as the element has room for it."""
    below = f"_{{{_part(element, 'sub')}}}" if element.find(qn("m:sub")) is not None else ""
    above = f"^{{{_part(element, 'sup')}}}" if element.find(qn("m:sup")) is not None else ""
    return below + above


def _script_before(element: "Element") -> str:
    return f"{{}}{_limits(element)}{_base(element)}"


def _radical(element: "Element") -> str:
    degree = "" if _is_on(element, "radPr", "degHide") else _part(element, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e')}}}"


def _large_operator(element: "Element") -> str:
    sign = _character(element, "naryPr", "chr", "∫").translate(SYMBOLS).strip()
    limits = _limits(element).replace("_{}", "").replace("^{}", "")
    return f"{sign}{limits}{'' if limits else ' '}{_part(element, 'e')}"


def _delimited(element: "Element") -> str:
    opening = _character(element, "dPr", "begChr", "(")
    closing = _character(element, "dPr", "endChr", ")")
    between = _character(element, "dPr", "sepChr", "|").translate(SYMBOLS)
    parts = between.join(latex(part).strip() for part in element.iterfind(qn("m:e")))
    return f"\\left{_delimiter(opening)}{parts}\\right{_delimiter(closing)}"


def _delimiter(sign: str) -> str:
    return _LEFT_RIGHT.get(sign, sign.translate(SYMBOLS).rstrip())


def _function(element: "Element") -> str:
    name = _named(_part(element, "fName"))
    argument = _part(element, "e")
    return f"{name}{argument}" if argument.startswith(("\\left", "(", "{")) else f"{name}{{{argument}}}"


def _named(name: str) -> str:
    """Write a function's name so that it is no product of letters; limits may hang on it."""
    letters = name[: next((index for index, char in enumerate(name) if not char.isalpha()), len(name))]
    if not letters:
        return name
    return ("\\" + letters if letters in FUNCTIONS else f"\\operatorname{{{letters}}}") + name[len(letters) :]


def _limit_below(element: "Element") -> str:
    return f"{_named(_part(element, 'e'))}_{{{_part(element, 'lim')}}}"


def _limit_above(element: "Element") -> str:
    return f"\\overset{{{_part(element, 'lim')}}}{{{_part(element, 'e')}}}"


def _accent(element: "Element") -> str:
    sign = _character(element, "accPr", "chr", "\u0302")
    return f"\\{ACCENTS.get(sign, 'hat')}{{{_part(element, 'e')}}}"


def _bar(element: "Element") -> str:
    place = _character(element, "barPr", "pos", "bot")
    return f"\\{'overline' if place == 'top' else 'underline'}{{{_part(element, 'e')}}}"


def _group(element: "Element") -> str:
    sign = _character(element, "groupChrPr", "chr", "⏟")
    place = _character(element, "groupChrPr", "pos", "bot")
    command = {"⏟": "underbrace", "⏞": "overbrace"}.get(sign, "overline" if place == "top" else "underline")
    return f"\\{command}{{{_part(element, 'e')}}}"


def _matrix(element: "Element") -> str:
    rows = (" & ".join(latex(cell) for cell in row.iterfind(qn("m:e"))) for row in element.iterfind(qn("m:mr")))
    return _lines("matrix", rows)


def _equation_array(element: "Element") -> str:
    rows = [latex(row) for row in element.iterfind(qn("m:e"))]
    return rows[0] if len(rows) == 1 else _lines("aligned", rows)


def _lines(environment: str, rows: Iterable[str]) -> str:
    body = " \\\\ ".join(rows)
    return f"\\begin{{{environment}}}{body}\\end{{{environment}}}"


_MATH_SPACE = qn("m:t")[1:].partition("}")[0]
# What is around parts of an equation and changes nothing; deletions are not among it.
_TRANSPARENT = frozenset(map(qn, ("w:ins", "w:moveTo", "w:hyperlink", "w:smartTag", "w:sdt", "w:sdtContent")))
_WRITERS: "dict[str, Callable[[Element], str]]" = {
    "r": _run,
    "f": _fraction,
    "sSup": _script,
    "sSub": _script,
    "sSubSup": _script,
    "sPre": _script_before,
    "rad": _radical,
    "nary": _large_operator,
    "d": _delimited,
    "func": _function,
    "limLow": _limit_below,
    "limUpp": _limit_above,
    "acc": _accent,
    "bar": _bar,
    "groupChr": _group,
    "m": _matrix,
    "eqArr": _equation_array,
    **dict.fromkeys(("ctrlPr", "rPr", "fPr", "naryPr", "dPr", "radPr", "mPr", "argPr"), _nothing),
}
