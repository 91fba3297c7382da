"""Every sample document, by its path in sample_docs."""

from pathlib import Path

from tools.samples import notices
from tools.samples.acceptance import acceptance
from tools.samples.hosting import HOSTING
from tools.samples.invoices import (
    BRIGHTWATER,
    BW_0117,
    BW_0118,
    BW_0131,
    NL_4471,
    NL_4488,
    NL_4502,
    NORDLICHT,
    Invoice,
    Vendor,
    invoice,
)
from tools.samples.layout import HELVETICA, TIMES, Face
from tools.samples.lease import lease
from tools.samples.pdf import embed_vera, handmade_pdf, reportlab_pdf
from tools.samples.scan import scanned_pdf
from tools.samples.supply import CONFIDENTIALITY, SUPPLY_V1, SUPPLY_V2
from tools.samples.word import docx

BROKEN_BYTES = 700
"""Where the broken PDF ends: amid its fonts, before its first page."""


def documents() -> dict[str, bytes]:
    """Make all documents."""
    return _invoices() | _contracts() | _other() | _troubled()


def _invoices() -> dict[str, bytes]:
    vera = embed_vera()
    again = invoice(BRIGHTWATER, BW_0131, face=HELVETICA).finished()
    return {
        "invoices/brightwater-BW-2025-0117.pdf": _invoice(BRIGHTWATER, BW_0117, HELVETICA),
        "invoices/brightwater-BW-2025-0118.pdf": _invoice(BRIGHTWATER, BW_0118, HELVETICA),
        "invoices/brightwater-BW-2025-0131.pdf": _invoice(BRIGHTWATER, BW_0131, HELVETICA),
        "invoices/brightwater-BW-2025-0131-portal.pdf": handmade_pdf(
            again, title="Invoice BW-2025-0131", producer="Portal Print 2.4"
        ),
        "invoices/nordlicht-R-2025-4471.pdf": _invoice(NORDLICHT, NL_4471, vera),
        "invoices/nordlicht-R-2025-4488.pdf": _invoice(NORDLICHT, NL_4488, vera),
        "invoices/nordlicht-R-2025-4502.pdf": _invoice(NORDLICHT, NL_4502, vera),
    }


def _invoice(vendor: Vendor, facts: Invoice, face: Face) -> bytes:
    pages = invoice(vendor, facts, face=face).finished()
    return reportlab_pdf(pages, face=face, title=f"Invoice {facts.number}", author=vendor.name)


def _contracts() -> dict[str, bytes]:
    pages = lease(face=TIMES).finished()
    return {
        "contracts/confidentiality-agreement.docx": docx(CONFIDENTIALITY),
        "contracts/hosting-services-agreement.docx": docx(HOSTING),
        "contracts/lease-millrace-court.pdf": reportlab_pdf(
            pages, face=TIMES, title="Lease WE-2025-003", author="Wharfside Estates LLP"
        ),
        "contracts/supply-agreement-v1.docx": docx(SUPPLY_V1),
        "contracts/supply-agreement-v2.docx": docx(SUPPLY_V2),
    }


def _other() -> dict[str, bytes]:
    vera = embed_vera()
    pages = acceptance(face=vera).finished()
    return {
        "specifications/acceptance-test-ps12.pdf": reportlab_pdf(
            pages, face=vera, title="SAT-2025-012", author="Harrowgate Water Company plc"
        ),
        "specifications/telemetry-gateway.md": (Path(__file__).parent / "gateway.md").read_bytes(),
        "notices/maintenance-april.txt": notices.MAINTENANCE.encode(),
        "notices/catering-prices.txt": notices.FEE_CHANGE.encode("cp1252").replace(b"\n", b"\r\n"),
    }


def _troubled() -> dict[str, bytes]:
    pages = lease(face=TIMES).finished()[:1]
    whole = _invoice(BRIGHTWATER, BW_0117, HELVETICA)
    locked = reportlab_pdf(
        pages, face=TIMES, title="Salary bands", author="Brightwater Instruments Ltd", password="sesame"
    )
    return {
        "unreadable/broken-download.pdf": whole[:BROKEN_BYTES],
        "unreadable/empty.txt": b"",
        "unreadable/goods-received-scan.pdf": scanned_pdf(),
        "unreadable/password-protected.pdf": locked,
    }
