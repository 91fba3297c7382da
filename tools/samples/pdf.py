"""Three producers of PDF: reportlab with a built-in or an embedded font, and one written by hand.

Streams are not compressed, since zlib's builds compress the same bytes differently.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import reportlab
from reportlab import rl_config
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from tools.samples.layout import PAGE_HEIGHT, PAGE_WIDTH, TIMES, Face, Rule, Run

Pages = Sequence[Sequence[Run | Rule]]


def embed_vera() -> Face:
    """Register the TrueType fonts that come with reportlab, and give their names."""
    fonts = Path(reportlab.__file__).parent / "fonts"
    registerFont(TTFont("Vera", fonts / "Vera.ttf"))
    registerFont(TTFont("Vera-Bold", fonts / "VeraBd.ttf"))
    return Face("Vera", "Vera-Bold")


def reportlab_pdf(pages: Pages, *, face: Face, title: str, author: str, password: str = "") -> bytes:
    """Print with reportlab, in the order of the text; a `password` locks the file."""
    rl_config.useA85 = 0
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(PAGE_WIDTH, PAGE_HEIGHT), pageCompression=0, invariant=1)
    if password:
        canvas.setEncrypt(StandardEncryption(password, "owner of a sample", strength=128))
    canvas.setTitle(title)
    canvas.setAuthor(author)
    for page in pages:
        for item in page:
            _draw(canvas, item, face)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, item: Run | Rule, face: Face) -> None:
    if isinstance(item, Rule):
        canvas.setLineWidth(0.4)
        canvas.line(item.x, item.y, item.end, item.y)
        return
    canvas.setFont(face.font(item.bold), item.size)
    draw = canvas.drawRightString if item.right else canvas.drawString
    draw(item.x, item.y, item.text)


def handmade_pdf(pages: Pages, *, title: str, producer: str) -> bytes:
    """Print as another program would: other fonts, older syntax, word by word, and the last word of a page first."""
    num_pages = len(pages)
    kids = " ".join(f"{5 + 2 * index} 0 R" for index in range(num_pages))
    fonts = [
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{f} /Encoding /WinAnsiEncoding >>"
        for f in (TIMES.regular, TIMES.bold)
    ]
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {num_pages} >>", *fonts]
    for index, page in enumerate(pages):
        box = f"[0 0 {PAGE_WIDTH:.2f} {PAGE_HEIGHT:.2f}]"
        resources = "<< /Font << /R 3 0 R /B 4 0 R >> >>"
        contents = f"/Contents {6 + 2 * index} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources {resources} {contents} >>")
        stream = _content(page)
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) /Producer ({producer}) /CreationDate (D:20250402081500Z) >>")
    return _file(objects)


def _content(page: Sequence[Run | Rule]) -> str:
    words = [word for item in page if isinstance(item, Run) for word in _words(item)]
    rules = [f"{r.x:.2f} {r.y:.2f} m {r.end:.2f} {r.y:.2f} l S" for r in page if isinstance(r, Rule)]
    return "\n".join(["0.4 w", *rules, "BT", *reversed(words), "ET"])


def _words(run: Run) -> list[str]:
    font = TIMES.font(run.bold)
    x = run.x - stringWidth(run.text, font, run.size) if run.right else run.x
    placed = []
    for word in run.text.split(" "):
        code = word.encode("cp1252").hex().upper()
        placed.append(f"/{'B' if run.bold else 'R'} {run.size:g} Tf 1 0 0 1 {x:.2f} {run.y:.2f} Tm <{code}> Tj")
        x += stringWidth(word + " ", font, run.size)
    return placed


def _file(objects: Sequence[str]) -> bytes:
    data = b"%PDF-1.3\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode("latin-1")
