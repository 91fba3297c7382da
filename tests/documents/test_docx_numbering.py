import document_makers as make
import docx
import pytest
from document_makers import p, r
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx_texts import read

from kvprep.documents.readers.number_formats import format_number

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


def test_a_level_restarts_after_the_level_that_it_names_or_never() -> None:
    levels = level(0, "%1.") + level(1, "%1.%2") + level(2, "(%3)", more='<w:lvlRestart w:val="1"/>')
    body = [item("a"), item("b", 1), item("c", 2), item("d", 1), item("e", 2), item("f"), item("g", 2)]
    assert numbered(levels, *body).split("\n\n")[2:] == ["(1) c", "1.2 d", "(2) e", "2. f", "(1) g"]
    never = level(0, "%1.") + level(1, "(%2)", more='<w:lvlRestart w:val="0"/>')
    assert numbered(never, item("a"), item("b", 1), item("c"), item("d", 1)).split("\n\n")[3] == "(2) d"


def test_a_list_may_write_a_level_its_own_way() -> None:
    own = f'<w:lvlOverride w:ilvl="0">{level(0, "§ %1", "upperRoman")}</w:lvlOverride>'
    nums = NUM + f'<w:num w:numId="78"><w:abstractNumId w:val="77"/>{own}</w:num>'
    assert numbered(level(0, "%1."), item("a"), item("b", num=78), nums=nums) == "1. a\n\n§ II b"


def test_a_list_takes_its_levels_from_the_list_style_that_it_names() -> None:
    document = docx.Document()
    linked = f'<w:abstractNum w:abstractNumId="88"><w:styleLink w:val="Law"/>{level(0, "Art. %1")}</w:abstractNum>'
    naming = '<w:abstractNum w:abstractNumId="77"><w:numStyleLink w:val="Law"/></w:abstractNum>'
    for element in list(parse_xml(f"<w:numbering {nsdecls('w')}>{linked}{naming}{NUM}</w:numbering>")):
        document.part.numbering_part.element.append(element)
    make.add_xml(document, item("Scope"))
    assert read(make.docx_bytes(document)).text == "Art. 1 Scope\n"


def test_a_format_of_newer_words_is_read_from_its_choice() -> None:
    choice = '<mc:Choice Requires="w14"><w:numFmt w:val="custom" w:format="001, 002, 003, ..."/></mc:Choice>'
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    fallback = "<mc:Fallback><w:numFmt w:val='decimal'/></mc:Fallback>"
    newer = f"<mc:AlternateContent {space}>{choice}{fallback}</mc:AlternateContent>"
    levels = f'<w:lvl w:ilvl="0"><w:start w:val="7"/>{newer}<w:lvlText w:val="%1"/></w:lvl>'
    assert numbered(levels, item("a")) == "007 a"


def test_a_hidden_label_and_one_of_no_text_are_counted_and_not_shown() -> None:
    hidden = level(1, "(%2)").replace("</w:lvl>", "<w:rPr><w:vanish/></w:rPr></w:lvl>")
    levels = level(0, "", "none") + hidden + level(2, "%2.%3")
    assert numbered(levels, item("a"), item("b", 1), item("c", 2)) == "a\n\nb\n\n1.1 c"


@pytest.mark.parametrize("start", ["-5", "x", "99999999999999999999999", "1000000000"])
def test_nonsense_in_a_list_is_no_trouble(start: str) -> None:
    levels = level(0, "%1." + "%1" * 500, "upperLetter").replace('w:start w:val="1"', f'w:start w:val="{start}"')
    assert len(numbered(levels, item("a"))) < 600
