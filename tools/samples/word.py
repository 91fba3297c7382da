"""Writes DOCX with clauses that Word numbers by itself."""

import datetime
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from docx import Document
from docx.document import Document as DocumentObject
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt

LONG_AGO = (1980, 1, 1, 0, 0, 0)
DATE = datetime.datetime(2025, 3, 3, 9, 0)
NUMBERING = 77
"""The number of the clauses' own numbering; the template of python-docx uses small ones."""
LEVELS = (("decimal", "%1.", 0, 360), ("decimal", "%1.%2", 0, 600), ("lowerLetter", "(%3)", 600, 1020))


@dataclass(frozen=True)
class Clause:
    """A numbered clause: `level` 0 is a heading, 1 a paragraph, 2 an item."""

    level: int
    text: str


@dataclass(frozen=True)
class Grid:
    """A table with a head row."""

    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Contract:
    """What goes into one document."""

    title: str
    header: str
    opening: Sequence[str]
    body: Sequence[Clause | Grid]
    closing: Sequence[str]


def docx(contract: Contract) -> bytes:
    """Write a contract as DOCX; the same bytes every time on one machine."""
    document = Document()
    _properties(document, contract)
    _define_numbering(document)
    document.styles["Normal"].font.size = Pt(10)
    document.sections[0].header.paragraphs[0].text = contract.header
    document.add_heading(contract.title, 0)
    for text in contract.opening:
        document.add_paragraph(text)
    for part in contract.body:
        _add(document, part)
    for text in contract.closing:
        document.add_paragraph(text)
    file = io.BytesIO()
    document.save(file)
    return _without_times(file.getvalue())


def _add(document: DocumentObject, part: Clause | Grid) -> None:
    if isinstance(part, Grid):
        _add_table(document, part)
        return
    paragraph = document.add_paragraph()
    paragraph.add_run(part.text).bold = part.level == 0
    properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
    properties.get_or_add_ilvl().val = part.level
    properties.get_or_add_numId().val = NUMBERING


def _add_table(document: DocumentObject, grid: Grid) -> None:
    table = document.add_table(rows=0, cols=len(grid.rows[0]), style="Table Grid")
    for number, row in enumerate(grid.rows):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.paragraphs[0].add_run(text).bold = number == 0
    document.add_paragraph()


def _define_numbering(document: DocumentObject) -> None:
    levels = "".join(
        f'<w:lvl w:ilvl="{number}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/>'
        f'<w:pPr><w:ind w:left="{left + hanging}" w:hanging="{hanging}"/></w:pPr></w:lvl>'
        for number, (kind, text, left, hanging) in enumerate(LEVELS)
    )
    kind = '<w:multiLevelType w:val="multilevel"/>'
    abstract = parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{NUMBERING}">{kind}{levels}</w:abstractNum>')
    numbering = document.part.numbering_part.element
    numbering.find(qn("w:num")).addprevious(abstract)  # the schema wants all abstractNum before the first num
    use = f'<w:num {nsdecls("w")} w:numId="{NUMBERING}"><w:abstractNumId w:val="{NUMBERING}"/></w:num>'
    numbering.append(parse_xml(use))


def _properties(document: DocumentObject, contract: Contract) -> None:
    properties = document.core_properties
    properties.title, properties.author, properties.comments = contract.title, "kvprep samples", ""
    properties.created = properties.modified = DATE


def _without_times(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(file, "w") as fixed:
        for name in package.namelist():
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            fixed.writestr(info, package.read(name))
    return file.getvalue()
