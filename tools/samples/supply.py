"""A supply agreement in two versions, and a short agreement on confidentiality."""

from dataclasses import replace

from tools.samples.word import Clause, Contract, Grid

_UNCHANGED = (
    Clause(0, "Subject"),
    Clause(
        1,
        "The Supplier delivers measuring instruments and spare parts to the Buyer, and the Buyer orders them, on the terms of this framework agreement. General terms of either party do not apply, even where an order or an invoice refers to them.",
    ),
    Clause(
        1,
        "The agreement does not oblige the Buyer to order any quantity. The figures in clause 3.1 are estimates on which the prices were calculated.",
    ),
    Clause(0, "Orders and delivery"),
    Clause(
        1,
        "The Buyer orders in text form. The Supplier confirms or declines within two (2) working days; an order that it has neither confirmed nor declined by then counts as confirmed.",
    ),
    Clause(
        1,
        "The time of delivery is fifteen (15) working days for instruments and five (5) working days for spare parts, counted from the order. Delivery is made at the Buyer's store in Harrowby, at place, duties paid.",
    ),
    Clause(
        1,
        "If the Supplier sees that it will be late it says so at once and names a new date. For each full week of delay the Buyer may deduct one per cent (1 %) of the value of the late part, but no more than eight per cent (8 %) in all.",
    ),
    Clause(1, "The Supplier keeps a safety stock of at least:"),
    Clause(2, "four flow meters of each of the sizes DN 80, DN 150 and DN 200;"),
    Clause(2, "ten pairs of earthing rings and ten signal cables;"),
    Clause(2, "one spare transmitter of each type that is in use with the Buyer."),
    Clause(0, "Prices"),
    Clause(1, "The following net prices apply, carriage and packing included:"),
    Grid(
        (
            ("Article", "Description", "Estimate per year", "Price (GBP)"),
            ("EMF-080", "Electromagnetic flow meter DN 80", "24", "1,148.00"),
            ("EMF-150", "Electromagnetic flow meter DN 150", "12", "1,515.60"),
            ("EMF-200", "Electromagnetic flow meter DN 200", "6", "1,876.00"),
            ("CAL-UK3", "Three-point calibration with certificate", "42", "139.00"),
            ("GR-RING", "Pair of earthing rings", "42", "60.50"),
            ("TRX-2CH", "Two-channel transmitter", "10", "664.00"),
        )
    ),
    Clause(
        1,
        "If the Buyer orders more than GBP 120,000.00 in a calendar year it receives a bonus of three per cent (3 %) of what it ordered above that sum, payable by 31 January of the next year.",
    ),
    Clause(0, "Quality"),
    Clause(
        1,
        "Each flow meter is calibrated before delivery at three points, and its error of measurement does not exceed 0.3 % of the reading between 10 % and 100 % of full scale. The certificate states the uncertainty.",
    ),
    Clause(
        1,
        "The Supplier announces a change of design, of firmware or of a place of manufacture at least three (3) months ahead. The Buyer may then place a last order for up to one year's estimate of the unchanged article.",
    ),
    Clause(
        1,
        "The Buyer, or an expert bound to secrecy, may audit the Supplier's calibration laboratory once a year during working hours, at two weeks' notice.",
    ),
    Clause(0, "Defects"),
    Clause(
        1,
        "The period for claims is thirty-six (36) months from delivery. The Buyer need not inspect more than identity, quantity and visible damage in transport; it reports other defects within ten (10) working days of their discovery.",
    ),
    Clause(
        1,
        "The Supplier replaces a defective instrument by one from the safety stock within two (2) working days, and examines the cause afterwards. If an article shows the same defect in more than five per cent (5 %) of the pieces delivered within twelve months, it examines all of them at its own cost.",
    ),
    Clause(0, "Confidentiality"),
    Clause(
        1,
        "Each party keeps secret what it learns of the other's business, for the term of this agreement and five (5) years beyond, unless it is or becomes public without its doing, or the law demands disclosure.",
    ),
)

_OPENING = (
    "Framework agreement SA-2025-09 between Brightwater Instruments Ltd, Unit 4, Millrace Court, Lower Wharf, Fenwick-on-Sea FX9 4QT (the “Supplier”) "
    "and Harrowgate Water Company plc, Sluice House, 2 Reservoir Road, Harrowby HB1 0AA (the “Buyer”).",
)


def _ending(*, cap: str, increase: str, notice: str) -> tuple[Clause, ...]:
    return (
        Clause(0, "Adjustment of prices"),
        Clause(
            1,
            f"Prices are fixed until 31 December 2025. From then on the Supplier may raise them once in a calendar year, at three months' notice, by no more than {increase}. If the Buyer does not agree it may end this agreement on the day on which the rise takes effect.",
        ),
        Clause(0, "Liability and insurance"),
        Clause(
            1,
            f"Except for intent, gross negligence, and injury to life or health, the liability of each party is limited to {cap} for each event.",
        ),
        Clause(
            1,
            "The Supplier maintains product liability insurance with a sum insured of at least GBP 2,000,000.00 and shows the policy on request.",
        ),
        Clause(0, "Term"),
        Clause(
            1,
            f"The agreement takes effect on signature and runs for an indefinite time. Either party may end it at the end of a calendar quarter with {notice} notice. Orders confirmed before are carried out on its terms.",
        ),
        Clause(1, "The law of England and Wales applies. The courts of Fenwick-on-Sea have jurisdiction."),
    )


SUPPLY_V1 = Contract(
    title="Framework Supply Agreement",
    header="Brightwater Instruments Ltd / Harrowgate Water Company plc",
    opening=_OPENING,
    body=(*_UNCHANGED, *_ending(cap="GBP 250,000.00", increase="three per cent (3 %)", notice="three (3) months'")),
    closing=("Signed for the Supplier: Alys Penhallow", "Signed for the Buyer: Oluwaseun Adair"),
)

SUPPLY_V2 = replace(
    SUPPLY_V1,
    body=(
        *_UNCHANGED,
        *_ending(cap="GBP 500,000.00", increase="two and a half per cent (2.5 %)", notice="six (6) months'"),
    ),
)

CONFIDENTIALITY = Contract(
    title="Mutual Confidentiality Agreement",
    header="Cloudmere Hosting Ltd / Nordlicht Anlagenservice GmbH",
    opening=(
        "Cloudmere Hosting Ltd, Fenwick-on-Sea, and Nordlicht Anlagenservice GmbH, Süderbrück, wish to find out whether data of pumps that Nordlicht "
        "maintains can be analysed on Cloudmere's platform (the “Purpose”). For this they exchange information that is not public, and agree:",
    ),
    body=(
        Clause(0, "What is confidential"),
        Clause(
            1,
            "Confidential Information is whatever one party (the discloser) makes known to the other (the recipient) for the Purpose, in whatever form, if it is marked as confidential or if a sensible person would see that it is.",
        ),
        Clause(1, "It is not Confidential Information if the recipient can show that it"),
        Clause(2, "knew it before, without being bound to secrecy;"),
        Clause(2, "received it from a third party that was free to pass it on;"),
        Clause(2, "worked it out independently; or"),
        Clause(2, "found it in the public domain, where it was not put by a breach of this agreement."),
        Clause(0, "What the recipient must do"),
        Clause(
            1,
            "The recipient uses Confidential Information for the Purpose only, and protects it as it protects its own secrets, at least with reasonable care.",
        ),
        Clause(
            1,
            "It passes it on only to employees and advisers who need it for the Purpose and are bound to secrecy. It answers for them as for itself.",
        ),
        Clause(
            1,
            "It does not enter Confidential Information into services of third parties that store or learn from what is entered, unless the discloser has agreed in text form.",
        ),
        Clause(
            1,
            "If a court or an authority orders disclosure, the recipient tells the discloser first where that is allowed, and discloses no more than it must.",
        ),
        Clause(0, "Rights"),
        Clause(
            1,
            "Confidential Information stays the discloser's. No licence is granted. Samples are not taken apart, and software is not decompiled, beyond what the law allows in any case.",
        ),
        Clause(1, "Information is given as it is. Neither party is bound to enter into any further agreement."),
        Clause(0, "Return"),
        Clause(
            1,
            "On request the recipient returns or destroys Confidential Information within twenty (20) working days and confirms it. One copy may stay in its backups until they are overwritten in the ordinary course, and one with its legal department as evidence; both remain subject to this agreement.",
        ),
        Clause(0, "Term"),
        Clause(
            1,
            "The agreement takes effect on 17 February 2025 and ends after two (2) years. Its duties apply to information disclosed until then for four (4) more years, and to trade secrets for as long as they are secret.",
        ),
        Clause(1, "It is governed by the law of Ireland. The courts of Dublin have jurisdiction."),
    ),
    closing=(
        "Fenwick-on-Sea, Ines Valcourt, Head of Operations",
        "Süderbrück, Dr. Swantje Petersen, Managing Director",
    ),
)
