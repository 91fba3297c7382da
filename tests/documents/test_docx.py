import io

import document_makers as make
import docx
import pytest
from document_makers import p, r, tbl, tr
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx_texts import read, text_of

from kvprep.errors import EmptyDocument


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


def test_the_title_comes_from_the_properties() -> None:
    document = docx.Document()
    document.core_properties.title = "Lease"
    document.add_paragraph("text")
    assert read(make.docx_bytes(document)).title == "Lease"


def test_saving_again_changes_nothing() -> None:
    data = make.docx_of(p(r("This "), r("Agreement")), p(r("no list")))
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
