"""Workbooks for the tests, written as the standard says, so that each test shows the XML that it is about."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"
CONTENT_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)

Rows = Sequence[Sequence[object]]


def xlsx(*sheets: str, styles: str = "", states: Sequence[str] = (), parts: Mapping[str, str] | None = None) -> bytes:
    """Put sheets into a workbook: `Sheet1`, `Sheet2`; `states` are `hidden` and the like."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", CONTENT_TYPES)
        package.writestr("_rels/.rels", relations(("officeDocument", "xl/workbook.xml")))
        names = [f"sheet{number}" for number in range(1, len(sheets) + 1)]
        listed = "".join(
            f'<sheet name="{name.title()}" sheetId="{number}" r:id="rId{number}"'
            + (f' state="{states[number - 1]}"' if number <= len(states) and states[number - 1] else "")
            + "/>"
            for number, name in enumerate(names, 1)
        )
        package.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        targets = [*(("worksheet", f"worksheets/{name}.xml") for name in names), ("styles", "styles.xml")]
        targets += [("person", "persons.xml")] if "xl/persons.xml" in (parts or {}) else []
        package.writestr("xl/_rels/workbook.xml.rels", relations(*targets))
        package.writestr(
            "xl/styles.xml", f'<styleSheet xmlns="{MAIN}">{styles or cell_formats("General")}</styleSheet>'
        )
        for name, sheet in zip(names, sheets, strict=True):
            whole = sheet if "<worksheet" in sheet else f'<worksheet xmlns="{MAIN}">{sheet}</worksheet>'
            package.writestr(f"xl/worksheets/{name}.xml", whole)
        for name, part in (parts or {}).items():
            package.writestr(name, part)
    return buffer.getvalue()


def relations(*targets: tuple[str, str]) -> str:
    """Write the relations of a part: kinds and targets, numbered from rId1."""
    listed = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{listed}</Relationships>'
    )


def cell_formats(*codes: str, fonts: str = "<font/>", fills: str = "<fill/>", font_ids: Sequence[int] = ()) -> str:
    """Write styles 0, 1, 2 with these number formats and fonts."""
    formats = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
        for n, code in enumerate(codes)
    )
    ids = [*font_ids, *[0] * (len(codes) - len(font_ids))]
    cells = "".join(f'<xf numFmtId="{200 + n}" fontId="{ids[n]}" fillId="0"/>' for n in range(len(codes)))
    return f"<numFmts>{formats}</numFmts><fonts>{fonts}</fonts><fills>{fills}</fills><cellXfs>{cells}</cellXfs>"


def sheet(rows: Rows, *, before: str = "", after: str = "", hidden_rows: Sequence[int] = ()) -> str:
    """Write the inside of a sheet; None leaves a cell out, a pair is a value and the number of its style."""
    written = "".join(
        f'<row r="{number}"{" hidden=" + chr(34) + "1" + chr(34) if number in hidden_rows else ""}>'
        + "".join(_cell(f"{column_name(index)}{number}", value) for index, value in enumerate(row) if value is not None)
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    return f"{before}<sheetData>{written}</sheetData>{after}"


def column_name(index: int) -> str:
    """Name a column by its index from 0."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _cell(reference: str, value: object) -> str:
    value, style = value if isinstance(value, tuple) else (value, 0)
    if isinstance(value, bool):
        return f'<c r="{reference}" s="{style}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'
    if str(value).startswith("#"):
        return f'<c r="{reference}" s="{style}" t="e"><v>{value}</v></c>'
    return f'<c r="{reference}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'
