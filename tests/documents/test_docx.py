import io

import document_makers as make
import docx
import pytest
from document_makers import p, r, tbl, tr
from docx.document import Document
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.docx import DocxReader
from kvprep.documents.readers.number_formats import format_number
from kvprep.errors import EmptyDocument
from kvprep.types import CanonicalDocument, TextFinding


def read(data: bytes) -> CanonicalDocument:
    return canonicalise(DocxReader().read(data, Limits()))


def text_of(*body: str) -> str:
    return read(make.docx_of(*body)).text.removesuffix("\n")


NUM = '<w:num w:numId="77"><w:abstractNumId w:val="77"/></w:num>'


def add_list(document: Document, levels: str, nums: str = NUM) -> None:
    abstract = f'<w:abstractNum w:abstractNumId="77">{levels}</w:abstractNum>'
    wrapped = parse_xml(f"<w:numbering {nsdecls('w')}>{abstract}{nums}</w:numbering>")
    for element in list(wrapped):
        document.part.numbering_part.element.append(element)


def numbered(levels: str, *body: str, nums: str = NUM) -> str:
    """Read a body under a list of its own: `levels` are its `w:lvl` elements."""
    document = docx.Document()
    numbering = document.part.numbering_part.element
    wrapped = parse_xml(
        f'<w:numbering {nsdecls("w")}><w:abstractNum w:abstractNumId="77">{levels}</w:abstractNum>{nums}</w:numbering>'
    )
    for element in list(wrapped):
        numbering.append(element)
    for xml in body:
        make.add_xml(document, xml)
    return read(make.docx_bytes(document)).text.removesuffix("\n")


def level(index: int, text: str, style: str = "decimal", more: str = "") -> str:
    number_format = f'<w:start w:val="1"/><w:numFmt w:val="{style}"/>{more}'
    return f'<w:lvl w:ilvl="{index}">{number_format}<w:lvlText w:val="{text}"/></w:lvl>'


def item(text: str, index: int = 0, num: int = 77) -> str:
    return p(r(text), properties=f'<w:numPr><w:ilvl w:val="{index}"/><w:numId w:val="{num}"/></w:numPr>')


def test_paragraphs_and_tables_come_in_body_order() -> None:
    document = docx.Document()
    document.add_heading("Invoice 17", 1)
    document.add_paragraph("Dear customer,")
    table = document.add_table(2, 3)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], "Item|Hours|a|b".split("|") + ["2", "3"], strict=True
    ):
        cell.text = text
    document.add_paragraph("Regards")
    expected = "# Invoice 17\n\nDear customer,\n\n| Item | Hours | a |\n| --- | --- | --- |\n| b | 2 | 3 |\n\nRegards\n"
    assert read(make.docx_bytes(document)).text == expected


def test_insertions_are_kept_and_deletions_dropped() -> None:
    assert (
        text_of(
            p(
                r("Rent is "),
                '<w:del w:id="1" w:author="a"><w:r><w:delText>100</w:delText></w:r></w:del>',
                f'<w:ins w:id="2" w:author="a">{r("200")}</w:ins>',
                f'<w:moveFrom w:id="3" w:author="a">{r(" moved away")}</w:moveFrom>',
                f'<w:moveTo w:id="4" w:author="a">{r(" EUR")}</w:moveTo>',
            ),
            tbl([p(r("a")), p(r("b"))], [p(r("c")), p(r("d"))]).replace(
                "</w:tbl>",
                tr(p(r("gone")), p(r("gone"))).replace(
                    "<w:tr>", "<w:tr><w:trPr><w:del w:id='5' w:author='a'/></w:trPr>"
                )
                + "</w:tbl>",
            ),
        )
        == "Rent is 200 EUR\n\n| a | b |\n| --- | --- |\n| c | d |"
    )


def test_a_deleted_paragraph_mark_joins_its_paragraphs() -> None:
    mark = '<w:rPr><w:del w:id="1" w:author="a"/></w:rPr>'
    assert text_of(p(r("one"), properties=mark), p(r(" line")), p(r("more"))) == "one line\n\nmore"


def test_no_paragraph_runs_on_past_its_cell_its_box_a_table_or_the_end() -> None:
    def open_ended(*runs: str) -> str:
        return p(*runs, properties='<w:rPr><w:del w:id="1" w:author="a"/></w:rPr>')

    box = f"<w:r><w:pict><v:textbox><w:txbxContent>{open_ended(r('boxed'))}</w:txbxContent></v:textbox></w:pict></w:r>"
    table = tbl([open_ended(r("a")), p(r("b"))], [p(r("c")), p(r("d"))])
    assert text_of(open_ended(r("one "), box), p(r("two")), open_ended(r("three")), table, open_ended(r("end"))) == (
        "boxed\n\none two\n\nthree\n\n| a | b |\n| --- | --- |\n| c | d |\n\nend"
    )


def test_controls_links_and_fields_show_their_content() -> None:
    field = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x</w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r("clause 4")}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    assert (
        text_of(
            f"<w:sdt><w:sdtContent>{p(r('control'))}</w:sdtContent></w:sdt>",
            p(
                f"<w:hyperlink>{r('link')}</w:hyperlink>",
                r(" and "),
                f"<w:sdt><w:sdtContent>{r('inline')}</w:sdtContent></w:sdt>",
            ),
            p(r("see "), field, f'<w:fldSimple w:instr="DATE">{r(", today")}</w:fldSimple>'),
        )
        == "control\n\nlink and inline\n\nsee clause 4, today"
    )


def test_a_field_without_an_end_does_not_swallow_the_rest() -> None:
    broken = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x</w:instrText></w:r>'
    assert text_of(p(r("before"), broken), p(r("after"))) == "before\n\nafter"


def test_text_boxes_stand_behind_their_paragraph_and_once() -> None:
    box = f"<w:txbxContent>{p(r('boxed'))}</w:txbxContent>"
    drawing = (
        "<w:r><mc:AlternateContent>"
        f'<mc:Choice Requires="wps"><w:drawing><wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice>'
        f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r>"
    )
    old = f"<w:r><w:pict><v:textbox><w:txbxContent>{p(r('old box'))}</w:txbxContent></v:textbox></w:pict></w:r>"
    assert text_of(p(r("anchor"), drawing), p(old), p(r("next"))) == "anchor\n\nboxed\n\nold box\n\nnext"


def test_special_characters_are_written_out() -> None:
    run = (
        "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t><w:softHyphen/><w:t>e</w:t>"
        '<w:sym w:font="Wingdings" w:char="F0FE"/><w:sym w:font="Arial" w:char="00E9"/></w:r>'
    )
    assert text_of(p(run)) == "a b\nc-de☑é"


def test_nested_tables_and_tables_for_layout_give_their_text_in_order() -> None:
    inner = tbl([p(r("x")), p(r("y"))], [p(r("1")), p(r("2"))])
    assert text_of(tbl([p(r("left")), p(r("right")) + inner], [p(r("below")), p()])) == (
        "left\n\nright\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\nbelow"
    )
    assert text_of(tbl([p(r("only")) + p(r("column"))], [p(r("here"))])) == "only\n\ncolumn\n\nhere"


def merged(properties: str, text: str) -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(r(text))}</w:tc>"


def plain(*texts: str) -> str:
    return "".join(f"<w:tc>{p(r(text))}</w:tc>" for text in texts)


WIDE, TALL, COVERED = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"


def table_of(*rows: str) -> str:
    return text_of(f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>")


def test_a_label_stands_in_every_cell_that_its_merged_cell_covers() -> None:
    text = table_of(
        plain("Region", "Item|s", "Price"),
        merged(TALL, "North") + plain("lamp", "2"),
        merged(COVERED, "under") + plain("bulb", "3"),
        merged(WIDE, "Total") + plain("5"),
    )
    head = "| Region | Item\\|s | Price |\n| --- | --- | --- |"
    assert text == f"{head}\n| North | lamp | 2 |\n| North | bulb | 3 |\n| Total | Total | 5 |"


def test_what_stands_under_a_merged_cell_is_hidden_text() -> None:
    row = plain("a", "b")
    data = make.docx_of(f"<w:tbl><w:tr>{row}</w:tr><w:tr>{merged(COVERED, 'under')}{plain('c')}</w:tr></w:tbl>")
    assert read(data).findings == (TextFinding("hidden-text", 5, "under a merged cell"),)


def test_a_figure_of_a_merged_cell_stands_once() -> None:
    text = table_of(
        plain("Item", "Price"), plain("lamp") + merged(TALL, "EUR 100.00"), plain("bulb") + merged(COVERED, "")
    )
    assert text == "| Item | Price |\n| --- | --- |\n| lamp | EUR 100.00 |\n| bulb |  |"


def test_nothing_is_repeated_in_a_form_where_no_row_fills_all_columns() -> None:
    text = table_of(merged(WIDE, "Name") + plain("Ann"), plain("Born") + merged(WIDE, "May"))
    assert text == "| Name |  | Ann |\n| --- | --- | --- |\n| Born | May |  |"


def test_a_cell_over_a_whole_row_and_columns_that_nothing_starts_in_stand_once() -> None:
    whole = '<w:gridSpan w:val="5"/>'
    row = merged(WIDE, "Law") + plain("England") + merged(WIDE, "x")
    text = table_of(row, merged(whole, "Key terms"), row)
    assert text == "| Law | England | x |\n| --- | --- | --- |\n| Key terms |  |  |\n| Law | England | x |"


def test_cells_over_the_whole_width_at_the_top_are_the_title_of_the_table() -> None:
    text = table_of(merged(WIDE, "Prices"), merged(WIDE, "in EUR"), plain("Item", "Price"), plain("lamp", "2"))
    assert text == "Prices\n\nin EUR\n\n| Item | Price |\n| --- | --- |\n| lamp | 2 |"


def test_cells_merged_the_old_way_are_read_alike() -> None:
    text = table_of(plain("a", "b"), merged('<w:hMerge w:val="restart"/>', "Sum") + merged("<w:hMerge/>", ""))
    assert text == "| a | b |\n| --- | --- |\n| Sum | Sum |"


def test_headers_and_footers_stand_once_without_page_numbers() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "ACME Ltd"
    footer = document.sections[0].footer
    footer.paragraphs[0].text = "IBAN DE89"
    number = f'<w:fldSimple w:instr=" PAGE ">{r("3")}</w:fldSimple>'
    count = f'<w:fldSimple w:instr="NUMPAGES">{r("9")}</w:fldSimple>'
    page = p(r("Page "), number, r(" of "), count).replace("<w:p>", f"<w:p {nsdecls('w')}>")
    footer._element.append(parse_xml(page))
    document.sections[0].first_page_header.paragraphs[0].text = "never printed"
    document.add_paragraph("body one")
    document.add_section()
    document.add_paragraph("body two")
    assert read(make.docx_bytes(document)).text == "ACME Ltd\n\nbody one\n\nbody two\n\nIBAN DE89\n"


def test_a_header_stands_before_the_first_section_that_prints_it_and_a_footer_behind_the_last() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Cover"
    document.sections[0].footer.paragraphs[0].text = "ACME Ltd"
    document.add_paragraph("body one")
    second = document.add_section()
    second.header.is_linked_to_previous = False
    second.header.paragraphs[0].text = "Terms"
    document.add_paragraph("body two")
    assert read(make.docx_bytes(document)).text == "Cover\n\nbody one\n\nTerms\n\nbody two\n\nACME Ltd\n"


def test_footnotes_are_marked_where_they_are_referred_to_and_stand_at_the_end() -> None:
    document = docx.Document()
    notes = f"<w:footnotes {nsdecls('w')}><w:footnote w:id='2'>{p(r('net of tax'))}</w:footnote></w:footnotes>"
    part = Part(PackURI("/word/footnotes.xml"), CONTENT_TYPE.WML_FOOTNOTES, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    make.add_xml(document, p(r("The fee"), '<w:r><w:footnoteReference w:id="2"/></w:r>', r(" is due.")) + p(r("End")))
    assert read(make.docx_bytes(document)).text == "The fee[^1] is due.\n\nEnd\n\n[^1]: net of tax\n"


def test_clauses_are_numbered_as_word_numbers_them() -> None:
    levels = level(0, "%1.") + level(1, "%1.%2") + level(2, "(%3)", "lowerLetter")
    body = [
        item("One"),
        item("Two"),
        item("Sub", 1),
        item("Deep", 2),
        item("Deep", 2),
        p(r("free")),
        item("Sub", 1),
        item("Deep", 2),
        item("Three"),
        item("Sub", 1),
    ]
    assert numbered(levels, *body).split("\n\n") == [
        "1. One", "2. Two", "2.1 Sub", "(a) Deep", "(b) Deep", "free", "2.2 Sub", "(a) Deep", "3. Three", "3.1 Sub",
    ]  # fmt: skip


def test_a_list_that_restarts_or_continues_does_so() -> None:
    nums = "".join(f'<w:num w:numId="{num}"><w:abstractNumId w:val="77"/>{override}</w:num>' for num, override in [
        (77, ""), (78, ""), (79, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'),
    ])  # fmt: skip
    body = [item("a"), item("b", num=78), item("c", num=79), item("d", num=79)]
    assert numbered(level(0, "%1."), *body, nums=nums).split("\n\n") == ["1. a", "2. b", "5. c", "6. d"]


def test_styles_bring_numbers_and_levels() -> None:
    style = (
        f'<w:style {nsdecls("w")} w:type="paragraph" w:styleId="Clause"><w:name w:val="Clause"/>'
        '<w:pPr><w:numPr><w:numId w:val="77"/></w:numPr></w:pPr></w:style>'
    )
    derived = (
        f'<w:style {nsdecls("w")} w:type="paragraph" w:styleId="Sub"><w:name w:val="Sub"/>'
        '<w:basedOn w:val="Clause"/></w:style>'
    )
    document = docx.Document()
    for xml in (style, derived):
        document.styles.element.append(parse_xml(xml))
    levels = level(0, "Article %1", "upperRoman", '<w:pStyle w:val="Clause"/>') + level(
        1, "%1.%2", "decimal", '<w:pStyle w:val="Sub"/><w:isLgl/>'
    )
    add_list(document, levels)
    clause, sub = '<w:pStyle w:val="Clause"/>', '<w:pStyle w:val="Sub"/>'
    unnumbered = clause + '<w:numPr><w:numId w:val="0"/></w:numPr>'
    for xml in (
        p(r("Term"), properties=clause),
        p(r("Fee"), properties=clause),
        p(r("Rate"), properties=sub),
        p(r("Note"), properties=unnumbered),
    ):
        make.add_xml(document, xml)
    assert read(make.docx_bytes(document)).text == "Article I Term\n\nArticle II Fee\n\n2.1 Rate\n\nNote\n"


def test_a_deeper_bullet_goes_in_by_one_step() -> None:
    levels = "".join(level(index, "o", "bullet") for index in range(4))
    body = [item("a", 2), item("b", 3), item("c", 0), item("d", 3), item("e", 1), p(r("end")), item("f", 1)]
    assert numbered(levels, *body) == "- a\n  - b\n- c\n  - d\n  - e\n\nend\n\n- f"


def test_a_bullet_that_is_a_box_says_whether_it_is_ticked() -> None:
    levels = level(0, "☒", "bullet") + level(1, "o", "bullet") + level(2, "%3", "decimalZero")
    wingdings = '<w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr></w:lvl>'
    levels += level(3, "\uf0a8", "bullet").replace("</w:lvl>", wingdings)
    assert numbered(levels, item("a"), item("b", 1), item("c", 2), item("d", 3)) == "- ☒ a\n  - b\n\n01 c\n\n- ☐ d"


def test_a_heading_has_no_bullet() -> None:
    heading = p(r("Scope"), properties='<w:pStyle w:val="Heading1"/><w:numPr><w:numId w:val="77"/></w:numPr>')
    assert numbered(level(0, "o", "bullet"), heading) == "# Scope"


def test_a_table_with_text_in_one_row_or_column_only_is_none() -> None:
    empty = p()
    assert text_of(tbl([p(r("a")), empty], [p(r("b")), empty])) == "a\n\nb"
    assert text_of(tbl([p(r("a")), p(r("b"))], [empty, empty])) == "a b"


def test_bullets_are_items() -> None:
    assert numbered(level(0, "\uf0b7", "bullet"), p(r("List:")), item("one"), item("two")) == "List:\n\n- one\n- two"


@pytest.mark.parametrize(
    ("value", "style", "written"),
    [
        (4, "decimal", "4"),
        (4, "decimalZero", "04"),
        (1999, "upperRoman", "MCMXCIX"),
        (14, "lowerRoman", "xiv"),
        (26, "upperLetter", "Z"),
        (28, "lowerLetter", "bb"),
        (22, "ordinal", "22nd"),
        (13, "ordinal", "13th"),
        (42, "cardinalText", "Forty-two"),
        (30, "ordinalText", "Thirtieth"),
        (3, "ordinalText", "Third"),
        (7, "none", ""),
        (27, "chineseCounting", "二十七"),
        (3, "upperLetterOfMars", "3"),
        (9999999, "upperRoman", "9999999"),
        (9999999, "lowerLetter", "9999999"),
        (5, "001, 002, 003, ...", "005"),
        (3, "russianUpper", "В"),
    ],
)
def test_numbers_are_written_in_words_formats(value: int, style: str, written: str) -> None:
    assert format_number(value, style) == written


def test_the_title_comes_from_the_properties() -> None:
    document = docx.Document()
    document.core_properties.title = "Lease"
    document.add_paragraph("text")
    assert read(make.docx_bytes(document)).title == "Lease"


def test_saving_again_changes_nothing() -> None:
    data = make.docx_of(p(r("This "), r("Agreement")), item("no list"))
    again = docx.Document(io.BytesIO(data))
    again.core_properties.author = "somebody else"
    for run in again.element.body.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}r"):
        run.set("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}rsidR", "00AB12CD")
    saved = make.docx_bytes(again)
    assert saved != data
    assert read(saved).content_hash == read(data).content_hash


def test_a_document_without_text_is_empty() -> None:
    with pytest.raises(EmptyDocument):
        read(make.docx_of(p(), p(r("  "))))
