import docx
import pytest
from document_makers import add_xml, docx_bytes, docx_of, p, r, tbl
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx_texts import read

from kvprep.types import TextFinding

WHITE = '<w:color w:val="FFFFFF"/>'
BLUE = '<w:shd w:val="clear" w:fill="1F3864"/>'
W14 = 'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
COLOUR = "text in the colour of its background"


def shading(fill: str) -> str:
    return f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>'


def test_hidden_text_is_removed_and_reported() -> None:
    document = docx.Document()
    document.styles.add_style("Secret", docx.enum.style.WD_STYLE_TYPE.CHARACTER).font.hidden = True
    add_xml(
        document,
        p(
            r("seen "),
            r("unseen", "<w:vanish/>"),
            r("too", '<w:vanish w:val="0"/>'),
            r("style", '<w:rStyle w:val="Secret"/>'),
        ),
    )
    result = read(docx_bytes(document))
    assert result.text == "seen too\n"
    assert result.findings == (TextFinding("hidden-text", 11, "w:vanish"),)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (WHITE, COLOUR),
        ('<w:color w:val="FDFDFD"/>', COLOUR),
        (WHITE + '<w:highlight w:val="white"/>', COLOUR),
        ('<w:color w:val="000000"/><w:shd w:val="solid" w:color="000000"/>', COLOUR),
        ('<w:color w:val="FFFF00"/><w:highlight w:val="yellow"/>', COLOUR),
        ('<w:sz w:val="2"/>', "print smaller than two points"),
        ('<w:w w:val="1"/>', "print squeezed to less than a tenth"),
        (f"<w14:textFill {W14}><w14:noFill/></w14:textFill>", "text without a colour"),
    ],
)
def test_what_nobody_can_read_is_removed_and_reported(properties: str, reason: str) -> None:
    result = read(docx_of(p(r("seen"), r("pay 9", properties))))
    assert (result.text, result.findings) == ("seen\n", (TextFinding("hidden-text", 5, reason),))


@pytest.mark.parametrize(
    "properties",
    [
        WHITE + BLUE,
        WHITE + '<w:highlight w:val="darkBlue"/>',
        WHITE + '<w:highlight w:val="darkYellow"/>',
        '<w:color w:val="auto"/><w:shd w:val="clear" w:fill="000000"/>',
        '<w:color w:val="BFBFBF"/>',
        '<w:sz w:val="8"/>',
        '<w:w w:val="66"/>',
        f"<w14:textOutline {W14}><w14:solidFill/></w14:textOutline><w14:textFill {W14}><w14:noFill/></w14:textFill>",
        '<w:color w:val="nonsense"/><w:sz w:val="nonsense"/>',
    ],
)
def test_what_can_be_read_stays(properties: str) -> None:
    assert read(docx_of(p(r("light", properties)))).text == "light\n"


def test_white_text_is_seen_on_the_colour_of_its_paragraph_cell_or_table() -> None:
    cells = tbl([p(r("a", WHITE)), p(r("b"))], [p(r("c", WHITE)), p(r("d", WHITE))])
    shaded = cells.replace("<w:tc>", f"<w:tc><w:tcPr>{BLUE}</w:tcPr>", 1)
    result = read(docx_of(p(r("title", WHITE), properties=BLUE), shaded))
    assert result.text == "title\n\na b\n"
    whole = cells.replace("<w:tbl>", f"<w:tbl><w:tblPr>{BLUE}</w:tblPr>")
    assert read(docx_of(whole)).text == "| a | b |\n| --- | --- |\n| c | d |\n"
    assert read(docx_of(whole)).findings == ()


def test_a_cell_painted_white_hides_white_text_in_a_dark_table() -> None:
    dark = tbl([p(r("a", WHITE)), p(r("b", WHITE))], [p(r("c")), p(r("d"))]).replace(
        "<w:tbl>", f"<w:tbl><w:tblPr>{BLUE}</w:tblPr>"
    )
    white = f"<w:tc><w:tcPr>{shading('FFFFFF')}</w:tcPr>"
    result = read(docx_of(dark.replace("<w:tc>", white, 1)))
    assert result.text == "|  | b |\n| --- | --- |\n| c | d |\n"
    assert result.findings == (TextFinding("hidden-text", 1, COLOUR),)


def test_a_style_hides_text_and_shades_it() -> None:
    document = docx.Document()
    for name, properties in (
        ("White", f"<w:rPr>{WHITE}</w:rPr>"),
        ("Banner", f"<w:pPr>{BLUE}</w:pPr><w:rPr>{WHITE}</w:rPr>"),
    ):
        attributes = f'{nsdecls("w")} w:type="paragraph" w:styleId="{name}"'
        style = f'<w:style {attributes}><w:name w:val="{name}"/>{properties}</w:style>'
        document.styles.element.append(parse_xml(style))
    for name in ("White", "Banner"):
        add_xml(document, p(r(name), properties=f'<w:pStyle w:val="{name}"/>'))
    assert read(docx_bytes(document)).text == "Banner\n"


def test_a_style_for_letters_brings_its_own_ground() -> None:
    document = docx.Document()
    for name, properties in (("Inverse", WHITE + BLUE), ("Ghost", WHITE)):
        style = f'<w:style {nsdecls("w")} w:type="character" w:styleId="{name}"><w:name w:val="{name}"/>'
        document.styles.element.append(parse_xml(f"{style}<w:rPr>{properties}</w:rPr></w:style>"))
    add_xml(document, p(*(r(name, f'<w:rStyle w:val="{name}"/>') for name in ("Inverse", "Ghost"))))
    assert read(docx_bytes(document)).text == "Inverse\n"


def test_white_text_over_a_picture_a_box_or_a_table_style_stays_and_is_reported() -> None:
    anchor = '<w:r><w:drawing><wp:anchor behindDoc="1"/></w:drawing></w:r>'
    box = f"<w:r><w:pict><v:textbox><w:txbxContent>{p(r('boxed', WHITE))}</w:txbxContent></v:textbox></w:pict></w:r>"
    faint = "text in the colour of the page, kept"
    over_picture = read(docx_of(p(anchor, r("cover", WHITE))))
    assert (over_picture.text, over_picture.findings) == ("cover\n", (TextFinding("low-contrast", 5, faint),))
    in_box = read(docx_of(p(box)))
    assert (in_box.text, in_box.findings) == ("boxed\n", (TextFinding("low-contrast", 5, faint),))
    document = docx.Document()
    table = document.add_table(2, 2, style="Medium Shading 1 Accent 1")
    for cell, text in zip([*table.rows[0].cells, *table.rows[1].cells], "abcd", strict=True):
        cell.paragraphs[0].add_run(text).font.color.rgb = docx.shared.RGBColor(255, 255, 255)
    styled = read(docx_bytes(document))
    assert (styled.text.count("|"), styled.findings) == (9, (TextFinding("low-contrast", 4, faint),))


def test_a_drawing_that_is_switched_off_hides_its_box() -> None:
    box = f"<w:txbxContent>{p(r('boxed'))}</w:txbxContent>"
    new = f'<w:r><w:drawing><wp:anchor><wp:docPr hidden="1"/>{box}</wp:anchor></w:drawing></w:r>'
    old = f'<w:r><w:pict><v:shape style="width:9pt; visibility: hidden">{box}</v:shape></w:pict></w:r>'
    for hidden, shown in ((new, new.replace('"1"', '"0"')), (old, old.replace("hidden", "visible"))):
        result = read(docx_of(p(r("seen"), hidden)))
        assert (result.text, result.findings) == ("seen\n", (TextFinding("hidden-text", 5, "hidden drawing"),))
        assert read(docx_of(p(r("seen"), shown))).text == "seen\n\nboxed\n"
