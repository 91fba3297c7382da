"""Where CII keeps its terms: ZUGFeRD 2, Factur-X, XRechnung and Order-X; ZUGFeRD 1 is given the same names."""

from kvprep.documents.einvoices.terms import Printed, Section, Term

_TRADE = "SupplyChainTradeTransaction"
_AGREEMENT = f"{_TRADE}/ApplicableHeaderTradeAgreement"
_DELIVERY = f"{_TRADE}/ApplicableHeaderTradeDelivery"
_SETTLEMENT = f"{_TRADE}/ApplicableHeaderTradeSettlement"
_MEANS = f"{_SETTLEMENT}/SpecifiedTradeSettlementPaymentMeans"
_SUMS = "*[contains(name(), 'MonetarySummation')]"
# A date stands in an element of its own type, or, in old files, in the element itself.
_DATE = "descendant-or-self::*[not(*)]"
_ID = "*[self::IssuerAssignedID or self::ID]"
_TAX_ID = "SpecifiedTaxRegistration/ID[@schemeID='{}']"


def _party(role: str, path: str, *, is_printed: bool = False) -> Section:
    name = Printed.NAME if is_printed else Printed.UNSURE
    tax_id = Printed.NUMBER if is_printed and role == "Seller" else Printed.UNSURE
    return Section(
        path,
        (
            Term(f"{role} name", "Name", name),
            Term(f"{role} trading name", "SpecifiedLegalOrganization/TradingBusinessName"),
            Term(f"{role} description", "Description"),
            Term(f"{role} ID", "ID"),
            Term(f"{role} global ID", "GlobalID"),
            Term(f"{role} registration", "SpecifiedLegalOrganization/ID"),
            Term(f"{role} VAT ID", _TAX_ID.format("VA"), tax_id, ("@schemeID",)),
            Term(f"{role} tax number", _TAX_ID.format("FC"), said=("@schemeID",)),
            Term(f"{role} street", "PostalTradeAddress/LineOne"),
            Term(f"{role} address line 2", "PostalTradeAddress/LineTwo"),
            Term(f"{role} address line 3", "PostalTradeAddress/LineThree"),
            Term(f"{role} postcode", "PostalTradeAddress/PostcodeCode"),
            Term(f"{role} city", "PostalTradeAddress/CityName"),
            Term(f"{role} region", "PostalTradeAddress/CountrySubDivisionName"),
            Term(f"{role} country", "PostalTradeAddress/CountryID"),
            Term(f"{role} contact", "DefinedTradeContact/PersonName"),
            Term(f"{role} department", "DefinedTradeContact/DepartmentName"),
            Term(f"{role} telephone", "DefinedTradeContact/TelephoneUniversalCommunication/CompleteNumber"),
            Term(f"{role} fax", "DefinedTradeContact/FaxUniversalCommunication/CompleteNumber"),
            Term(f"{role} e-mail", "DefinedTradeContact/EmailURIUniversalCommunication/URIID"),
            Term(f"{role} electronic address", "URIUniversalCommunication/URIID"),
        ),
    )


def _reference(label: str, path: str) -> tuple[Term, Term]:
    return (
        Term(label, f"{path}/{_ID}"),
        Term(f"{label} date", f"{path}/*[self::FormattedIssueDateTime or self::IssueDateTime]/{_DATE}"),
    )


_HEAD = (
    Section(
        "ExchangedDocument",
        (
            Term("{kind} number", "ID", Printed.NUMBER),
            Term("{kind} type", "TypeCode"),
            Term("{kind} name", "Name"),
            Term("{kind} date", f"IssueDateTime/{_DATE}", Printed.DATE),
            Term("Language", "LanguageID"),
        ),
    ),
    Section(
        _TRADE,
        (
            Term(
                "Currency",
                "ApplicableHeaderTradeSettlement/*[self::InvoiceCurrencyCode or self::OrderCurrencyCode]",
            ),
            Term("Tax currency", "ApplicableHeaderTradeSettlement/TaxCurrencyCode"),
            Term("Buyer's account", "ApplicableHeaderTradeSettlement/ReceivableSpecifiedTradeAccountingAccount/ID"),
            Term("Buyer reference", "ApplicableHeaderTradeAgreement/BuyerReference"),
            *_reference("Purchase order", "ApplicableHeaderTradeAgreement/BuyerOrderReferencedDocument"),
            *_reference("Sales order", "ApplicableHeaderTradeAgreement/SellerOrderReferencedDocument"),
            *_reference("Contract", "ApplicableHeaderTradeAgreement/ContractReferencedDocument"),
            *_reference("Delivery note", "ApplicableHeaderTradeDelivery/DeliveryNoteReferencedDocument"),
            *_reference("Despatch advice", "ApplicableHeaderTradeDelivery/DespatchAdviceReferencedDocument"),
            *_reference("Receiving advice", "ApplicableHeaderTradeDelivery/ReceivingAdviceReferencedDocument"),
            *_reference("Preceding invoice", "ApplicableHeaderTradeSettlement/InvoiceReferencedDocument"),
            Term("Project", "ApplicableHeaderTradeAgreement/SpecifiedProcuringProject"),
            Term(
                "Delivery date",
                f"ApplicableHeaderTradeDelivery/ActualDeliverySupplyChainEvent/OccurrenceDateTime/{_DATE}",
            ),
            Term(
                "Billing period start", f"ApplicableHeaderTradeSettlement/BillingSpecifiedPeriod/StartDateTime/{_DATE}"
            ),
            Term("Billing period end", f"ApplicableHeaderTradeSettlement/BillingSpecifiedPeriod/EndDateTime/{_DATE}"),
        ),
    ),
    Section(
        "ExchangedDocument/IncludedNote",
        (Term("Note", "Content"), Term("Note code", "ContentCode"), Term("Note subject", "SubjectCode")),
    ),
)

_PARTIES = (
    _party("Seller", f"{_AGREEMENT}/SellerTradeParty", is_printed=True),
    _party("Tax representative", f"{_AGREEMENT}/SellerTaxRepresentativeTradeParty"),
    _party("Buyer", f"{_AGREEMENT}/BuyerTradeParty", is_printed=True),
    _party("Requisitioner", f"{_AGREEMENT}/BuyerRequisitionerTradeParty"),
    _party("Invoicee", f"{_SETTLEMENT}/InvoiceeTradeParty"),
    _party("Delivery", f"{_DELIVERY}/ShipToTradeParty"),
    _party("Ship-from", f"{_DELIVERY}/ShipFromTradeParty"),
    _party("Payee", f"{_SETTLEMENT}/PayeeTradeParty"),
)

_ITEMS = Section(
    f"{_TRADE}/IncludedSupplyChainTradeLineItem",
    (
        Term("Line", "AssociatedDocumentLineDocument/LineID"),
        Term("Item number", "SpecifiedTradeProduct/SellerAssignedID"),
        Term("Buyer's item number", "SpecifiedTradeProduct/BuyerAssignedID"),
        Term("Global item number", "SpecifiedTradeProduct/GlobalID"),
        Term("Name", "SpecifiedTradeProduct/Name"),
        Term("Description", "SpecifiedTradeProduct/Description"),
        Term("Properties", "SpecifiedTradeProduct/ApplicableProductCharacteristic"),
        Term("Origin", "SpecifiedTradeProduct/OriginTradeCountry/ID"),
        Term("Note", "AssociatedDocumentLineDocument/IncludedNote"),
        Term("Period", "SpecifiedLineTradeSettlement/BillingSpecifiedPeriod"),
        Term("Classification", "SpecifiedTradeProduct/DesignatedProductClassification"),
        Term("Order line", "SpecifiedLineTradeAgreement/BuyerOrderReferencedDocument/LineID"),
        Term("Buyer's account", "SpecifiedLineTradeSettlement/ReceivableSpecifiedTradeAccountingAccount/ID"),
        Term("Quantity", "SpecifiedLineTradeDelivery/*[self::BilledQuantity or self::RequestedQuantity]"),
        Term("Packages", "SpecifiedLineTradeDelivery/PackageQuantity"),
        Term("Gross price", "SpecifiedLineTradeAgreement/GrossPriceProductTradePrice/ChargeAmount"),
        Term("Gross price is for", "SpecifiedLineTradeAgreement/GrossPriceProductTradePrice/BasisQuantity"),
        Term(
            "Price allowance",
            "SpecifiedLineTradeAgreement/GrossPriceProductTradePrice/AppliedTradeAllowanceCharge",
        ),
        Term("Net price", "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount"),
        Term("Net price is for", "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/BasisQuantity"),
        Term("Allowances and charges", "SpecifiedLineTradeSettlement/SpecifiedTradeAllowanceCharge"),
        Term("Tax", "SpecifiedLineTradeSettlement/ApplicableTradeTax/TypeCode"),
        Term("Category", "SpecifiedLineTradeSettlement/ApplicableTradeTax/CategoryCode"),
        Term("Rate %", "SpecifiedLineTradeSettlement/ApplicableTradeTax/RateApplicablePercent"),
        Term("Amount", f"SpecifiedLineTradeSettlement/{_SUMS}/LineTotalAmount", Printed.AMOUNT),
    ),
    "Line items",
)

_DOCUMENTS = Section(
    f"{_AGREEMENT}/AdditionalReferencedDocument",
    (
        Term("Document", _ID),
        Term("Type", "TypeCode"),
        Term("Reference type", "ReferenceTypeCode"),
        Term("Description", "Name"),
        Term("Date", f"*[self::FormattedIssueDateTime or self::IssueDateTime]/{_DATE}"),
        Term("Location", "URIID"),
        Term("File", "AttachmentBinaryObject"),
    ),
    "Supporting documents",
)

_ALLOWANCES = Section(
    f"{_SETTLEMENT}/SpecifiedTradeAllowanceCharge",
    (
        Term("Is a charge", "ChargeIndicator"),
        Term("Reason", "Reason"),
        Term("Reason code", "ReasonCode"),
        Term("Basis", "BasisAmount"),
        Term("Percent", "CalculationPercent"),
        Term("Amount", "ActualAmount"),
        Term("Tax", "CategoryTradeTax/TypeCode"),
        Term("Category", "CategoryTradeTax/CategoryCode"),
        Term("Rate %", "CategoryTradeTax/RateApplicablePercent"),
    ),
    "Allowances and charges",
)

_SERVICES = Section(
    f"{_SETTLEMENT}/SpecifiedLogisticsServiceCharge",
    (
        Term("Description", "Description"),
        Term("Amount", "AppliedAmount"),
        Term("Tax", "AppliedTradeTax/TypeCode"),
        Term("Category", "AppliedTradeTax/CategoryCode"),
        Term("Rate %", "AppliedTradeTax/RateApplicablePercent"),
    ),
    "Logistics charges",
)

_TAXES = Section(
    f"{_SETTLEMENT}/ApplicableTradeTax",
    (
        Term("Tax", "TypeCode"),
        Term("Category", "CategoryCode"),
        Term("Rate %", "RateApplicablePercent"),
        Term("Line total", "LineTotalBasisAmount"),
        Term("Allowances and charges", "AllowanceChargeBasisAmount"),
        Term("Basis", "BasisAmount", Printed.AMOUNT),
        Term("Tax amount", "CalculatedAmount", Printed.AMOUNT),
        Term("Exemption", "ExemptionReason"),
        Term("Exemption code", "ExemptionReasonCode"),
        Term("Tax date", "TaxPointDate"),
        Term("Due date type", "DueDateTypeCode"),
    ),
    "Taxes",
)

_TOTALS = Section(
    f"{_SETTLEMENT}/{_SUMS}",
    (
        Term("Total of lines", "LineTotalAmount"),
        Term("Total of charges", "ChargeTotalAmount"),
        Term("Total of allowances", "AllowanceTotalAmount"),
        Term("Total without tax", "TaxBasisTotalAmount", Printed.AMOUNT),
        # Where there are several rates, their taxes may be printed without a sum.
        Term("Total tax", "TaxTotalAmount"),
        Term("Rounding", "RoundingAmount"),
        Term("Grand total", "GrandTotalAmount", Printed.AMOUNT),
        Term("Paid in advance", "TotalPrepaidAmount"),
        Term("Amount due", "DuePayableAmount", Printed.AMOUNT),
    ),
)

_PAYMENT = (
    Section(
        _SETTLEMENT,
        (
            Term("Payment reference", "PaymentReference"),
            Term("Creditor ID", "CreditorReferenceID"),
        ),
    ),
    Section(
        _MEANS,
        (
            Term("Payment means", "TypeCode"),
            Term("Payment information", "Information"),
            Term("IBAN", "PayeePartyCreditorFinancialAccount/IBANID", Printed.NUMBER),
            Term("Account name", "PayeePartyCreditorFinancialAccount/AccountName"),
            Term("Account number", "PayeePartyCreditorFinancialAccount/ProprietaryID"),
            Term("BIC", "PayeeSpecifiedCreditorFinancialInstitution/BICID"),
            Term("Bank code", "PayeeSpecifiedCreditorFinancialInstitution/GermanBankleitzahlID"),
            Term("Bank", "PayeeSpecifiedCreditorFinancialInstitution/Name"),
            Term("Card number", "ApplicableTradeSettlementFinancialCard/ID"),
            Term("Card holder", "ApplicableTradeSettlementFinancialCard/CardholderName"),
            Term("Payer IBAN", "PayerPartyDebtorFinancialAccount/IBANID"),
            Term("Payer BIC", "PayerSpecifiedDebtorFinancialInstitution/BICID"),
            Term("Payer bank", "PayerSpecifiedDebtorFinancialInstitution/Name"),
        ),
    ),
    Section(
        f"{_SETTLEMENT}/SpecifiedTradePaymentTerms",
        (
            Term("Payment terms", "Description"),
            Term("Due date", f"DueDateDateTime/{_DATE}"),
            Term("Direct debit mandate", "DirectDebitMandateID"),
            Term("Discount", "ApplicableTradePaymentDiscountTerms"),
        ),
    ),
)

_PROFILE = Section(
    "ExchangedDocumentContext",
    (
        Term("Process", "BusinessProcessSpecifiedDocumentContextParameter/ID"),
        Term("Profile", "GuidelineSpecifiedDocumentContextParameter/ID"),
        Term("Test", "TestIndicator"),
    ),
)

SECTIONS = (*_HEAD, *_PARTIES, _ITEMS, _ALLOWANCES, _SERVICES, _TAXES, _TOTALS, *_PAYMENT, _DOCUMENTS, _PROFILE)
"""In the order of the text. What none of them names follows after, by its path."""
