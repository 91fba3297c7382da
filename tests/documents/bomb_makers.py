"""Small files that would like to become large, slow or curious; each is made of a few lines and says what it does."""

import base64
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable

import document_makers as make
import sheet_makers as sheets

MIB = 1 << 20
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

# PDF


def pdf_of(*objects: str | bytes, root: int = 1) -> bytes:
    """A PDF of these objects, numbered from 1, with a right table of them."""
    body, starts = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        starts.append(len(body))
        body += b"%d 0 obj\n" % number + (content.encode() if isinstance(content, str) else content) + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, root, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


def stream(data: bytes, entries: str = "") -> bytes:
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


CATALOG = "<< /Type /Catalog /Pages 2 0 R >>"
PAGES = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def page(media_box: str = "0 0 595 842") -> str:
    resources = "/Resources << /Font << /F 5 0 R >> /XObject << /X 6 0 R >> >>"
    return f"<< /Type /Page /Parent 2 0 R /MediaBox [{media_box}] /Contents 4 0 R {resources} >>"


def pdf_page(contents: bytes, *more: str | bytes, media_box: str = "0 0 595 842") -> bytes:
    """One page with these contents, a stream; more objects are numbered from 6."""
    return pdf_of(CATALOG, PAGES, page(media_box), contents, FONT, *more)


def deflated(piece: bytes, num_bytes: int, rounds: int = 1) -> bytes:
    """One piece over and over, so many bytes of it, deflated once or more."""
    packer, pieces = zlib.compressobj(1), piece * (MIB // len(piece))
    data = b"".join(packer.compress(pieces) for _ in range(num_bytes // MIB)) + packer.flush()
    for _ in range(rounds - 1):
        data = zlib.compress(data)
    return data


def zlib_pdf() -> bytes:
    """A content stream of 600 MiB of blanks in a few hundred bytes."""
    filters = "/Filter [/FlateDecode /FlateDecode /FlateDecode]"
    return pdf_page(stream(deflated(b" ", 600 * MIB, rounds=3), filters))


def zlib_pdf_text() -> bytes:
    """A page that draws 20 million letters."""
    return pdf_page(stream(deflated(b"BT /F 1 Tf (%s) Tj ET\n" % (b"a" * 1002), 20 * MIB), "/Filter /FlateDecode"))


def lzw_of_blanks(rounds: int) -> bytes:
    """LZW codes for 7.4 MB of blanks a round: each code stands for one blank more than the one before.

    `rounds` is a multiple of eight, so that they end with a byte.
    """
    bits, length = 0, 0
    for known, code in enumerate([32, *range(258, 4094), 256], 257):
        width = 9 if known < 511 else 10 if known < 1023 else 11 if known < 2047 else 12
        bits, length = bits << width | code, length + width
    eight = sum(bits << length * number for number in range(8))
    return eight.to_bytes(length, "big") * (rounds // 8)


def lzw_pdf() -> bytes:
    """A content stream of half a gigabyte of blanks."""
    return pdf_page(stream(lzw_of_blanks(72), "/Filter /LZWDecode"))


def page_cycle_pdf() -> bytes:
    """Pages that contain themselves."""
    return pdf_of(CATALOG, "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >>", "<< /Type /Pages /Kids [2 0 R] >>")


def kids_pdf(num_kids: int, count: int) -> bytes:
    """One page a million times, under whatever number the tree gives."""
    kids = "3 0 R " * num_kids
    return pdf_of(CATALOG, f"<< /Type /Pages /Kids [{kids}] /Count {count} >>", page(), stream(b""), FONT)


def forms_pdf(depth: int, width: int) -> bytes:
    """A drawing that draws another one ten times, which draws another one ten times, and so on."""
    forms = [
        stream(
            b"/X Do " * width,
            f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {n} 0 R >> >>",
        )
        for n in range(7, 7 + depth)
    ]
    last = stream(b"BT /F 9 Tf (a) Tj ET", "/Type /XObject /Subtype /Form /BBox [0 0 9 9]")
    return pdf_page(stream(b"/X Do"), *forms, last)


def form_cycle_pdf() -> bytes:
    """A drawing that draws itself."""
    entries = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>"
    return pdf_page(stream(b"/X Do"), stream(b"/X Do /X Do", entries))


def nested_pdf() -> bytes:
    """An array in an array, a million times."""
    return pdf_page(stream(b"BT /F 9 Tf (a) Tj ET"), "[" * MIB + "]" * MIB)


def previous_cycle_pdf() -> bytes:
    """A table of objects whose predecessor is itself."""
    data = pdf_page(stream(b"BT /F 9 Tf (text) Tj ET"))
    start = data[data.rindex(b"startxref\n") + 10 :].split(b"\n")[0]
    return data.replace(b"/Root", b"/Prev " + start + b" /Root")


def attached_pdf(num_names: int, embedded: bytes) -> bytes:
    """One embedded file under many names."""
    text = stream(b"BT /F 9 Tf 1 0 0 1 50 50 Tm (text) Tj ET")
    names = f"<< /Names [{' '.join(f'(a{number}) 7 0 R' for number in range(num_names))}] >>"
    file = "<< /Type /Filespec /F (factur-x.xml) /UF (factur-x.xml) /EF << /F 8 0 R >> >>"
    catalog = "<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles 6 0 R >> >>"
    return pdf_of(catalog, PAGES, page(), text, FONT, names, file, embedded)


def scattered_pdf(num_letters: int) -> bytes:
    """Letters at any place of a page."""
    chance = random.Random(7)
    places = (f"1 0 0 1 {chance.random() * 595:.1f} {chance.random() * 842:.1f} Tm (a) Tj" for _ in range(num_letters))
    return pdf_page(stream(f"BT /F 9 Tf {' '.join(places)} ET".encode()))


# Zip packages


def zip_of(parts: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, data in parts:
            package.writestr(name, data)
    return buffer.getvalue()


def replaced(package: bytes, name: str, data: bytes) -> bytes:
    """A package with another content of one part, or with one part more."""
    with zipfile.ZipFile(io.BytesIO(package)) as old:
        kept = [(info.filename, old.read(info)) for info in old.infolist() if info.filename != name]
    return zip_of([*kept, (name, data)])


def docx_part(name: str, data: bytes) -> bytes:
    return replaced(make.docx_of(make.p(make.r("text"))), name, data)


def docx_body(xml: str, doctype: str = "") -> bytes:
    """A DOCX whose body is this, unchecked."""
    document = f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{WORD}"><w:body>{xml}</w:body></w:document>'
    return docx_part("word/document.xml", document.encode())


def blank_docx() -> bytes:
    """A body of 100 MiB of blanks."""
    return docx_body("<w:p><w:r><w:t>" + " " * (100 * MIB) + "</w:t></w:r></w:p>")


def lying_docx() -> bytes:
    """The same, with a directory that says it were small."""
    data = bytearray(docx_body("<w:p/>" + " " * (100 * MIB)))
    start = data.index(b"PK\x01\x02")
    while data[start : start + 4] == b"PK\x01\x02":
        lengths = struct.unpack_from("<HHH", data, start + 28)
        if data[start + 46 : start + 46 + lengths[0]] == b"word/document.xml":
            struct.pack_into("<I", data, start + 24, 1000)
        start += 46 + sum(lengths)
    return bytes(data)


def overlapping_docx(num_entries: int = 2000) -> bytes:
    """A directory whose entries all lead to the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b" " * MIB)
        first = package.infolist()[0]
        for number in range(num_entries):
            more = zipfile.ZipInfo(f"word/{number}.xml" if number else "[Content_Types].xml")
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset"):
                setattr(more, field, getattr(first, field))
            package.filelist.append(more)
            package.NameToInfo[more.filename] = more
    return buffer.getvalue()


def many_entries_docx() -> bytes:
    """A directory of 20,000 empty parts."""
    return replaced(zip_of((f"word/{number}", b"") for number in range(20_000)), "[Content_Types].xml", b"")


def numbered_docx() -> bytes:
    """Fifty paragraphs with Roman numbers from two billion on."""
    level = (
        '<w:lvl w:ilvl="0"><w:start w:val="2000000000"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1."/></w:lvl>'
    )
    numbering = (
        f'<w:numbering xmlns:w="{WORD}"><w:abstractNum w:abstractNumId="0">{level}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    properties = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    body = docx_body(make.p(make.r("text"), properties=properties) * 50)
    return replaced(body, "word/numbering.xml", numbering.encode())


def style_cycle_docx() -> bytes:
    """Two styles, each based on the other."""
    styles = "".join(
        f"<w:style w:styleId='{name}' w:type='paragraph'><w:basedOn w:val='{base}'/></w:style>"
        for name, base in (("A", "B"), ("B", "A"))
    )
    body = docx_body(make.p(make.r("text"), properties="<w:pStyle w:val='A'/>"))
    return replaced(body, "word/styles.xml", f"<w:styles xmlns:w='{WORD}'>{styles}</w:styles>".encode())


# XML


def laughs(root: str, entities: int = 10, width: int = 10) -> str:
    """A document type whose last entity is ten billion laughs."""
    lines = ["<!ENTITY e0 'ha'>"]
    lines += [f"<!ENTITY e{n} '{f'&e{n - 1};' * width}'>" for n in range(1, entities + 1)]
    return f"<!DOCTYPE {root} [{''.join(lines)}]>"


def external(root: str, url: str) -> str:
    """A document type with one entity, and itself, from elsewhere."""
    return f'<!DOCTYPE {root} SYSTEM "{url}" [<!ENTITY e10 SYSTEM "{url}"><!ENTITY % p SYSTEM "{url}"> %p;]>'


# Sheets


def far_cell_xlsx() -> bytes:
    """Two cells, at opposite corners of a sheet."""
    return sheets.xlsx(
        f'<worksheet xmlns="{sheets.MAIN}"><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
    )


def wide_xlsx() -> bytes:
    """A sheet of 100 MiB of cells."""
    row = '<row><c t="inlineStr"><is><t>' + "x" * (20 * MIB) + "</t></is></c></row>"
    return sheets.xlsx(f'<worksheet xmlns="{sheets.MAIN}"><sheetData>{row * 5}</sheetData></worksheet>')


def merged_xlsx() -> bytes:
    """One cell over the whole sheet, and ten thousand cells over each other."""
    whole = '<mergeCell ref="A1:XFD1048576"/>' + "".join(f'<mergeCell ref="A1:XFD{n}"/>' for n in range(1, 10_000))
    return sheets.xlsx(
        f'<worksheet xmlns="{sheets.MAIN}"><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>'
        f"<mergeCells>{whole}</mergeCells></worksheet>"
    )


# Mail


def nested_mail(depth: int) -> bytes:
    """A mail in a mail in a mail."""
    data = b"Subject: innermost\nMIME-Version: 1.0\n\ntext\n"
    outer = b"".join(b"Subject: %d\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n" % n for n in range(depth))
    return outer + data


def mixed_mail(parts: Iterable[bytes], boundary: bytes = b"=_7") -> bytes:
    head = b'From: a@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="' + boundary + b'"\n\n'
    return head + b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts) + b"--" + boundary + b"--\n"


def attached(name: str, data: bytes) -> bytes:
    fields = (
        "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{name}"\n\n'
    )
    return fields.encode() + base64.encodebytes(data)
