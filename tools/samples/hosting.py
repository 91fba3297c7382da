"""The hosting services agreement: numbered clauses and tables."""

from tools.samples.word import Clause, Contract, Grid

HOSTING = Contract(
    title="Hosting Services Agreement",
    header="Cloudmere Hosting Ltd / Harrowgate Water Company plc · Agreement CM-2024-062",
    opening=(
        "This agreement is made on 3 March 2025 between Cloudmere Hosting Ltd, 12 Signal Hill, Fenwick-on-Sea FX9 1AB (the “Provider”) and "
        "Harrowgate Water Company plc, Sluice House, 2 Reservoir Road, Harrowby HB1 0AA (the “Customer”).",
        "The Customer operates water supply and sewage works and collects readings from about 1,400 measuring points. The Provider operates "
        "data centres. The parties wish the Provider to host the Customer's telemetry platform on the terms below.",
    ),
    body=(
        Clause(0, "Definitions"),
        Clause(
            1,
            "“Services” means the hosting of the Platform as described in Schedule 1, including monitoring, backup and support.",
        ),
        Clause(
            1,
            "“Platform” means the telemetry database, the gateway endpoint, the customer portal and the reporting service.",
        ),
        Clause(
            1,
            "“Customer Data” means everything that the Customer, its gateways or its users enter into the Platform, and what is computed from it.",
        ),
        Clause(1, "“Working Day” means a day other than a Saturday, a Sunday or a public holiday in England."),
        Clause(1, "“Monthly Fee” means the sum of the recurring fees in clause 7.1 for one calendar month."),
        Clause(0, "Term"),
        Clause(1, "This agreement starts on 1 April 2025 and runs for an initial term of thirty-six (36) months."),
        Clause(
            1,
            "After the initial term it is extended by twelve (12) months at a time, unless one party gives the other notice of at least ninety (90) days before the end of the current term.",
        ),
        Clause(0, "Services"),
        Clause(
            1,
            "The Provider provides the Services with reasonable skill and care and keeps enough qualified staff to do so.",
        ),
        Clause(
            1,
            "The Provider operates the Platform at two sites that are at least 30 kilometres apart, so that the loss of one site does not end the Services:",
        ),
        Clause(2, "the primary site at Fenwick-on-Sea holds the active databases and the portal;"),
        Clause(
            2,
            "the secondary site at Northcombe holds a replica that lags by no more than five minutes and can take over within four hours;",
        ),
        Clause(
            2,
            "backups are kept at a third place, encrypted with a key that only the Customer and the Provider's security officer hold.",
        ),
        Clause(
            1,
            "The Provider may change the technical means by which it provides the Services as long as neither function nor service level becomes worse. It announces a change that users will notice at least twenty (20) Working Days ahead.",
        ),
        Clause(0, "Duties of the Customer"),
        Clause(
            1,
            "The Customer names two service contacts, keeps their details current, and makes sure that one of them can be reached on Working Days between 08:00 and 18:00.",
        ),
        Clause(
            1,
            "The Customer is responsible for its gateways and for the connection between them and the Provider's endpoint.",
        ),
        Clause(
            1,
            "The Customer does not run load or penetration tests against the Platform without the Provider's written consent, which is not unreasonably withheld.",
        ),
        Clause(0, "Service levels"),
        Clause(
            1,
            "The Provider meets the service levels of the following table, measured over a calendar month at the Provider's outer router:",
        ),
        Grid(
            (
                ("Service", "Measure", "Level", "Credit if missed"),
                ("Gateway endpoint", "Availability", "99.95 %", "5 % of the Monthly Fee"),
                ("Customer portal", "Availability", "99.8 %", "3 % of the Monthly Fee"),
                ("Telemetry database", "Reading stored after receipt", "95 % within 10 s", "2 % of the Monthly Fee"),
                ("Reporting service", "Scheduled report ready", "98 % within 30 min", "2 % of the Monthly Fee"),
                ("Support", "First answer, priority 1", "30 minutes, day and night", "2 % of the Monthly Fee per case"),
                ("Support", "First answer, priority 2", "4 hours on Working Days", "1 % of the Monthly Fee per case"),
            )
        ),
        Clause(
            1,
            "Availability is the share of minutes in the month in which a test request is answered correctly within five seconds. Test requests are made every minute from two networks outside the Provider's own; a minute counts as unavailable only if both fail.",
        ),
        Clause(
            1,
            "Planned maintenance does not count as unavailability if it is announced at least ten (10) Working Days ahead, lies between Saturday 20:00 and Sunday 10:00, and does not exceed eight hours in a month in total.",
        ),
        Clause(
            1,
            "Credits are deducted from the next invoice. In one month they do not exceed fifteen per cent (15 %) of the Monthly Fee. They do not exclude a claim for further damage, but are set off against it.",
        ),
        Clause(
            1,
            "If the gateway endpoint is available for less than 99.0 % in each of three consecutive months, the Customer may terminate this agreement with thirty (30) days' notice.",
        ),
        Clause(0, "Support and incidents"),
        Clause(
            1,
            "Incidents are reported through the portal or by telephone. The Customer sets the priority as follows; the Provider may ask for it to be changed, but works on it as set until both agree:",
        ),
        Grid(
            (
                ("Priority", "Meaning", "Updates", "Target for restoring the service"),
                ("1", "Readings are not received, or alarms are not passed on", "every 30 minutes", "4 hours"),
                ("2", "A function is missing and there is no way round it", "every 4 hours", "1 Working Day"),
                ("3", "A function is impaired", "once a Working Day", "5 Working Days"),
                ("4", "Question or wish", "on completion", "by agreement"),
            )
        ),
        Clause(
            1,
            "After each incident of priority 1 the Provider delivers, within five (5) Working Days, a report with the cause, the course of events, and the measures that prevent it from happening again.",
        ),
        Clause(0, "Fees and payment"),
        Clause(1, "The Customer pays the following fees, to which value added tax is added:"),
        Grid(
            (
                ("Item", "Unit", "Quantity", "Price per unit (GBP)", "Per month (GBP)"),
                ("Platform, two sites", "month", "1", "4,850.00", "4,850.00"),
                ("Measuring points", "point and month", "1,400", "1.35", "1,890.00"),
                ("Storage above 2 TB", "100 GB and month", "6", "18.00", "108.00"),
                ("Support, day and night", "month", "1", "1,260.00", "1,260.00"),
                ("Total", "", "", "", "8,108.00"),
            )
        ),
        Clause(
            1,
            "Setting up the Platform and moving the existing data is charged once, at a fixed price of GBP 21,400.00, in two halves: on signature and on acceptance.",
        ),
        Clause(
            1,
            "Recurring fees are invoiced on the first day of each quarter for the quarter ahead and are due thirty (30) days after the date of invoice.",
        ),
        Clause(
            1,
            "The Provider may raise the recurring fees once a year, for the first time on 1 April 2027, by no more than the rise of the index of consumer prices over the twelve months before the announcement, and never by more than four per cent (4 %). It announces the rise at least three months ahead.",
        ),
        Clause(0, "Data protection and security"),
        Clause(
            1,
            "Customer Data belongs to the Customer. The Provider processes it only to provide the Services and on documented instructions.",
        ),
        Clause(
            1,
            "The Provider maintains an information security management system certified to ISO/IEC 27001 and shows the Customer the current certificate once a year.",
        ),
        Clause(1, "In particular the Provider"),
        Clause(2, "encrypts Customer Data in transit and at rest;"),
        Clause(
            2, "grants access to Customer Data by name, for a limited time, and logs each access for at least one year;"
        ),
        Clause(2, "installs security updates rated critical within seventy-two (72) hours;"),
        Clause(2, "has an independent penetration test carried out every year and gives the Customer its summary."),
        Clause(
            1,
            "The Provider tells the Customer of a breach of security that concerns Customer Data without delay, and within twenty-four (24) hours at the latest.",
        ),
        Clause(
            1,
            "Backups are made every night and kept for thirty-five (35) days. A restore is rehearsed twice a year; the Customer may attend.",
        ),
        Clause(0, "Subcontractors"),
        Clause(
            1,
            "The Provider uses the subcontractors listed below. It names a new one at least thirty (30) days before it starts; the Customer may object for good cause.",
        ),
        Grid(
            (
                ("Subcontractor", "Task", "Place"),
                ("Northcombe Colocation Ltd", "Space and power at the secondary site", "Northcombe"),
                ("Paperwhite Archive LLP", "Keeping of encrypted backups", "Ketteridge"),
                ("Nightjar Desk Ltd", "First answer by telephone outside working hours", "Harrowby"),
            )
        ),
        Clause(0, "Liability"),
        Clause(
            1, "Neither party limits its liability for death or personal injury caused by negligence, or for fraud."
        ),
        Clause(
            1,
            "Otherwise each party's liability in a contract year is limited to one hundred and fifty per cent (150 %) of the fees paid and payable for that year; for loss of data it is limited to the cost of restoring it from the last backup, provided that the backup was made as agreed.",
        ),
        Clause(1, "Neither party is liable for loss of profit."),
        Clause(0, "Termination and exit"),
        Clause(
            1,
            "Either party may terminate with immediate effect if the other commits a serious breach and does not put it right within thirty (30) days of being asked to, or becomes insolvent.",
        ),
        Clause(
            1,
            "On the end of this agreement, for whatever reason, the Provider hands over all Customer Data in an open, documented format within fifteen (15) Working Days, keeps the Platform readable for a further sixty (60) days at half of the Monthly Fee if the Customer so wishes, and then deletes the data and confirms the deletion in writing.",
        ),
        Clause(
            1,
            "For help with the move to another provider it charges GBP 95.00 an hour; the first forty (40) hours are free.",
        ),
        Clause(0, "General"),
        Clause(
            1, "Notices are given in writing to the addresses above, marked for the attention of the company secretary."
        ),
        Clause(
            1,
            "Changes to this agreement need the signature of both parties. If a provision is invalid the rest stays in force.",
        ),
        Clause(
            1, "This agreement is governed by the law of England and Wales, whose courts have exclusive jurisdiction."
        ),
    ),
    closing=(
        "Signed for Cloudmere Hosting Ltd: Tobias Ferncliffe, Managing Director",
        "Signed for Harrowgate Water Company plc: Oluwaseun Adair, Director of Operations",
    ),
)
