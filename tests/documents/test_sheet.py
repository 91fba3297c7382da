import io
import zipfile

import pytest
import sheet_makers as make

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.sheet import SheetReader
from kvprep.errors import EmptyDocument, OversizedDocument, UnreadableDocument
from kvprep.types import CanonicalDocument


def document(data: bytes) -> CanonicalDocument:
    return canonicalise(SheetReader().read(data, Limits()))


def text_of(data: bytes) -> str:
    return document(data).text


def findings_of(data: bytes) -> dict[str, int]:
    return {f"{finding.kind}: {finding.where}": finding.count for finding in document(data).findings}


def test_a_sheet_is_a_table_under_its_name() -> None:
    data = make.xlsx(make.sheet([["Item", "Price"], ["Lamp", 12.5]]), make.sheet([["second", "sheet"], ["a", "b"]]))
    assert text_of(data) == (
        "## Sheet1\n\n| Item | Price |\n| --- | --- |\n| Lamp | 12.5 |\n\n"
        "## Sheet2\n\n| second | sheet |\n| --- | --- |\n| a | b |\n"
    )


def test_values_stand_as_their_number_formats_show_them() -> None:
    styles = make.cell_formats("General", "#,##0.00 [$€-407]", "0%", "dd.mm.yyyy", "h:mm", "00000", '0" pcs"')
    row = [(7, 0), (1234.5, 1), (0.19, 2), (45292, 3), (0.75, 4), (123, 5), (3, 6), True, "#N/A", "text"]
    data = make.xlsx(make.sheet([row]), styles=styles)
    assert text_of(data) == "## Sheet1\n\n7 1,234.50 € 19% 01.01.2024 18:00 00123 3 pcs TRUE #N/A text\n"


def test_empty_rows_part_tables_and_single_values_are_lines() -> None:
    rows = [["Invoice 7"], [], ["Item", "Price"], ["Lamp", 1], [], [None, "Total", 1]]
    assert text_of(make.xlsx(make.sheet(rows))) == (
        "## Sheet1\n\nInvoice 7\n\n| Item | Price |\n| --- | --- |\n| Lamp | 1 |\n\nTotal 1\n"
    )


def test_a_title_right_above_a_table_is_a_line() -> None:
    rows = [["Price list"], ["Item", "Size", "Price"], ["Lamp", "M", 1]]
    assert text_of(make.xlsx(make.sheet(rows))).startswith("## Sheet1\n\nPrice list\n\n| Item | Size | Price |")


def test_an_empty_column_is_a_spacer_and_a_table_that_starts_elsewhere_is_another() -> None:
    spaced = [["1.1", None, "Voltage", None, "kV"], ["1.2", None, "Current", None, "A"]]
    assert "| 1.1 | Voltage | kV |" in text_of(make.xlsx(make.sheet(spaced)))
    beside = [["a", "b"], [1, 2], [3, 4, None, None, "c", "d"], [5, 6, None, None, 7, 8]]
    assert text_of(make.xlsx(make.sheet(beside))).count("| --- | --- |") == 2


def test_merged_labels_are_repeated_and_merged_figures_are_not() -> None:
    rows = [["Year", "Quarter", None], ["North", "Q1", "Q2"], [None, 5, 6], [None, 7, None]]
    merged = '<mergeCells><mergeCell ref="B1:C1"/><mergeCell ref="A2:A4"/><mergeCell ref="B4:C4"/></mergeCells>'
    assert text_of(make.xlsx(make.sheet(rows, after=merged))) == (
        "## Sheet1\n\n| Year | Quarter | Quarter |\n| --- | --- | --- |\n"
        "| North | Q1 | Q2 |\n| North | 5 | 6 |\n| North | 7 |  |\n"
    )


def test_hidden_sheets_rows_and_columns_are_left_out_and_reported() -> None:
    shown = make.sheet(
        [["seen", "secret", "too"], ["unseen", "words", "here"], ["last", "secret", "row"]],
        before='<cols><col min="2" max="2" hidden="1"/></cols>',
        hidden_rows=[2],
    )
    data = make.xlsx(shown, make.sheet([["ghost"]]), make.sheet([["deep"]]), states=["", "hidden", "veryHidden"])
    assert text_of(data) == "## Sheet1\n\n| seen | too |\n| --- | --- |\n| last | row |\n"
    assert findings_of(data) == {
        "hidden-text: hidden rows or columns": len("secretsecretunseenwordshere"),
        "hidden-text: hidden sheet": len("ghostdeep"),
    }


def test_text_in_the_colour_of_its_cell_and_values_that_no_format_shows_are_reported() -> None:
    white = '<font/><font><color rgb="FFFFFFFF"/></font>'
    styles = make.cell_formats("General", "General", ";;;", fonts=white, font_ids=[0, 1, 0])
    data = make.xlsx(make.sheet([["seen", ("ignore", 1), (42, 2)]]), styles=styles)
    assert text_of(data) == "## Sheet1\n\nseen\n"
    assert findings_of(data) == {
        "hidden-text: text in the colour of its cell": 6,
        "hidden-text: number format that shows nothing": 4,
    }


def test_white_text_stays_where_tables_or_conditions_colour_cells() -> None:
    white = '<font/><font><color rgb="FFFFFFFF"/></font>'
    styles = make.cell_formats("General", "General", fonts=white, font_ids=[0, 1])
    sheet = make.sheet([[("head", 1)]], after='<tableParts count="1"><tablePart/></tableParts>')
    assert text_of(make.xlsx(sheet, styles=styles)) == "## Sheet1\n\nhead\n"


def test_a_chart_is_the_table_that_it_draws_under_its_title() -> None:
    chart = (
        f'<c:chartSpace xmlns:c="{make.DRAWING}/chart" xmlns:a="{make.DRAWING}/main"><c:chart><c:title><a:p><a:t>Sales'
        "</a:t></a:p></c:title><c:plotArea><c:lineChart><c:ser><c:tx><c:v>North</c:v></c:tx>"
        '<c:cat><c:pt idx="0"><c:v>2024</c:v></c:pt><c:pt idx="1"><c:v>2025</c:v></c:pt></c:cat>'
        '<c:val><c:pt idx="0"><c:v>5</c:v></c:pt><c:pt idx="1"><c:v>6</c:v></c:pt></c:val>'
        "</c:ser></c:lineChart></c:plotArea></c:chart></c:chartSpace>"
    )
    box = (
        f'<d:wsDr xmlns:d="{make.DRAWING}/spreadsheetDrawing" xmlns:a="{make.DRAWING}/main"><d:sp><d:txBody>'
        "<a:p><a:r><a:t>Note</a:t></a:r></a:p></d:txBody></d:sp></d:wsDr>"
    )
    parts = {
        "xl/worksheets/_rels/sheet1.xml.rels": make.relations(("drawing", "../drawings/drawing1.xml")),
        "xl/drawings/drawing1.xml": box,
        "xl/drawings/_rels/drawing1.xml.rels": make.relations(("chart", "../charts/chart1.xml")),
        "xl/charts/chart1.xml": chart,
    }
    data = make.xlsx(make.sheet([["a"]]), parts=parts)
    assert text_of(data) == (
        "## Sheet1\n\na\n\nNote\n\nSales\n\nLine chart\n\n|  | North |\n| --- | --- |\n| 2024 | 5 |\n| 2025 | 6 |\n"
    )


def test_a_workbook_without_values_is_empty() -> None:
    with pytest.raises(EmptyDocument):
        document(make.xlsx(make.sheet([])))


def test_a_broken_package_is_unreadable() -> None:
    data = make.xlsx(make.sheet([["a", "b"]] * 50))
    for broken in (data[: len(data) // 2], b"PK\x03\x04" + bytes(100), data.replace(b"PK\x01\x02", b"PK\x01\x03")):
        with pytest.raises(UnreadableDocument):
            document(broken)


def test_a_sheet_of_broken_xml_is_unreadable() -> None:
    with pytest.raises(UnreadableDocument):
        document(make.xlsx("<sheetData><row>"))


def test_a_package_that_unpacks_to_too_much_is_too_large() -> None:
    with pytest.raises(OversizedDocument):
        SheetReader().read(make.xlsx(make.sheet([["a" * 100_000]])), Limits(expanded_bytes=50_000))


@pytest.mark.parametrize("place", ["Bendobj1", "B12345678", "?"])
def test_a_cell_at_no_place_of_a_sheet_is_refused_before_memory_is_taken_for_it(place: str) -> None:
    sheet = make.sheet([["Item", "Price"]]).replace('r="B1"', f'r="{place}"')
    assert place in sheet
    with pytest.raises(UnreadableDocument, match="no place of a sheet"):
        SheetReader().read(make.xlsx(sheet), Limits())


def test_two_cells_at_the_ends_of_a_sheet_are_too_large_a_table() -> None:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    with pytest.raises(OversizedDocument):
        document(make.xlsx(f"<sheetData>{cells}</sheetData>"))


def test_a_part_that_is_larger_than_it_declares_is_unreadable() -> None:
    data = make.xlsx(make.sheet([["a" * 100_000]]))
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        size = package.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    with pytest.raises(UnreadableDocument):
        document(data.replace(size, (1000).to_bytes(4, "little")))


def test_entities_are_not_expanded() -> None:
    cell = '<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="inlineStr"><is><t>x&boom;</t></is></c></row>'
    entity = '<!DOCTYPE s [<!ENTITY boom "expanded">]>'
    sheet = f'{entity}<worksheet xmlns="{make.MAIN}"><sheetData>{cell}</sheetData></worksheet>'
    try:
        assert "expanded" not in text_of(make.xlsx(sheet))
    except UnreadableDocument:
        pass
