"""Invoices of two vendors; each prints its letterhead and its terms before what changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tools.samples.fiction import CENT, iban, money, share
from tools.samples.layout import LEFT, RIGHT, Column, Face, Sheet


@dataclass(frozen=True)
class Item:
    """One line of an invoice; `price` is for one unit."""

    code: str
    text: str
    quantity: str
    unit: str
    price: str

    @property
    def amount(self) -> Decimal:
        """Quantity times price."""
        return (Decimal(self.quantity) * Decimal(self.price)).quantize(CENT)


@dataclass(frozen=True)
class Vendor:
    """Whose invoice it is: all that is the same on each of them."""

    name: str
    address: str
    contact: str
    terms_title: str
    terms: Sequence[tuple[str, str]]
    currency: str
    tax_name: str
    tax_percent: int
    bank: Sequence[tuple[str, str]]
    header: str
    footer: str


@dataclass(frozen=True)
class Invoice:
    """What changes from one invoice to the next."""

    number: str
    facts: Sequence[tuple[str, str]]
    customer: Sequence[str]
    items: Sequence[Item]
    note: str


BRIGHTWATER = Vendor(
    name="Brightwater Instruments Ltd",
    address="Unit 4, Millrace Court, Lower Wharf, Fenwick-on-Sea FX9 4QT, United Kingdom",
    contact="Telephone 01632 960 417 · accounts@brightwater.example · VAT GB 000 0000 42 · Registered in England, No. 00000417",
    terms_title="Terms on which we supply",
    terms=(
        (
            "1. Payment.",
            "Our invoices are due thirty (30) days after the date of invoice, without deduction, by bank transfer to the account "
            "named at the foot of this document. Please state the invoice number as the reference of your payment. A discount of "
            "two per cent (2%) of the net amount is granted on payment received within ten (10) days, unless an older invoice is overdue.",
        ),
        (
            "2. Late payment.",
            "On amounts overdue we charge interest of eight per cent (8%) a year above the base rate of the central bank, from day to "
            "day, and a fixed sum of 40.00 for the cost of recovery. We may withhold further deliveries until the account is settled.",
        ),
        (
            "3. Title and risk.",
            "Goods stay our property until they are paid for in full. Risk passes when the goods are handed to the carrier; "
            "on request, and at your cost, we insure the transport at their invoice value.",
        ),
        (
            "4. Inspection and complaints.",
            "Please inspect the goods on arrival. Visible damage is to be noted on the carrier's receipt and reported to us within "
            "five (5) working days, any other defect within ten (10) working days of its discovery. Goods are taken back only with "
            "a return number, which our service desk issues on the day you ask for it.",
        ),
        (
            "5. Warranty.",
            "Instruments carry a warranty of twenty-four (24) months from delivery against faults of material and workmanship; "
            "wetted parts, membranes and reference electrodes twelve (12) months. Calibration certificates are valid for the date "
            "of calibration; the interval to the next one is for the user to decide.",
        ),
        (
            "6. Liability.",
            "Our liability for any one order is limited to its net value. Nothing in these terms limits liability for death or "
            "personal injury caused by negligence, for fraud, or where the law does not allow it to be limited.",
        ),
        (
            "7. Queries.",
            "Questions about an invoice are answered by accounts@brightwater.example on working days between 8.30 and 17.00. "
            "A query about one line does not put off payment of the others.",
        ),
    ),
    currency="GBP",
    tax_name="VAT",
    tax_percent=20,
    bank=(
        ("Bank", "Example Clearing Bank, Fenwick-on-Sea"),
        ("IBAN", iban("GB", "EXMP00000000041700")),
        ("BIC", "EXMPGB00"),
    ),
    header="",
    footer="Brightwater Instruments Ltd · Directors: A. Penhallow, R. Osei · Page {page}",
)

NORDLICHT = Vendor(
    name="Nordlicht Anlagenservice GmbH",
    address="Hafenstraße 118, 00000 Süderbrück, Germany",
    contact="Telephone +49 30 23125 088 · rechnung@nordlicht.example · VAT ID DE000000088 · Commercial register Süderbrück HRB 00088",
    terms_title="General conditions for maintenance and repair (edition of January 2025)",
    terms=(
        (
            "§ 1 Scope.",
            "These conditions apply to all maintenance, inspection and repair of pumps, drives and control cabinets by Nordlicht "
            "Anlagenservice GmbH (“the contractor”). Conditions of the customer apply only where the contractor has agreed to them in writing.",
        ),
        (
            "§ 2 Working time and travel.",
            "Regular working time is Monday to Friday, 07:00 to 16:30. Overtime is charged with a supplement of 25 %, work at night "
            "(20:00 to 06:00) with 50 %, on Sundays and public holidays with 100 %. Travelling time counts as working time without "
            "supplement. Each started quarter of an hour is charged.",
        ),
        (
            "§ 3 Prices and tax.",
            "Prices are net prices in euro. Value added tax is added at the rate in force on the day of the service. Spare parts are "
            "charged at the list price of the day on which they were ordered; parts that were replaced become the contractor's property.",
        ),
        (
            "§ 4 Payment.",
            "Invoices are payable within fourteen (14) days of receipt without deduction. The customer is in default, without any "
            "reminder, thirty (30) days after the due date and receipt of the invoice. Set-off is possible only with claims that are "
            "undisputed or have been finally decided by a court.",
        ),
        (
            "§ 5 Acceptance.",
            "The customer accepts the work by signing the service report. Where no report is signed, the work counts as accepted ten "
            "(10) working days after the plant went back into operation, unless a substantial defect is reported in that time.",
        ),
        (
            "§ 6 Defects.",
            "Claims for defects lapse twelve (12) months after acceptance. The contractor may choose between repair and replacement; "
            "if two attempts fail, the customer may reduce the price. Wear parts such as shaft seals and bearings are excluded as far "
            "as the defect is due to their normal use.",
        ),
        (
            "§ 7 Safety on site.",
            "The customer names a responsible person, switches the plant off, secures it against being switched on, and hands over a "
            "written permit before work begins. Waiting time for which the customer is responsible is charged as working time.",
        ),
        (
            "§ 8 Place of jurisdiction.",
            "Place of performance and jurisdiction is Süderbrück. The law of the Federal Republic of Germany applies, without its "
            "rules on the conflict of laws.",
        ),
    ),
    currency="EUR",
    tax_name="VAT",
    tax_percent=19,
    bank=(("Bank", "Musterbank Süderbrück"), ("IBAN", iban("DE", "000000000000008800")), ("BIC", "MUSTDE00XXX")),
    header="Nordlicht Anlagenservice GmbH · Pumps, drives, controls",
    footer="Managing director: Dr. Swantje Petersen · Süderbrück HRB 00088 · Page {page}",
)

BW_0117 = Invoice(
    number="BW-2025-0117",
    facts=(
        ("Date of invoice", "14 March 2025"),
        ("Your order", "PO 77120, 24 February 2025"),
        ("Delivered", "12 March 2025"),
        ("Due", "13 April 2025"),
    ),
    customer=("Harrowgate Water Company plc", "Procurement, Sluice House", "2 Reservoir Road", "Harrowby HB1 0AA"),
    items=(
        Item(
            "EMF-080",
            "Electromagnetic flow meter DN 80, PN 16, hard rubber liner, display and pulse output",
            "4",
            "pcs",
            "1184.00",
        ),
        Item(
            "EMF-150",
            "Electromagnetic flow meter DN 150, PN 16, hard rubber liner, display and pulse output",
            "2",
            "pcs",
            "1562.50",
        ),
        Item(
            "CAL-UK3", "Three-point calibration with certificate, traceable to national standards", "6", "pcs", "145.00"
        ),
        Item("GR-RING", "Pair of earthing rings, stainless steel 1.4404, to match", "6", "pairs", "62.40"),
        Item("CBL-10M", "Signal cable, screened, ready-made, 10 m", "6", "pcs", "38.75"),
        Item("FRT-PAL", "Carriage, one pallet, delivered at place", "1", "lot", "96.00"),
    ),
    note="Serial numbers 250311-01 to 250311-06. The calibration certificates were sent to your quality department by e-mail.",
)

BW_0118 = replace(
    BW_0117,
    number="BW-2025-0118",
    items=(replace(BW_0117.items[0], price="1148.00"), *BW_0117.items[1:]),
)

BW_0131 = Invoice(
    number="BW-2025-0131",
    facts=(
        ("Date of invoice", "28 March 2025"),
        ("Your order", "e-mail of 3 March 2025, J. Achterberg"),
        ("Delivered", "27 March 2025"),
        ("Due", "27 April 2025"),
    ),
    customer=("Achterberg & Daughters Brewery", "The Old Maltings", "17 Copper Lane", "Ketteridge KT7 2HZ"),
    items=(
        Item("PH-INL", "Inline pH probe, hygienic, 120 mm, with temperature sensor Pt1000", "3", "pcs", "412.00"),
        Item("TRX-2CH", "Two-channel transmitter, 4–20 mA and Modbus RTU, IP67", "2", "pcs", "688.00"),
        Item("BUF-SET", "Set of buffer solutions pH 4.01, 7.00, 9.21, 500 ml each", "5", "sets", "34.90"),
        Item("COM-DAY", "Commissioning on site, one engineer, per day", "1.5", "days", "720.00"),
        Item("TRV-MIL", "Travel, per mile", "184", "miles", "0.55"),
    ),
    note="The second commissioning day ended at noon, as agreed with Ms Achterberg. Electrodes are wetted parts under clause 5.",
)

NL_4471 = Invoice(
    number="R-2025-4471",
    facts=(
        ("Invoice date", "07.04.2025"),
        ("Order", "4500-118-22 of 20.03.2025"),
        ("Service report", "SB 2025-0319 of 02.04.2025"),
        ("Due", "21.04.2025"),
    ),
    customer=("Stadtwerke Lindenau (Muster) AöR", "Abt. Abwasser", "Klärwerkweg 1", "00000 Lindenau"),
    items=(
        Item("10", "Annual inspection, sewage pump P1 (Kolbe KX 250), as per checklist PW-12", "1", "pcs", "640.00"),
        Item("20", "Annual inspection, sewage pump P2 (Kolbe KX 250), as per checklist PW-12", "1", "pcs", "640.00"),
        Item("30", "Mechanical seal, silicon carbide, shaft 65 mm", "2", "pcs", "318.60"),
        Item("40", "Working time, technician, 02.04.2025, 07:30 to 16:00 less break", "7.75", "h", "84.00"),
        Item("50", "Working time, apprentice, 02.04.2025", "7.75", "h", "46.00"),
        Item("60", "Overtime supplement 25 %, technician", "1.25", "h", "21.00"),
        Item("70", "Travel, service van, Süderbrück – Lindenau and back", "126", "km", "0.95"),
        Item("80", "Disposal of used oil with certificate", "18", "l", "2.40"),
    ),
    note="P2: play in the lower bearing 0.31 mm (limit 0.35 mm). We recommend that the bearing be replaced at the next inspection.",
)

NL_4488 = Invoice(
    number="R-2025-4488",
    facts=(
        ("Invoice date", "15.04.2025"),
        ("Order", "by telephone, Mr Brandt, 11.04.2025"),
        ("Service report", "SB 2025-0341 of 13.04.2025"),
        ("Due", "29.04.2025"),
    ),
    customer=("Möwe Fischfeinkost KG", "Betriebstechnik", "Kai 9", "00000 Süderbrück"),
    items=(
        Item("10", "Call-out, Sunday 13.04.2025, breakdown of brine pump", "1", "lot", "180.00"),
        Item("20", "Working time, technician, Sunday, 10:15 to 15:00", "4.75", "h", "84.00"),
        Item("30", "Supplement Sunday 100 %", "4.75", "h", "84.00"),
        Item("40", "Frequency converter 7.5 kW, 400 V, programmed on site", "1", "pcs", "1246.00"),
        Item("50", "Motor cable, screened, 4 x 2.5 mm²", "22", "m", "6.35"),
        Item("60", "Small parts, flat rate", "1", "lot", "35.00"),
    ),
    note="Cause: moisture in the terminal box of the motor. The gland was replaced. Parameter set “Brine-2” is stored at the contractor's.",
)

NL_4502 = Invoice(
    number="R-2025-4502",
    facts=(
        ("Invoice date", "24.04.2025"),
        ("Order", "4500-118-31 of 10.04.2025"),
        ("Service report", "SB 2025-0355 of 22.04.2025"),
        ("Due", "08.05.2025"),
    ),
    customer=("Stadtwerke Lindenau (Muster) AöR", "Abt. Abwasser", "Klärwerkweg 1", "00000 Lindenau"),
    items=(
        Item("10", "Replacement of lower bearing, sewage pump P2 (Kolbe KX 250)", "1", "lot", "910.00"),
        Item("20", "Bearing set, lower, for KX 250", "1", "set", "274.80"),
        Item("30", "Working time, technician, 22.04.2025, 07:00 to 15:30 less break", "8", "h", "84.00"),
        Item("40", "Crane vehicle, 3 t, with operator", "3.5", "h", "112.00"),
        Item("50", "Travel, service van, Süderbrück – Lindenau and back", "126", "km", "0.95"),
    ),
    note="Follow-up to our recommendation in report SB 2025-0319. Vibration after repair: 2.1 mm/s (zone A).",
)

COLUMNS = (
    Column("Item", 52),
    Column("Description", 226),
    Column("Quantity", 52, right=True),
    Column("Unit", 38, right=True),
    Column("Price", 55, right=True),
    Column("Amount", 60, right=True),
)


def invoice(vendor: Vendor, facts: Invoice, *, face: Face) -> Sheet:
    """Lay an invoice out."""
    sheet = Sheet(header=vendor.header, footer=vendor.footer, face=face, size=8.5)
    sheet.title(vendor.name)
    sheet.paragraph(vendor.address, size=8)
    sheet.paragraph(vendor.contact, size=7)
    sheet.heading(vendor.terms_title)
    for name, text in vendor.terms:
        sheet.paragraph(f"{name} {text}", size=7.8)
    sheet.gap(16)
    sheet.title(f"Invoice {facts.number}")
    sheet.pairs(facts.facts)
    sheet.heading("Invoice to")
    sheet.lines(*facts.customer)
    sheet.gap(10)
    rows = [(i.code, i.text, i.quantity, i.unit, money(Decimal(i.price)), money(i.amount)) for i in facts.items]
    sheet.table(COLUMNS, rows)
    _totals(sheet, vendor, facts)
    sheet.paragraph(facts.note)
    sheet.keep(6)
    sheet.paragraph(f"Please pay to the following account, with the reference {facts.number}:")
    sheet.pairs(vendor.bank)
    return sheet


def _totals(sheet: Sheet, vendor: Vendor, facts: Invoice) -> None:
    net = sum((item.amount for item in facts.items), Decimal(0))
    tax = share(net, vendor.tax_percent)
    width = RIGHT - LEFT
    columns = (Column("", width - 66, right=True), Column("", 66, right=True))
    rows = (
        (f"Net amount {vendor.currency}", money(net)),
        (f"{vendor.tax_name} {vendor.tax_percent}%", money(tax)),
        (f"Total {vendor.currency}", money(net + tax)),
    )
    sheet.rows(columns, rows)
