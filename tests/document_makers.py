"""Real files for the tests of reading, made by the libraries that people make them with."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage

import docx
import pypdf
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

Drawing = Callable[[Canvas], object]


def pdf(*pages: Drawing, title: str = "") -> bytes:
    """Draw one page with each function."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    canvas.setTitle(title)
    for draw in pages:
        canvas.setFont("Helvetica", 10)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def lines(*texts: str, top: float = 800, left: float = 60) -> Drawing:
    """Draw lines of text one below the other."""

    def draw(canvas: Canvas) -> None:
        for number, text in enumerate(texts):
            canvas.drawString(left, top - 14 * number, text)

    return draw


def at(*pieces: tuple[float, float, str]) -> Drawing:
    """Draw pieces of text, each at (x, y); a negative x is where the text ends, as figures are set in columns."""

    def draw(canvas: Canvas) -> None:
        for x, y, text in pieces:
            (canvas.drawRightString if x < 0 else canvas.drawString)(abs(x), y, text)

    return draw


def picture(canvas: Canvas) -> None:
    """Draw a picture over the whole page, as a scanner does."""
    image = Image.new("L", (60, 84), 200)
    canvas.drawImage(ImageReader(image), 0, 0, 595, 842)


def encrypted(data: bytes, *, user: str, owner: str) -> bytes:
    """Put a PDF under passwords."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt(user, owner, algorithm="AES-256")
    return written(writer)


def rewritten(data: bytes) -> bytes:
    """Write a PDF again with another library: other object numbers, other metadata, other compression."""
    writer = pypdf.PdfWriter()
    for page in reversed(pypdf.PdfReader(io.BytesIO(data)).pages):
        writer.insert_page(page, 0)
    writer.add_metadata({"/Title": "another title", "/Producer": "another program"})
    return written(writer)


def written(writer: pypdf.PdfWriter) -> bytes:
    """Save a PDF into bytes."""
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def mail(text: str, attachments: Mapping[str, bytes] | None = None) -> bytes:
    """Write a mail with files attached to it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@example.com", "bob@example.com", "Invoice"
    message.set_content(text)
    for name, data in (attachments or {}).items():
        message.add_attachment(data, "application", "octet-stream", filename=name)
    return message.as_bytes()


def docx_bytes(document: Document) -> bytes:
    """Save a document into bytes."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def docx_of(*body: str) -> bytes:
    """Make a DOCX whose body is this WordprocessingML."""
    document = docx.Document()
    for xml in body:
        add_xml(document, xml)
    return docx_bytes(document)


def add_xml(document: Document, xml: str) -> None:
    """Append WordprocessingML to the body, before the section properties."""
    wrapped = parse_xml(f"<w:body {nsdecls('w', 'r', 'wp', 'a')} {MORE_NAMESPACES}>{xml}</w:body>")
    for element in list(wrapped):
        document.element.body.insert(len(document.element.body) - 1, element)


MORE_NAMESPACES = (
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)


def p(*runs: str, properties: str = "") -> str:
    """Write a paragraph of runs."""
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}{''.join(runs)}</w:p>"


def r(text: str, properties: str = "") -> str:
    """Write a run of text."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def tbl(*rows: Sequence[str]) -> str:
    """Write a table; each cell is the XML of its content."""
    return f"<w:tbl>{''.join(tr(*row) for row in rows)}</w:tbl>"


def tr(*cells: str) -> str:
    """Write a row of cells."""
    return "<w:tr>" + "".join(f"<w:tc>{cell}</w:tc>" for cell in cells) + "</w:tr>"


def with_parts(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Write a package again with these parts in place of its own of the same name, or beside them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        kept = {name: source.read(name) for name in source.namelist()}
        for name, content in {**kept, **parts}.items():
            target.writestr(name, content)
    return buffer.getvalue()


def part_of(data: bytes, name: str) -> bytes:
    """Take one part out of a package."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return source.read(name)
