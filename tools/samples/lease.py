"""A lease of several pages, with a running header and page numbers."""

from tools.samples.layout import Face, Sheet

PARTIES = (
    "This lease is made on 9 January 2025 between Wharfside Estates LLP, 1 Customs Steps, Fenwick-on-Sea FX9 3ZZ (the “Landlord”), and "
    "Brightwater Instruments Ltd, Unit 4, Millrace Court, Lower Wharf, Fenwick-on-Sea FX9 4QT (the “Tenant”)."
)

CLAUSES = (
    (
        "1. The premises",
        (
            "1.1 The Landlord lets to the Tenant the ground floor and the first floor of Unit 5, Millrace Court, shown edged in red on Plan A, with a net "
            "internal area of 612 square metres (the “Premises”), together with six parking spaces numbered 21 to 26.",
            "1.2 The Tenant may use, together with the other occupiers, the yard, the loading bay, the lift and the stairs. The loading bay may be used between "
            "06:00 and 21:00 on weekdays and between 08:00 and 14:00 on Saturdays.",
            "1.3 The condition of the Premises on the day of handing over is recorded in the schedule of condition, with photographs, which both parties have signed.",
        ),
    ),
    (
        "2. Term",
        (
            "2.1 The lease is granted for ten (10) years from and including 1 February 2025.",
            "2.2 The Tenant may end the lease on 31 January 2030 by at least nine (9) months' written notice, provided that on that day no more than one month's "
            "rent is outstanding and the Premises are handed back free of occupiers.",
            "2.3 The Landlord may end the lease on 31 January 2032, or at any time after, by at least twelve (12) months' notice if it intends to rebuild Millrace Court and has obtained "
            "planning permission. In that case it pays the Tenant six months' rent as compensation.",
        ),
    ),
    (
        "3. Rent",
        (
            "3.1 The yearly rent is GBP 58,140.00, that is GBP 95.00 per square metre, payable in equal quarterly instalments in advance on 1 February, 1 May, "
            "1 August and 1 November.",
            "3.2 For the first four months no rent is payable, so that the Tenant can fit out its calibration laboratory. The service charge is payable from the first day.",
            "3.3 The rent is reviewed on 1 February 2030. It is then the higher of the rent before and the open market rent of comparable premises in Fenwick-on-Sea, "
            "but no more than one hundred and fifteen per cent (115 %) of the rent before. If the parties do not agree within three months, a surveyor decides "
            "who is named by the president of the surveyors' institution and acts as an expert; his costs are shared equally.",
            "3.4 On late payments interest is due at four per cent (4 %) above the base rate from the due date.",
        ),
    ),
    (
        "4. Deposit",
        (
            "4.1 On signature the Tenant pays a deposit of GBP 14,535.00. The Landlord keeps it in a separate account; interest belongs to the Tenant.",
            "4.2 The Landlord may draw on the deposit for sums that are due and undisputed, after ten (10) working days' notice, and the Tenant then restores it within one month.",
            "4.3 If the Tenant has paid all rents on time for five years, half of the deposit is returned.",
        ),
    ),
    (
        "5. Service charge",
        (
            "5.1 The Tenant bears 17.4 % of the cost of running Millrace Court: cleaning and lighting of the common parts, maintenance of lift, roof and drains, "
            "snow clearing, insurance of the building, and the management fee, which does not exceed eight per cent (8 %) of the other items.",
            "5.2 Not part of the service charge are: the repair of defects of the original construction, the cost of letting other units, improvements that were not agreed, and fines.",
            "5.3 The Tenant pays GBP 1,050.00 a month on account. The Landlord accounts by 30 June for the calendar year before, and allows the vouchers to be inspected for three months.",
        ),
    ),
    (
        "6. Use",
        (
            "6.1 The Premises may be used as a workshop, calibration laboratory, store and office. Any other use needs the Landlord's consent.",
            "6.2 The floor of the ground floor bears 15 kN per square metre, that of the first floor 5 kN. The Tenant's calibration rig, of 6.8 tonnes when filled, "
            "stands on the ground floor on the foundation shown on Plan B.",
            "6.3 The Tenant may keep up to 200 litres of flammable liquids in a cabinet approved for the purpose. It tells the Landlord's insurer of larger amounts beforehand.",
            "6.4 Noise at the boundary of the estate does not exceed 55 dB(A) by day and 40 dB(A) between 22:00 and 06:00.",
        ),
    ),
    (
        "7. Repairs and alterations",
        (
            "7.1 The Landlord keeps roof, structure, outer walls, windows, drains and the central heating plant in good repair.",
            "7.2 The Tenant keeps the inside in good repair, has electrical installations tested every five years, and repaints the inner walls in the sixth year. It need not "
            "put the Premises into a better condition than the schedule of condition shows.",
            "7.3 The Tenant may put up light partitions and laboratory furniture without asking. Other alterations need consent, which is not unreasonably withheld; consent "
            "counts as given if the Landlord does not reply to a complete application within twenty (20) working days.",
            "7.4 At the end of the lease the Tenant removes its installations, except the foundation under the rig and the cooling water pipes, which stay without compensation.",
        ),
    ),
    (
        "8. Insurance and damage",
        (
            "8.1 The Landlord insures the building against fire, storm, escape of water and loss of three years' rent. The Tenant insures its equipment and its liability, with a sum of at least "
            "GBP 5,000,000.00.",
            "8.2 If the Premises cannot be used because of an insured damage, the rent is reduced accordingly. If they are not usable again within eighteen (18) months either party may end the lease.",
        ),
    ),
    (
        "9. Energy",
        (
            "9.1 Electricity is metered separately; the Tenant chooses its supplier. Heat is supplied by the Landlord's plant and charged by meter at cost.",
            "9.2 The Landlord may mount solar panels on the roof. The Tenant may buy their electricity at ninety per cent (90 %) of the price that it would otherwise pay.",
            "9.3 Both parties exchange their consumption figures by 31 March of each year, and meet once a year to discuss how to lower them.",
        ),
    ),
    (
        "10. Assignment and subletting",
        (
            "10.1 The Tenant may assign the lease as a whole with the Landlord's consent, which may be made conditional on a guarantee.",
            "10.2 It may sublet up to thirty per cent (30 %) of the area without consent, for no longer than its own term, and tells the Landlord the name of the subtenant.",
        ),
    ),
    (
        "11. End by the Landlord",
        (
            "11.1 The Landlord may end the lease at once if rent of more than two quarters is outstanding, if the Tenant is insolvent, or if it goes on with a serious breach "
            "in spite of a warning that gave it thirty (30) days to put things right.",
        ),
    ),
    (
        "12. Notices and law",
        (
            "12.1 Notices are given by recorded delivery to the addresses above. They count as received on the second working day after posting.",
            "12.2 The lease is governed by the law of England and Wales. Before going to court the parties try to settle a dispute by mediation, for no longer than six weeks.",
        ),
    ),
)


def lease(*, face: Face) -> Sheet:
    """Lay the lease out."""
    sheet = Sheet(
        header="Lease of Unit 5, Millrace Court · Wharfside Estates LLP and Brightwater Instruments Ltd",
        footer="Lease WE-2025-003 · Page {page} of {pages}",
        face=face,
        size=10.5,
    )
    sheet.title("Lease of commercial premises")
    sheet.paragraph(PARTIES)
    for title, paragraphs in CLAUSES:
        sheet.heading(title)
        for paragraph in paragraphs:
            sheet.paragraph(paragraph, indent=14)
    sheet.gap(18)
    sheet.lines("For the Landlord: Cordelia Whitlock", "For the Tenant: Alys Penhallow")
    return sheet
