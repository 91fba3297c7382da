import docx
import pytest
from document_makers import add_xml, docx_bytes, docx_of, p, part_of, r, with_parts
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx_texts import read, text_of

from kvprep.types import TextFinding

HIDDEN_MARK = "<w:rPr><w:vanish/><w:specVanish/></w:rPr>"


def char(kind: str, data: str = "", properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:fldChar w:fldCharType="{kind}">{data}</w:fldChar></w:r>'


def code(text: str) -> str:
    return f"<w:r><w:instrText>{text}</w:instrText></w:r>"


def form_field(data: str) -> str:
    return char("begin", f"<w:ffData>{data}</w:ffData>") + code("FORM") + char("end")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("<w:checkBox><w:default w:val='0'/></w:checkBox>", "☐"),
        ("<w:checkBox><w:default w:val='1'/></w:checkBox>", "☒"),
        ("<w:checkBox><w:default w:val='1'/><w:checked w:val='0'/></w:checkBox>", "☐"),
        ("<w:checkBox><w:checked/></w:checkBox>", "☒"),
        ("<w:ddList><w:result w:val='1'/><w:listEntry w:val='net'/><w:listEntry w:val='gross'/></w:ddList>", "gross"),
        ("<w:ddList><w:listEntry w:val='net'/></w:ddList>", "net"),
        ("<w:ddList><w:result w:val='9'/><w:listEntry w:val='net'/></w:ddList>", ""),
        ("<w:textInput/>", ""),
    ],
)
def test_old_form_fields_show_their_box_or_their_choice(data: str, shown: str) -> None:
    assert text_of(p(r("a:"), form_field(data), r(";"))) == f"a:{shown};"


def test_the_code_of_a_field_is_never_shown_nor_a_field_inside_it() -> None:
    inner = char("begin") + code("MERGEFIELD x") + char("separate") + r("inner") + char("end")
    field = char("begin") + code("IF ") + inner + code(" = 1") + char("separate") + r("outer") + char("end")
    assert text_of(p(r("a "), field, r(" b"))) == "a outer b"


def test_a_field_goes_on_over_paragraphs() -> None:
    assert text_of(
        p(char("begin"), code("TOC"), char("separate"), r("one 1")), p(r("two 2"), char("end")), p(r("text"))
    ) == ("one 1\n\ntwo 2\n\ntext")


def test_the_marks_of_a_field_count_also_where_they_are_hidden() -> None:
    field = char("begin") + code("REF x") + char("separate", properties="<w:vanish/>") + r("shown")
    assert text_of(p(field, char("end", properties="<w:vanish/>"), r(" on"))) == "shown on"


def test_symbol_fonts_show_what_they_draw() -> None:
    fonts = '<w:rFonts w:ascii="{0}" w:hAnsi="{0}"/>'
    assert text_of(
        p(
            r("x \uf0a3 m", fonts.format("Symbol")),
            r(" \uf0fc o ", fonts.format("Wingdings")),
            r("\uf0a3", fonts.format("Wingdings 2")),
            '<w:r><w:sym w:font="Symbol" w:char="F0B3"/><w:sym w:font="Wingdings" w:char="F0E0"/></w:r>',
            '<w:r><w:sym w:font="Symbol" w:char="no number"/><w:sym w:font="Wingdings" w:char="F021"/></w:r>',
        )
    ) == ("ξ ≤ μ ✓ ☐ ☐≥→\uf021")


def test_readings_above_characters_follow_in_brackets() -> None:
    ruby = f"<w:ruby><w:rt>{r('かんじ')}</w:rt><w:rubyBase>{r('漢字')}</w:rubyBase></w:ruby>"
    assert text_of(p(r("a "), f"<w:r>{ruby}</w:r>", r(" b"))) == "a 漢字(かんじ) b"


def test_a_paragraph_whose_mark_is_hidden_goes_on_in_the_next() -> None:
    heading = '<w:pStyle w:val="Heading2"/>' + HIDDEN_MARK
    assert text_of(p(r("Rent."), properties=heading), p(r("The tenant pays.")), p(r("Next"))) == (
        "Rent. The tenant pays.\n\nNext"
    )


def test_a_large_first_letter_belongs_to_its_word() -> None:
    assert text_of(p(r("D"), properties='<w:framePr w:dropCap="drop"/>'), p(r("rop cap"))) == "Drop cap"
    assert text_of(p(r("D"), properties='<w:framePr w:dropCap="none"/>'), p(r("rop cap"))) == "D\n\nrop cap"


def test_a_symbol_of_the_newer_kind_is_read_from_its_choice() -> None:
    space = 'xmlns:w16se="http://schemas.microsoft.com/office/word/2015/wordml/symex"'
    symbol = f'<w16se:symEx {space} w16se:font="Segoe UI Emoji" w16se:char="1F60A"/>'
    choice = f'<mc:Choice Requires="w16se">{symbol}</mc:Choice><mc:Fallback><w:t>☺</w:t></mc:Fallback>'
    assert text_of(p(f"<w:r><mc:AlternateContent>{choice}</mc:AlternateContent></w:r>")) == "\U0001f60a"


def test_a_paragraph_hidden_as_a_whole_is_not_numbered() -> None:
    document = docx.Document()
    levels = '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    abstract = f'<w:abstractNum w:abstractNumId="77">{levels}</w:abstractNum>'
    num = '<w:num w:numId="77"><w:abstractNumId w:val="77"/></w:num>'
    for element in list(parse_xml(f"<w:numbering {nsdecls('w')}>{abstract}{num}</w:numbering>")):
        document.part.numbering_part.element.append(element)
    item = '<w:numPr><w:numId w:val="77"/></w:numPr>'
    for paragraph in (
        p(r("One"), properties=item),
        p(r("gone", "<w:vanish/>"), properties=item + HIDDEN_MARK),
        p(r("Two"), properties=item),
    ):
        add_xml(document, paragraph)
    assert read(docx_bytes(document)).text == "1. One\n\n2. Two\n"


def test_blanks_part_words_whatever_their_size_and_colour() -> None:
    result = read(docx_of(p(r("two"), r(" ", '<w:color w:val="FFFFFF"/><w:sz w:val="2"/>'), r("words"))))
    assert (result.text, result.findings) == ("two words\n", ())


def test_a_box_is_read_also_where_the_run_that_holds_it_has_no_colour() -> None:
    box = f"<w:pict><v:textbox><w:txbxContent>{p(r('boxed'))}</w:txbxContent></v:textbox></w:pict>"
    run = f'<w:r><w:rPr><w:color w:val="FFFFFF"/></w:rPr><w:t>white</w:t>{box}</w:r>'
    assert text_of(p(run)) == "boxed"
    assert text_of(p(run.replace('<w:color w:val="FFFFFF"/>', "<w:vanish/>"), r("a"))) == "a"


def test_tracked_changes_comments_and_imported_files_are_reported() -> None:
    inserted = f'<w:ins w:id="1">{r("new")}</w:ins><w:moveTo w:id="2">{r(" moved")}</w:moveTo>'
    deleted = '<w:del w:id="3"><w:r><w:delText>x</w:delText></w:r></w:del>'
    data = docx_of(p(inserted, deleted), '<w:altChunk r:id="rId77"/>')
    comments = f"<w:comments {nsdecls('w')}><w:comment w:id='0'>{p(r('why?'))}</w:comment></w:comments>"
    relation = '<Relationship Id="rId78" Type="http://x.test/comments" Target="comments.xml"/></Relationships>'
    relations = "word/_rels/document.xml.rels"
    parts = {
        "word/comments.xml": comments.encode(),
        relations: part_of(data, relations).replace(b"</Relationships>", relation.encode()),
    }
    result = read(with_parts(data, parts))
    assert result.text == "new moved\n"
    assert result.findings == (
        TextFinding("tracked-changes", 2, "insertions, kept"),
        TextFinding("tracked-changes", 1, "deletions, left out"),
        TextFinding("comments", 1, "left out"),
        TextFinding("unread-part", 1, "files that Word imports into the text"),
    )
