"""The words of a DOCX taken from its XML alone: what Word shows once all changes are accepted.

Deliberately not built on any code of kvprep, nor on python-docx, so that the two can disagree.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from posixpath import basename, join, normpath

from lxml import etree

_STRICT = {
    b"http://purl.oclc.org/ooxml/wordprocessingml/main": b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    b"http://purl.oclc.org/ooxml/officeDocument/relationships": (
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
}
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DROPPED = {f"{_W}{name}" for name in ("del", "moveFrom", "instrText", "delText", "rPr", "pPr", "sectPr")} | {
    f"{_MC}Fallback"
}
_BREAKS = {f"{_W}{name}" for name in ("tab", "br", "cr", "ptab")}
_PAGE_FIELD = re.compile(r"^\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.I)
_OFF = {"0", "false", "off"}


def accepted_text(data: bytes) -> str:
    """Give the text of a DOCX, a paragraph a line; its order is the parts', not the reader's.

    Counted: `w:t` of body, footnotes, endnotes, and of every header and footer that a section shows, each distinct one
    once; text boxes once (the choice of `mc:AlternateContent`, never its fallback); content controls. Not counted:
    deletions and moved-away text, hidden runs (`w:vanish`, also by style), field codes, results of page number
    fields, comments, equations (their Markdown has no agreed form).
    """
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return _Package(package).text()


class _Package:
    def __init__(self, package: zipfile.ZipFile) -> None:
        self._package, self._names = package, set(package.namelist())
        self._main = self._main_part()
        self._hidden = self._hidden_styles()

    def text(self) -> str:
        body = self._part(self._main)
        folder = self._main.rpartition("/")[0]
        notes = [f"{folder}/{name}.xml" for name in ("footnotes", "endnotes")]
        parts = [body, *(self._part(name) for name in notes if name in self._names)]
        lines = [line for part in parts for line in self._lines(part)]
        shown = dict.fromkeys("\n".join(self._lines(self._part(name))) for name in self._shown_edges(body))
        return "\n".join([*lines, *shown])

    def _part(self, name: str) -> etree._Element:
        data = self._package.read(name)
        for strict, transitional in _STRICT.items():
            data = data.replace(strict, transitional)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, recover=True)
        return etree.fromstring(data, parser)

    def _main_part(self) -> str:
        for target, kind in self._relations("_rels/.rels", ""):
            if kind == "officeDocument":
                return target[1]
        return "word/document.xml"

    def _relations(self, name: str, folder: str) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield ((relation id, part), kind) of each internal relation."""
        if name not in self._names:
            return
        for relation in self._part(name):
            if relation.get("TargetMode") != "External":
                target = normpath(join("/" + folder, relation.get("Target", ""))).lstrip("/")
                yield (relation.get("Id", ""), target), basename(relation.get("Type", ""))

    def _hidden_styles(self) -> set[str]:
        name = join(self._main.rpartition("/")[0], "styles.xml")
        if name not in self._names:
            return set()
        styles = list(self._part(name).iter(f"{_W}style"))
        hidden = {_value(style, "styleId") for style in styles if _is_on(style.find(f"{_W}rPr/{_W}vanish"))}
        for _ in range(8):  # deeper chains of styles are not met
            hidden |= {_value(style, "styleId") for style in styles if _inherits(style, hidden)}
        return hidden

    def _shown_edges(self, body: etree._Element) -> Iterator[str]:
        """Name the parts of headers and footers that some section shows; without repeats, in order of use."""
        folder, _, main = self._main.rpartition("/")
        parts = dict(pair for pair, _ in self._relations(f"{folder}/_rels/{main}.rels", folder))
        even = self._even_pages(folder)
        seen = set()
        for section in body.iter(f"{_W}sectPr"):
            first = _is_on(section.find(f"{_W}titlePg"))
            for reference in section:
                kind = _value(reference, "type")
                known = reference.tag in (f"{_W}headerReference", f"{_W}footerReference")
                name = parts.get(reference.get(f"{_R}id", "")) if known else None
                shown = kind == "default" or (kind == "first" and first) or (kind == "even" and even)
                if name in self._names and shown and name not in seen:
                    seen.add(name)
                    yield name

    def _even_pages(self, folder: str) -> bool:
        name = f"{folder}/settings.xml"
        return name in self._names and _is_on(self._part(name).find(f"{_W}evenAndOddHeaders"))

    def _lines(self, part: etree._Element) -> Iterator[str]:
        """Yield the text of each paragraph; one whose mark is deleted runs on into the next."""
        carried = ""
        for paragraph in part.iter(f"{_W}p"):
            if any(ancestor.tag in _DROPPED for ancestor in paragraph.iterancestors()):
                continue
            carried += "".join(self._pieces(paragraph))
            if paragraph.find(f"{_W}pPr/{_W}rPr/{_W}del") is None:
                yield carried
                carried = ""
        yield carried

    def _pieces(self, paragraph: etree._Element) -> Iterator[str]:
        fields: list[str] = []
        """Codes of the fields that are open; one whose code is complete starts with a blank."""
        style = _value(paragraph.find(f"{_W}pPr/{_W}pStyle"), "val")
        for run in self._runs(paragraph):
            if run.tag == f"{_W}fldChar":
                _follow(fields, _value(run, "fldCharType"))
            elif run.tag == f"{_W}instrText" and fields:
                fields[-1] += run.text or ""
            elif not any(_PAGE_FIELD.match(code) for code in fields) and not self._is_hidden(run, style):
                yield _piece(run)

    def _runs(self, element: etree._Element) -> Iterator[etree._Element]:
        """Yield what a paragraph is made of, in order, without the paragraphs inside it."""
        for child in element:
            if child.tag == f"{_W}p" or (child.tag in _DROPPED and child.tag != f"{_W}instrText"):
                continue
            if child.tag == f"{_W}fldSimple" and _PAGE_FIELD.match(_value(child, "instr")):
                continue
            if isinstance(child.tag, str) and not child.tag.startswith(_M):
                yield child
                yield from self._runs(child)

    def _is_hidden(self, piece: etree._Element, paragraph_style: str) -> bool:
        run = piece.getparent()
        properties = run.find(f"{_W}rPr") if run is not None and run.tag == f"{_W}r" else None
        if properties is None:
            return paragraph_style in self._hidden
        own = properties.find(f"{_W}vanish")
        if own is not None:
            return _is_on(own)
        return bool({_value(properties.find(f"{_W}rStyle"), "val"), paragraph_style} & self._hidden)


def _follow(fields: list[str], mark: str) -> None:
    if mark == "begin":
        fields.append("")
    elif mark == "end" and fields:
        fields.pop()


def _piece(piece: etree._Element) -> str:
    if piece.tag == f"{_W}t":
        return piece.text or ""
    if piece.tag == f"{_W}noBreakHyphen":
        return "-"
    return " " if piece.tag in _BREAKS or piece.tag.endswith("}textbox") else ""


def _value(element: etree._Element | None, name: str) -> str:
    return "" if element is None else element.get(f"{_W}{name}", "")


def _is_on(switch: etree._Element | None) -> bool:
    return switch is not None and _value(switch, "val") not in _OFF


def _inherits(style: etree._Element, hidden: set[str]) -> bool:
    based_on = _value(style.find(f"{_W}basedOn"), "val")
    return based_on in hidden and style.find(f"{_W}rPr/{_W}vanish") is None
