"""The record of a site acceptance test: several pages with tables, a running header and page numbers."""

from tools.samples.layout import Column, Face, Sheet

INTRODUCTION = (
    "This record covers the acceptance test of the rebuilt pumping station PS 12 “Weir Lane” on 18 and 19 February 2025. It was held by Harrowgate Water "
    "Company plc together with Nordlicht Anlagenservice GmbH (pumps and drives), Brightwater Instruments Ltd (measurement) and Cloudmere Hosting Ltd (telemetry).",
    "The station lifts sewage from a wet well of 42 cubic metres over 11.8 metres into the trunk sewer. It has three submersible pumps of which two run "
    "at the most; the third is a standby that changes place every week. A diesel generator takes over when the mains fail.",
)

HYDRAULICS = (
    ("Pump", "Speed rpm", "Flow m³/h", "Head m", "Power kW", "Efficiency", "Required"),
    ("P1", "1,470", "318", "12.4", "15.6", "68.9 %", "at least 66 %"),
    ("P2", "1,471", "315", "12.4", "15.8", "67.4 %", "at least 66 %"),
    ("P3", "1,468", "321", "12.3", "15.7", "68.5 %", "at least 66 %"),
    ("P1 + P2", "1,469", "566", "13.9", "32.1", "66.8 %", "at least 64 %"),
    ("P2 + P3", "1,470", "568", "13.9", "32.3", "66.6 %", "at least 64 %"),
)

INSTRUMENTS = (
    ("Point", "Instrument", "Reference", "Reading", "Deviation", "Limit", "Result"),
    ("flow-1", "EMF-150, 250311-07", "100.0 m³/h", "100.2 m³/h", "+0.20 %", "0.5 %", "passed"),
    ("flow-1", "EMF-150, 250311-07", "300.0 m³/h", "299.4 m³/h", "−0.20 %", "0.5 %", "passed"),
    ("level-1", "Radar, wet well", "1.000 m", "1.004 m", "+4 mm", "10 mm", "passed"),
    ("level-1", "Radar, wet well", "3.500 m", "3.497 m", "−3 mm", "10 mm", "passed"),
    ("level-2", "Hydrostatic, standby", "3.500 m", "3.528 m", "+28 mm", "20 mm", "failed"),
    ("press-1", "Rising main", "1.50 bar", "1.51 bar", "+0.01 bar", "0.02 bar", "passed"),
    ("temp-2", "Motor winding P2", "60.0 °C", "60.6 °C", "+0.6 K", "2 K", "passed"),
)

SEQUENCE = (
    ("No.", "Test", "Expected", "Observed", "Result"),
    ("S1", "Level rises slowly to 2.20 m", "duty pump starts", "P1 started at 2.20 m", "passed"),
    ("S2", "Level rises on to 2.60 m", "second pump starts", "P2 started at 2.61 m", "passed"),
    ("S3", "Level reaches 3.40 m", "high level alarm within 30 s", "alarm after 12 s", "passed"),
    ("S4", "Level falls to 0.90 m", "both pumps stop", "stopped at 0.90 m", "passed"),
    ("S5", "Duty pump is blocked", "standby takes over within 20 s", "P3 took over after 14 s", "passed"),
    ("S6", "Level sensor level-1 is unplugged", "level-2 takes over, alarm", "took over at once, alarm", "passed"),
    ("S7", "Mains are switched off", "generator takes load within 15 s", "load taken after 11 s", "passed"),
    ("S8", "Mains return", "back to mains after 5 min", "after 5 min 02 s", "passed"),
    ("S9", "Network is cut for 6 hours", "readings are sent afterwards", "2,160 per point, none missing", "passed"),
    ("S10", "Door of gateway is opened", "event within 60 s", "no event", "failed"),
)

DEFECTS = (
    ("No.", "Defect", "Class", "Who", "Until"),
    (
        "M1",
        "level-2 deviates by 28 mm at 3.500 m; zero point to be set again and checked at three points",
        "B",
        "Brightwater",
        "7 March 2025",
    ),
    (
        "M2",
        "Door switch of the gateway is wired as normally open instead of normally closed",
        "B",
        "Nordlicht",
        "28 February 2025",
    ),
    ("M3", "Label of valve V-07 missing", "C", "Nordlicht", "28 February 2025"),
    ("M4", "Grating above the wet well rattles when walked on", "C", "Harrowgate", "31 March 2025"),
    (
        "M5",
        "As-built circuit diagrams, sheets 14 to 17, still show the old soft starter",
        "C",
        "Nordlicht",
        "31 March 2025",
    ),
)

FINDINGS = (
    "Class A defects prevent operation; there were none. Class B defects must be put right before the final acceptance, class C defects within the time stated.",
    "The hydraulic values lie above those that were guaranteed. Noise at the nearest house was 31 dB(A) with two pumps running; 35 dB(A) is allowed at night.",
    "Vibration at the pump heads was between 1.6 and 2.4 mm/s. The highest value was measured at P2, whose lower bearing should be watched.",
    "The station is accepted provisionally from 19 February 2025, 16:00. The warranty of twenty-four months begins on that day. Five per cent of the "
    "contract sum, GBP 18,720.00, is retained until M1 and M2 have been put right and checked.",
)


def acceptance(*, face: Face) -> Sheet:
    """Lay the record out."""
    sheet = Sheet(
        header="Harrowgate Water Company plc · Site acceptance test PS 12 Weir Lane · Record SAT-2025-012",
        footer="SAT-2025-012 · {page}/{pages}",
        face=face,
        size=8.5,
    )
    sheet.title("Record of the site acceptance test")
    for paragraph in INTRODUCTION:
        sheet.paragraph(paragraph)
    sheet.heading("1 Hydraulic performance")
    sheet.paragraph("Measured with clean water at a level of 2.00 m in the wet well, averages over ten minutes.")
    _grid(sheet, HYDRAULICS, (70, 62, 62, 55, 62, 70, 100), "lrrrrrr")
    sheet.heading("2 Instruments")
    sheet.paragraph("Compared with calibrated references on site. The deviation refers to the reading.")
    _grid(sheet, INSTRUMENTS, (48, 130, 68, 68, 62, 52, 54), "llrrrrl")
    sheet.heading("3 Automatic operation")
    sheet.paragraph(
        "Each test was started by simulating its cause at the terminal, with the station in automatic mode, and timed from the event log."
    )
    _grid(sheet, SEQUENCE, (30, 146, 150, 114, 43), "lllll")
    sheet.heading("4 Defects")
    _grid(sheet, DEFECTS, (34, 236, 42, 76, 94), "lllll")
    sheet.heading("5 Findings and acceptance")
    for paragraph in FINDINGS:
        sheet.paragraph(paragraph)
    sheet.gap(10)
    sheet.lines("Harrowgate: O. Adair", "Nordlicht: Dr. S. Petersen", "Brightwater: R. Osei", "Cloudmere: I. Valcourt")
    return sheet


def _grid(sheet: Sheet, rows: tuple[tuple[str, ...], ...], widths: tuple[float, ...], sides: str) -> None:
    head, *body = rows
    columns = [Column(title, width, side == "r") for title, width, side in zip(head, widths, sides, strict=True)]
    sheet.table(columns, body)
