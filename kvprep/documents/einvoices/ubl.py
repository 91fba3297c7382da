"""Where UBL keeps its terms, in an invoice and in a credit note."""

from kvprep.documents.einvoices.terms import Printed, Section, Term

_VAT_ID = "PartyTaxScheme[TaxScheme/ID='VAT']/CompanyID"
_TAX_ID = "PartyTaxScheme[not(TaxScheme/ID='VAT')]/CompanyID"
# The usual names of the schemes; a label says what they say.
_SCHEME = ("../TaxScheme/ID[.='VAT' or .='FC' or .='TAX']",)
# UBL gives every kind of account one place; an IBAN begins with the two letters of a country.
_IS_IBAN = "translate(substring(normalize-space(.), 1, 2), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') = ''"
_ITEM = "*[self::InvoiceLine or self::CreditNoteLine]"


def _address(role: str, path: str) -> tuple[Term, ...]:
    return (
        Term(f"{role} street", f"{path}/StreetName"),
        Term(f"{role} address line 2", f"{path}/AdditionalStreetName"),
        Term(f"{role} address line 3", f"{path}/AddressLine/Line"),
        Term(f"{role} postcode", f"{path}/PostalZone"),
        Term(f"{role} city", f"{path}/CityName"),
        Term(f"{role} region", f"{path}/CountrySubentity"),
        Term(f"{role} country", f"{path}/Country/IdentificationCode"),
    )


def _party(role: str, path: str, *, is_printed: bool = False) -> Section:
    name = Printed.NAME if is_printed else Printed.UNSURE
    tax_id = Printed.NUMBER if is_printed and role == "Seller" else Printed.UNSURE
    return Section(
        path,
        (
            Term(f"{role} name", "PartyLegalEntity/RegistrationName", name),
            Term(f"{role} trading name", "PartyName/Name"),
            Term(f"{role} description", "PartyLegalEntity/CompanyLegalForm"),
            Term(f"{role} ID", "PartyIdentification/ID"),
            Term(f"{role} registration", "PartyLegalEntity/CompanyID"),
            Term(f"{role} VAT ID", _VAT_ID, tax_id, _SCHEME),
            Term(f"{role} tax number", _TAX_ID, said=_SCHEME),
            *_address(role, "PostalAddress"),
            Term(f"{role} contact", "Contact/Name"),
            Term(f"{role} telephone", "Contact/Telephone"),
            Term(f"{role} fax", "Contact/Telefax"),
            Term(f"{role} e-mail", "Contact/ElectronicMail"),
            Term(f"{role} electronic address", "EndpointID"),
        ),
    )


def _reference(label: str, path: str) -> tuple[Term, Term]:
    return (Term(label, f"{path}/ID"), Term(f"{label} date", f"{path}/IssueDate"))


_HEAD = (
    Section(
        ".",
        (
            Term("{kind} number", "ID", Printed.NUMBER),
            Term("{kind} type", "*[self::InvoiceTypeCode or self::CreditNoteTypeCode]"),
            Term("{kind} date", "IssueDate", Printed.DATE),
            Term("Due date", "DueDate"),
        ),
    ),
    Section(
        ".",
        (
            Term("Currency", "DocumentCurrencyCode"),
            Term("Tax currency", "TaxCurrencyCode"),
            Term("Tax date", "TaxPointDate"),
            Term("Buyer reference", "BuyerReference"),
            Term("Buyer's account", "AccountingCost"),
            *_reference("Purchase order", "OrderReference"),
            Term("Sales order", "OrderReference/SalesOrderID"),
            *_reference("Contract", "ContractDocumentReference"),
            *_reference("Despatch advice", "DespatchDocumentReference"),
            *_reference("Receiving advice", "ReceiptDocumentReference"),
            *_reference("Tender", "OriginatorDocumentReference"),
            *_reference("Preceding invoice", "BillingReference/InvoiceDocumentReference"),
            Term("Project", "ProjectReference/ID"),
            Term("Delivery date", "Delivery/ActualDeliveryDate"),
            Term("Billing period start", "InvoicePeriod/StartDate"),
            Term("Billing period end", "InvoicePeriod/EndDate"),
            Term("Billing period code", "InvoicePeriod/DescriptionCode"),
            Term("Note", "Note"),
        ),
    ),
)

_PARTIES = (
    _party("Seller", "AccountingSupplierParty/Party", is_printed=True),
    _party("Tax representative", "TaxRepresentativeParty"),
    _party("Buyer", "AccountingCustomerParty/Party", is_printed=True),
    Section(
        "Delivery",
        (
            Term("Delivery name", "DeliveryParty/PartyName/Name"),
            Term("Delivery ID", "DeliveryLocation/ID"),
            *_address("Delivery", "DeliveryLocation/Address"),
        ),
    ),
    _party("Payee", "PayeeParty"),
)

_ITEMS = Section(
    _ITEM,
    (
        Term("Line", "ID"),
        Term("Item number", "Item/SellersItemIdentification/ID"),
        Term("Buyer's item number", "Item/BuyersItemIdentification/ID"),
        Term("Global item number", "Item/StandardItemIdentification/ID"),
        Term("Name", "Item/Name"),
        Term("Description", "Item/Description"),
        Term("Properties", "Item/AdditionalItemProperty"),
        Term("Origin", "Item/OriginCountry/IdentificationCode"),
        Term("Note", "Note"),
        Term("Period", "InvoicePeriod"),
        Term("Classification", "Item/CommodityClassification/ItemClassificationCode"),
        Term("Order line", "OrderLineReference/LineID"),
        Term("Buyer's account", "AccountingCost"),
        Term("Quantity", "*[self::InvoicedQuantity or self::CreditedQuantity]"),
        Term("Price allowance", "Price/AllowanceCharge"),
        Term("Net price", "Price/PriceAmount"),
        Term("Net price is for", "Price/BaseQuantity"),
        Term("Allowances and charges", "AllowanceCharge"),
        Term("Tax", "Item/ClassifiedTaxCategory/TaxScheme/ID"),
        Term("Category", "Item/ClassifiedTaxCategory/ID"),
        Term("Rate %", "Item/ClassifiedTaxCategory/Percent"),
        Term("Amount", "LineExtensionAmount", Printed.AMOUNT),
    ),
    "Line items",
)

_DOCUMENTS = Section(
    "AdditionalDocumentReference",
    (
        Term("Document", "ID"),
        Term("Type", "DocumentTypeCode"),
        Term("Description", "DocumentDescription"),
        Term("Location", "Attachment/ExternalReference/URI"),
        Term("File", "Attachment/EmbeddedDocumentBinaryObject"),
    ),
    "Supporting documents",
)

_ALLOWANCES = Section(
    "AllowanceCharge",
    (
        Term("Is a charge", "ChargeIndicator"),
        Term("Reason", "AllowanceChargeReason"),
        Term("Reason code", "AllowanceChargeReasonCode"),
        Term("Basis", "BaseAmount"),
        Term("Percent", "MultiplierFactorNumeric"),
        Term("Amount", "Amount"),
        Term("Tax", "TaxCategory/TaxScheme/ID"),
        Term("Category", "TaxCategory/ID"),
        Term("Rate %", "TaxCategory/Percent"),
    ),
    "Allowances and charges",
)

_TAXES = Section(
    "TaxTotal/TaxSubtotal",
    (
        Term("Tax", "TaxCategory/TaxScheme/ID"),
        Term("Category", "TaxCategory/ID"),
        Term("Rate %", "TaxCategory/Percent"),
        Term("Basis", "TaxableAmount", Printed.AMOUNT),
        Term("Tax amount", "TaxAmount", Printed.AMOUNT),
        Term("Exemption", "TaxCategory/TaxExemptionReason"),
        Term("Exemption code", "TaxCategory/TaxExemptionReasonCode"),
    ),
    "Taxes",
)

_TOTALS = Section(
    ".",
    (
        Term("Total of lines", "LegalMonetaryTotal/LineExtensionAmount"),
        Term("Total of charges", "LegalMonetaryTotal/ChargeTotalAmount"),
        Term("Total of allowances", "LegalMonetaryTotal/AllowanceTotalAmount"),
        Term("Total without tax", "LegalMonetaryTotal/TaxExclusiveAmount", Printed.AMOUNT),
        # Where there are several rates, their taxes may be printed without a sum.
        Term("Total tax", "TaxTotal/TaxAmount"),
        Term("Rounding", "LegalMonetaryTotal/PayableRoundingAmount"),
        Term("Grand total", "LegalMonetaryTotal/TaxInclusiveAmount", Printed.AMOUNT),
        Term("Paid in advance", "LegalMonetaryTotal/PrepaidAmount"),
        Term("Amount due", "LegalMonetaryTotal/PayableAmount", Printed.AMOUNT),
    ),
)

_PAYMENT = (
    Section(
        "PaymentMeans",
        (
            Term("Payment means", "PaymentMeansCode"),
            Term("Payment reference", "PaymentID"),
            Term("Due date", "PaymentDueDate"),
            Term("IBAN", f"PayeeFinancialAccount/ID[{_IS_IBAN}]", Printed.NUMBER),
            Term("Account number", f"PayeeFinancialAccount/ID[not({_IS_IBAN})]"),
            Term("Account name", "PayeeFinancialAccount/Name"),
            Term("BIC", "PayeeFinancialAccount/FinancialInstitutionBranch/ID"),
            Term("Card number", "CardAccount/PrimaryAccountNumberID"),
            Term("Card network", "CardAccount/NetworkID"),
            Term("Card holder", "CardAccount/HolderName"),
            Term("Direct debit mandate", "PaymentMandate/ID"),
            Term("Payer IBAN", "PaymentMandate/PayerFinancialAccount/ID"),
        ),
    ),
    Section("PaymentTerms", (Term("Payment terms", "Note"),)),
)

_PROFILE = Section(
    ".",
    (
        Term("Process", "ProfileID"),
        Term("Profile", "CustomizationID"),
        Term("UBL version", "UBLVersionID"),
    ),
)

SECTIONS = (*_HEAD, *_PARTIES, _ITEMS, _ALLOWANCES, _TAXES, _TOTALS, *_PAYMENT, _DOCUMENTS, _PROFILE)
"""In the order of the text. What none of them names follows after, by its path."""
