"""A page that is only a picture, as a scanner makes it."""

import io

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tools.samples.layout import PAGE_HEIGHT, PAGE_WIDTH

DOTS_PER_POINT = 110 / 72
LINES = (
    "GOODS RECEIVED NOTE            No. 3391",
    "",
    "Supplier    Brightwater Instruments Ltd",
    "Order       PO 77120",
    "Received    12 March 2025, 10:40, dock 2",
    "",
    "4 x EMF-080 flow meter DN 80        ok",
    "2 x EMF-150 flow meter DN 150       ok",
    "6 x earthing rings, pairs           ok",
    "6 x signal cable 10 m               one short",
    "",
    "Remarks: one carton wet, contents dry.",
    "",
    "Signed: M. Tarrant",
)


def scanned_pdf() -> bytes:
    """Print a slightly crooked picture of a delivery note, without any text."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(PAGE_WIDTH, PAGE_HEIGHT), pageCompression=0, invariant=1)
    canvas.setTitle("Scan_20250312_1044")
    canvas.drawImage(ImageReader(_picture()), 0, 0, PAGE_WIDTH, PAGE_HEIGHT)
    canvas.save()
    return file.getvalue()


def _picture() -> Image.Image:
    page = Image.new("L", (round(PAGE_WIDTH * DOTS_PER_POINT), round(PAGE_HEIGHT * DOTS_PER_POINT)), 255)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(22)
    for number, line in enumerate(LINES):
        draw.text((90, 120 + 44 * number), line, 0, font)
    draw.rectangle((70, 90, page.width - 70, 120 + 44 * len(LINES)), outline=0, width=2)
    crooked = page.rotate(1.3, fillcolor=255)
    return crooked.point(lambda grey: 255 if grey > 140 else 0).convert("1")
