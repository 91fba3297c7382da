"""What an e-invoice says and the page beside it does not print.

Only terms that a page surely prints are asked for: those that article 226 of the VAT directive (2006/112/EC) wants on
every invoice - its date, its number, the seller's VAT number, both parties' names, what is taxed and the tax -, and
what no payable invoice goes without: the amounts of its lines, its totals and the account to pay to.
"""

from collections import Counter
from collections.abc import Iterator

from kvprep.documents.einvoices import rendering
from kvprep.documents.einvoices.figures import PrintedText
from kvprep.documents.einvoices.rendering import Fact
from kvprep.documents.einvoices.terms import Printed
from kvprep.documents.einvoices.tree import InvoiceTree


def differences(invoice: InvoiceTree, text: str) -> Iterator[str]:
    """Yield the names of terms that a text lacks, such as `Grand total` or `Line items 2: Amount`; never a value."""
    printed = PrintedText(text)
    num_rows: Counter[str] = Counter()
    for record in rendering.records(invoice, only_printed=True):
        heading = record.section.heading
        num_rows[heading] += 1
        for fact in record.facts:
            if not _is_printed(fact, printed):
                yield f"{heading} {num_rows[heading]}: {fact.label}" if heading else fact.label


def _is_printed(fact: Fact, printed: PrintedText) -> bool:
    asked = {
        Printed.NUMBER: printed.has_number,
        Printed.NAME: printed.has_name,
        Printed.DATE: printed.has_date,
        Printed.AMOUNT: printed.has_amount,
    }[fact.term.printed]
    return all(asked(text) for text in fact.texts)
