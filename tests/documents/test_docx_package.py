import pytest
from document_makers import docx_of, p, part_of, r, tbl, with_parts
from docx.oxml.ns import nsdecls
from docx_texts import read

from kvprep.documents.base import Limits
from kvprep.documents.readers.docx import DocxReader
from kvprep.errors import DocumentError, NeedsOcr, OversizedDocument, ProtectedDocument, UnreadableDocument
from kvprep.types import Member

MAIN, RELATIONS = "word/document.xml", "word/_rels/document.xml.rels"
PLAIN = docx_of(p(r("text")))


def main_part(body: str, before: str = "") -> bytes:
    return f'<?xml version="1.0"?>{before}<w:document {nsdecls("w")}><w:body>{body}</w:body></w:document>'.encode()


def with_relation(data: bytes, kind: str, target: str, more: str = "") -> bytes:
    relation = f'<Relationship Id="rId99" Type="http://x.test/{kind}" Target="{target}" {more}/>'
    relations = part_of(data, RELATIONS).replace(b"</Relationships>", f"{relation}</Relationships>".encode())
    return with_parts(data, {RELATIONS: relations})


def test_the_strict_schema_is_read_like_the_transitional_one() -> None:
    data = docx_of(
        p(r("Rent"), properties='<w:pStyle w:val="Heading1"/>'), tbl([p(r("a")), p(r("b"))], [p(), p(r("c"))])
    )
    strict = {
        name: part_of(data, name).replace(
            b"http://schemas.openxmlformats.org/%b/2006/" % space, b"http://purl.oclc.org/ooxml/%b/" % space
        )
        for name in (MAIN, RELATIONS, "_rels/.rels", "word/styles.xml")
        for space in (b"wordprocessingml",)
    }
    strict |= {
        name: content.replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/", b"http://purl.oclc.org/ooxml/officeDocument/"
        )
        for name, content in strict.items()
    }
    assert b"purl.oclc.org" in strict[MAIN]
    assert read(with_parts(data, strict)).text == read(data).text != ""


def test_only_the_names_of_the_strict_schema_change_never_the_text() -> None:
    name = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    strict = main_part(p(r(f"see {name}"))).replace(
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main", name.encode()
    )
    assert read(with_parts(PLAIN, {MAIN: strict})).text == f"see {name}\n"


@pytest.mark.parametrize("target", ["NULL", "missing.xml", "../../../etc/passwd", "%00", ""])
def test_a_relation_that_leads_nowhere_costs_nothing(target: str) -> None:
    assert read(with_relation(PLAIN, "image", target)).text == "text\n"


def test_what_lies_outside_of_the_package_is_not_fetched() -> None:
    body = p('<w:hyperlink r:id="rId99"><w:r><w:t>link</w:t></w:r></w:hyperlink>')
    sections = '<w:sectPr><w:headerReference w:type="default" r:id="rId99"/></w:sectPr>'
    data = with_parts(
        PLAIN, {MAIN: main_part(body + sections).replace(b"<w:document", b"<w:document " + nsdecls("r").encode())}
    )
    outside = with_relation(data, "header", "http://127.0.0.1:1/header.xml", 'TargetMode="External"')
    assert read(outside).text == "link\n"


def test_parts_are_found_whatever_their_case_and_slashes() -> None:
    relations = part_of(PLAIN, "_rels/.rels").replace(b"word/document.xml", b"\\WORD\\Document.XML")
    assert read(with_parts(PLAIN, {"_rels/.rels": relations})).text == "text\n"


def test_a_template_with_macros_is_read_whatever_type_it_declares() -> None:
    types = part_of(PLAIN, "[Content_Types].xml").replace(
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b"application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    )
    assert read(with_parts(PLAIN, {"[Content_Types].xml": types})).text == "text\n"


def test_missing_styles_numbers_and_settings_are_no_trouble() -> None:
    bare = with_parts(
        PLAIN, {RELATIONS: b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>'}
    )
    numbered = p(r("text"), properties='<w:pStyle w:val="No"/><w:numPr><w:numId w:val="4"/></w:numPr>')
    assert read(with_parts(bare, {MAIN: main_part(numbered)})).text == "text\n"


def test_pictures_without_text_need_ocr() -> None:
    with pytest.raises(NeedsOcr):
        read(with_relation(docx_of(p()), "image", "media/scan.png"))


def test_every_body_of_a_part_with_several_is_read() -> None:
    body = f"{p(r('one'))}</w:body><w:body>{p(r('two'))}"
    assert read(with_parts(PLAIN, {MAIN: main_part(body)})).text == "one\n\ntwo\n"


def test_broken_metadata_cost_the_title_only() -> None:
    result = read(with_parts(PLAIN, {"docProps/core.xml": b"<broken"}))
    assert (result.text, result.title) == ("text\n", "text")


def test_embedded_files_are_listed() -> None:
    data = with_parts(
        with_relation(PLAIN, "package", "embeddings/prices.xlsx"), {"word/embeddings/prices.xlsx": b"x" * 9}
    )
    assert read(data).members == (Member("prices.xlsx", 9),)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:2000],
        with_parts(PLAIN, {MAIN: b"<w:document"}),
        with_parts(PLAIN, {MAIN: b""}),
        with_parts(PLAIN, {"word/styles.xml": b"\x00"}),
        with_parts(PLAIN, {"_rels/.rels": b"<r/>", MAIN: b"<a>" * 10_000 + b"</a>" * 10_000}),
        with_parts(PLAIN, {MAIN: main_part("<w:sdt><w:sdtContent>" * 5000 + "</w:sdtContent></w:sdt>" * 5000)}),
    ],
)
def test_a_broken_package_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableDocument):
        DocxReader().read(data, Limits())


@pytest.mark.parametrize("end", [50, 400, 900, -200, -30])
def test_a_package_cut_anywhere_has_a_named_outcome(end: int) -> None:
    with pytest.raises(DocumentError):
        read(PLAIN[:end])


def test_a_part_under_a_password_is_named_so() -> None:
    data = bytearray(with_parts(PLAIN, {}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + flags] |= 1
            place = data.find(mark, place + 1)
    with pytest.raises(ProtectedDocument):
        DocxReader().read(bytes(data), Limits())


def with_entities(entities: str, text: str) -> bytes:
    body = p(f"<w:r><w:t>{text}</w:t></w:r>")
    return with_parts(PLAIN, {MAIN: main_part(body, f"<!DOCTYPE d [{entities}]>")})


def test_a_part_that_declares_entities_is_unreadable() -> None:
    entities = '<!ENTITY inner "INNER"><!ENTITY file SYSTEM "file:///etc/passwd">'
    with pytest.raises(UnreadableDocument, match="document type"):
        read(with_entities(entities, "before &inner; &file;"))


def test_a_bomb_of_entities_is_unreadable() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(UnreadableDocument):
        read(with_entities(f'<!ENTITY l0 "ha">{laughs}', "&l9;"))


def test_a_zip_bomb_is_too_large_before_it_is_unpacked() -> None:
    bomb = with_parts(PLAIN, {MAIN: bytes(64 << 20)})
    assert len(bomb) < 1 << 20
    with pytest.raises(OversizedDocument):
        DocxReader().read(bomb, Limits(expanded_bytes=32 << 20))


def test_pictures_are_not_unpacked() -> None:
    data = with_parts(PLAIN, {"word/media/image1.png": bytes(2 << 20)})
    assert DocxReader().read(data, Limits(expanded_bytes=1 << 20)).blocks


def test_a_table_of_a_hundred_thousand_cells_is_read() -> None:
    rows = "".join(
        f"<w:tr>{''.join(f'<w:tc>{p(r(str(column)))}</w:tc>' for column in range(10))}</w:tr>" for _ in range(10_000)
    )
    text = read(with_parts(PLAIN, {MAIN: main_part(f"<w:tbl>{rows}</w:tbl>")})).text
    assert text.count("| 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |\n") == 10_000


def test_a_row_wider_than_any_table_gives_its_text() -> None:
    wide = "".join(f"<w:tc>{p(r('w'))}</w:tc>" for _ in range(5000))
    narrow = f"<w:tr><w:tc>{p(r('n'))}</w:tc></w:tr>" * 5000
    text = read(with_parts(PLAIN, {MAIN: main_part(f"<w:tbl><w:tr>{wide}</w:tr>{narrow}</w:tbl>")})).text
    assert (text.count("w"), text.count("n"), text.count("|")) == (5000, 5000, 0)


def test_merged_cells_cannot_make_a_table_of_blanks() -> None:
    cell = f'<w:tc><w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr>{p(r("x"))}</w:tc>'
    text = read(with_parts(PLAIN, {MAIN: main_part(f"<w:tbl>{f'<w:tr>{cell * 3}</w:tr>' * 1000}</w:tbl>")})).text
    assert text.count("x") == 3000
    assert len(text) < 20_000


def test_tables_within_tables_are_read_as_deep_as_xml_may_go() -> None:
    def nested(depth: int) -> str:
        return tbl([p(r(f"level {depth}")) + (nested(depth - 1) if depth else "")])

    assert read(with_parts(PLAIN, {MAIN: main_part(nested(70))})).text.count("level") == 71
