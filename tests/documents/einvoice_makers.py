"""E-invoices for the tests: one invoice of one line, in each syntax."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invoice:
    """What the made invoices say."""

    number: str = "RE-2024/17"
    date: str = "20240131"
    seller: str = "Müller & Söhne GmbH"
    buyer: str = "Käufer AG"
    vat_id: str = "DE123456789"
    iban: str = "DE02120300000000202051"
    line: str = "1000.00"
    tax: str = "190.00"
    total: str = "1190.00"


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def cii(invoice: Invoice | None = None, *, more: str = "", head: str = "") -> bytes:
    """Write CII; `more` goes into the agreement, `head` before the root."""
    says = invoice or Invoice()
    return f"""<?xml version="1.0" encoding="UTF-8"?>{head}
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
 <rsm:ExchangedDocument>
  <ram:ID>{says.number}</ram:ID><ram:TypeCode>380</ram:TypeCode>
  <ram:IssueDateTime><udt:DateTimeString format="102">{says.date}</udt:DateTimeString></ram:IssueDateTime>
 </rsm:ExchangedDocument>
 <rsm:SupplyChainTradeTransaction>
  <ram:IncludedSupplyChainTradeLineItem>
   <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
   <ram:SpecifiedTradeProduct><ram:Name>Consulting | May</ram:Name></ram:SpecifiedTradeProduct>
   <ram:SpecifiedLineTradeAgreement>
    <ram:NetPriceProductTradePrice><ram:ChargeAmount>100.00</ram:ChargeAmount></ram:NetPriceProductTradePrice>
   </ram:SpecifiedLineTradeAgreement>
   <ram:SpecifiedLineTradeDelivery>
    <ram:BilledQuantity unitCode="HUR">10</ram:BilledQuantity>
   </ram:SpecifiedLineTradeDelivery>
   <ram:SpecifiedLineTradeSettlement>
    <ram:SpecifiedTradeSettlementLineMonetarySummation>
     <ram:LineTotalAmount>{says.line}</ram:LineTotalAmount>
    </ram:SpecifiedTradeSettlementLineMonetarySummation>
   </ram:SpecifiedLineTradeSettlement>
  </ram:IncludedSupplyChainTradeLineItem>
  <ram:ApplicableHeaderTradeAgreement>
   <ram:SellerTradeParty>
    <ram:Name>{_xml(says.seller)}</ram:Name>
    <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">{says.vat_id}</ram:ID></ram:SpecifiedTaxRegistration>
   </ram:SellerTradeParty>
   <ram:BuyerTradeParty><ram:Name>{_xml(says.buyer)}</ram:Name></ram:BuyerTradeParty>
   {more}
  </ram:ApplicableHeaderTradeAgreement>
  <ram:ApplicableHeaderTradeSettlement>
   <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
   <ram:SpecifiedTradeSettlementPaymentMeans>
    <ram:PayeePartyCreditorFinancialAccount><ram:IBANID>{says.iban}</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>
   </ram:SpecifiedTradeSettlementPaymentMeans>
   <ram:ApplicableTradeTax>
    <ram:CalculatedAmount>{says.tax}</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode>
    <ram:BasisAmount>{says.line}</ram:BasisAmount>
    <ram:RateApplicablePercent>19.00</ram:RateApplicablePercent>
   </ram:ApplicableTradeTax>
   <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    <ram:TaxTotalAmount currencyID="EUR">{says.tax}</ram:TaxTotalAmount>
    <ram:GrandTotalAmount>{says.total}</ram:GrandTotalAmount>
   </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
  </ram:ApplicableHeaderTradeSettlement>
 </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>""".encode()


CII_TEXT = """Invoice number: RE-2024/17
Invoice type: 380
Invoice date: 20240131

Currency: EUR

Seller name: Müller & Söhne GmbH
Seller VAT ID: DE123456789

Buyer name: Käufer AG

## Line items

| Line | Name | Quantity | Net price | Amount |
| --- | --- | --- | --- | --- |
| 1 | Consulting \\| May | 10 HUR | 100.00 | 1000.00 |

## Taxes

| Tax | Rate % | Basis | Tax amount |
| --- | --- | --- | --- |
| VAT | 19.00 | 1000.00 | 190.00 |

Total tax: 190.00
Grand total: 1190.00

IBAN: DE02120300000000202051
"""


def zugferd1() -> bytes:
    """Write the same as ZUGFeRD 1 calls it."""
    text = cii().decode()
    for new, old in {
        "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100": "urn:ferd:CrossIndustryDocument:invoice:1p0",
        "CrossIndustryInvoice": "CrossIndustryDocument",
        "rsm:ExchangedDocument": "rsm:HeaderExchangedDocument",
        "rsm:SupplyChainTradeTransaction": "rsm:SpecifiedSupplyChainTradeTransaction",
        "ApplicableHeaderTrade": "ApplicableSupplyChainTrade",
        "SpecifiedLineTrade": "SpecifiedSupplyChainTrade",
        "LineMonetarySummation": "MonetarySummation",
        "HeaderMonetarySummation": "MonetarySummation",
        "RateApplicablePercent": "ApplicablePercent",
    }.items():
        text = text.replace(new, old)
    return text.encode()


def ubl(root: str = "Invoice") -> bytes:
    """Write the same in UBL, as an invoice or a credit note."""
    says = Invoice()
    line, quantity = (
        ("InvoiceLine", "InvoicedQuantity") if root == "Invoice" else ("CreditNoteLine", "CreditedQuantity")
    )
    return f"""<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
 xmlns:a="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:b="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<b:ID>{says.number}</b:ID><b:IssueDate>2024-01-31</b:IssueDate><b:{root}TypeCode>380</b:{root}TypeCode>
<b:Note>first</b:Note><b:Note>second</b:Note><b:DocumentCurrencyCode>EUR</b:DocumentCurrencyCode>
<a:AccountingSupplierParty><a:Party>
 <a:PartyTaxScheme><b:CompanyID>{says.vat_id}</b:CompanyID>
  <a:TaxScheme><b:ID>VAT</b:ID></a:TaxScheme></a:PartyTaxScheme>
 <a:PartyLegalEntity><b:RegistrationName>{_xml(says.seller)}</b:RegistrationName></a:PartyLegalEntity>
</a:Party></a:AccountingSupplierParty>
<a:TaxTotal><b:TaxAmount currencyID="EUR">{says.tax}</b:TaxAmount></a:TaxTotal>
<a:LegalMonetaryTotal><b:PayableAmount currencyID="USD">{says.total}</b:PayableAmount></a:LegalMonetaryTotal>
<a:{line}><b:ID>1</b:ID><b:{quantity} unitCode="HUR">10</b:{quantity}>
 <b:LineExtensionAmount currencyID="EUR">{says.line}</b:LineExtensionAmount>
 <a:Item><b:Name>Consulting</b:Name></a:Item></a:{line}>
</{root}>""".encode()
