import pytest
from document_makers import docx_of, p, part_of, r, with_parts
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.docx import DocxReader
from kvprep.documents.readers.office.graphics import chart_blocks

RELATIONS = "word/_rels/document.xml.rels"
DIAGRAM = 'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'


def kept(name: str, *values: str) -> str:
    points = "".join(f'<c:pt idx="{index}"><c:v>{value}</c:v></c:pt>' for index, value in enumerate(values))
    return f"<c:{name}><c:strRef><c:strCache>{points}</c:strCache></c:strRef></c:{name}>"


def chart(kind: str, *series: str, title: str = "") -> bytes:
    written = (
        f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{title}</a:t></a:r></a:p></c:rich></c:tx></c:title>" if title else ""
    )
    plot = "".join(f"<c:ser>{entry}</c:ser>" for entry in series)
    area = f"<c:plotArea><c:layout/><c:{kind}>{plot}</c:{kind}></c:plotArea>"
    return f"<c:chartSpace {nsdecls('c', 'a')}><c:chart>{written}{area}</c:chart></c:chartSpace>".encode()


def with_drawing(graphic: str, kind: str, part: bytes) -> bytes:
    data = docx_of(p(r("before"), f"<w:r><w:drawing>{graphic}</w:drawing></w:r>"), p(r("after")))
    relation = f'<Relationship Id="rId9" Type="http://x.test/{kind}" Target="drawn/part.xml"/></Relationships>'
    relations = part_of(data, RELATIONS).replace(b"</Relationships>", relation.encode())
    return with_parts(data, {RELATIONS: relations, "word/drawn/part.xml": part})


def text_of(data: bytes) -> str:
    return canonicalise(DocxReader().read(data, Limits())).text


def test_a_chart_shows_its_title_and_its_values_as_a_table() -> None:
    series = [
        kept("tx", name) + kept("cat", "Q1", "Q2") + kept("val", *values)
        for name, values in (("North", ("4.30000000000000071", "2")), ("South", ("1", "n/a")))
    ]
    graphic = f'<c:chart {nsdecls("c", "r")} r:id="rId9"/>'
    text = text_of(with_drawing(graphic, "chart", chart("lineChart", *series, title="Revenue")))
    table = "|  | North | South |\n| --- | --- | --- |\n| Q1 | 4.3 | 1 |\n| Q2 | 2 | n/a |"
    assert text == f"before\n\nRevenue\n\nLine chart\n\n{table}\n\nafter\n"


def test_a_chart_without_a_title_is_called_by_its_kind() -> None:
    blocks = list(chart_blocks(parse_xml(chart("bar3DChart", kept("val", "5")))))
    assert [block.text for block in blocks] == ["Bar chart", "| 5 |\n| --- |"]


def test_a_series_with_far_places_makes_no_empty_rows() -> None:
    far = '<c:val><c:numRef><c:numCache><c:pt idx="999999999"><c:v>7</c:v></c:pt></c:numCache></c:numRef></c:val>'
    blocks = list(chart_blocks(parse_xml(chart("pieChart", far))))
    assert blocks[1].text == "| 7 |\n| --- |"


def test_the_shapes_of_a_diagram_give_their_text() -> None:
    points = "".join(
        f"<dgm:pt><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>" for text in ("Offer", "", "Order")
    )
    part = f"<dgm:dataModel {DIAGRAM} {nsdecls('a')}><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>".encode()
    graphic = f'<dgm:relIds {DIAGRAM} {nsdecls("r")} r:dm="rId9"/>'
    assert text_of(with_drawing(graphic, "diagramData", part)) == "before\n\nOffer\n\nOrder\n\nafter\n"


def test_lettering_is_text() -> None:
    mark = '<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>'
    assert text_of(docx_of(p(mark), p(r("terms")))) == "DRAFT\n\nterms\n"


AXES = (
    '<c:axId val="1"/><c:axId val="2"/></c:barChart>'
    '<c:catAx><c:axId val="1"/>{deleted}<c:title><a:p><a:r><a:t>Year</a:t></a:r></a:p></c:title></c:catAx>'
    '<c:valAx><c:axId val="2"/><c:title><a:p><a:r><a:t>Number of ducks</a:t></a:r></a:p></c:title></c:valAx>'
)


@pytest.mark.parametrize(("deleted", "head"), [("", "Year"), ('<c:delete val="0"/>', "Year"), ("<c:delete/>", "")])
def test_the_titles_of_drawn_axes_say_what_labels_and_values_are(deleted: str, head: str) -> None:
    part = chart("barChart", kept("tx", "Wild") + kept("cat", "2024") + kept("val", "5")).decode()
    root = parse_xml(part.replace("</c:barChart>", AXES.format(deleted=deleted)).encode())
    table = f"| {head} | Wild |\n| --- | --- |\n| 2024 | 5 |"
    assert [block.text for block in chart_blocks(root)] == ["Bar chart: Number of ducks", table]
