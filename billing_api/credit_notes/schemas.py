"""What a credit note looks like from outside, and how to look for one."""

from typing import Any

from marshmallow import fields

from billing_api.customers.schemas import CustomerOutput
from billing_api.invoices.bodies import ExchangeRate, PrecedingInvoice
from billing_api.invoices.line_bodies import Period
from billing_api.invoices.schemas import BuyerOutput, SellerOutput, TaxGroupOutput, TaxOutput, converted
from billing_api.payments.schemas import AllocationOutput
from billing_api.web.bodies import Metadata
from billing_api.web.decimals import Exact, Money, Price
from billing_api.web.fields import LINKS, Choice, Date, Id, Instant, Schema, Text
from billing_api.web.filters import TotalQuery, include_field, statuses_field
from billing_api.web.pagination import sort_field

_LESS = "How much less is credited than its amount, such as for its share in a discount."
_MORE = "How much more is credited than its amount, such as for its share in a charge."


class CreditNoteLineOutput(Schema):
    """A line of a credit note. What was credited by amount has neither quantity nor price."""

    id = Id(required=True)
    position = fields.Integer(required=True)
    invoice_line_id = Id(required=True, allow_none=True)
    description = fields.String(required=True)
    details = fields.String(allow_none=True)
    sku = fields.String(allow_none=True)
    order_line_reference = fields.String(allow_none=True)
    quantity = Exact(12, 6, required=True, allow_none=True)
    unit = fields.String(required=True)
    unit_price = Price(required=True, allow_none=True)
    base_quantity = Exact(12, 8, required=True)
    amount = Money(required=True, metadata={"description": "Quantity times price, before allowances and charges."})
    allowance_total = Money(required=True, metadata={"description": _LESS})
    charge_total = Money(required=True, metadata={"description": _MORE})
    net = Money(required=True)
    gross = Money(allow_none=True, metadata={"description": "Including tax, where prices include it."})
    tax_category = fields.String(allow_none=True, metadata={"description": "Null where there are several taxes."})
    tax_rate = Exact(4, 4, allow_none=True)
    tax_rate_id = Id(allow_none=True)
    taxes = fields.List(fields.Nested(TaxOutput), required=True)
    exemption_reason = fields.String(allow_none=True)
    exemption_reason_code = fields.String(allow_none=True)
    billing_period = fields.Nested(Period, allow_none=True)
    metadata = Metadata(attribute="metadata_")


class CreditNoteAdjustmentOutput(Schema):
    """What is credited of an allowance or a charge of the invoice that no line shares."""

    id = Id(required=True)
    invoice_adjustment_id = Id(required=True, attribute="adjustment_id")
    amount = Money(required=True)
    net = Money(required=True)
    reason = fields.String(allow_none=True)
    reason_code = fields.String(allow_none=True)
    tax_category = fields.String(allow_none=True)
    tax_rate = Exact(4, 4, allow_none=True)


class CreditNoteTaxGroupOutput(TaxGroupOutput):
    """A row of the tax breakdown of a credit note."""

    def in_tax_currency(self, group: Any) -> str | None:
        return converted(group.tax_amount_in_tax_currency, group.credit_note.tax_currency)


class CreditNoteOutput(Schema):
    """A credit note, and what became of its money."""

    id = Id(required=True)
    number = fields.String(required=True)
    status = Choice("available", "used", required=True)
    invoice_id = Id(required=True, allow_none=True)
    customer_id = Id(required=True)
    currency = fields.String(required=True)
    issue_date = Date(required=True, attribute="dated_on")
    reason = fields.String(required=True)
    settlement = Choice("balance", "refund", required=True)
    notes = fields.String(allow_none=True)
    purchase_order_reference = fields.String(allow_none=True)
    buyer_reference = fields.String(allow_none=True)
    contract_reference = fields.String(allow_none=True)
    project_reference = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    preceding_invoices = fields.List(fields.Nested(PrecedingInvoice))
    prices_include_tax = fields.Boolean(required=True)
    lines = fields.List(fields.Nested(CreditNoteLineOutput), required=True)
    allowances = fields.List(fields.Nested(CreditNoteAdjustmentOutput), required=True)
    charges = fields.List(fields.Nested(CreditNoteAdjustmentOutput), required=True)
    subtotal = Money(required=True)
    allowance_total = Money(required=True)
    charge_total = Money(required=True)
    total_without_tax = Money(required=True)
    tax_breakdown = fields.List(fields.Nested(CreditNoteTaxGroupOutput), required=True)
    tax_total = Money(required=True)
    total = Money(required=True)
    rounding_amount = Money(required=True)
    payable_amount = Money(required=True, attribute="amount")
    amount_allocated = Money(required=True)
    amount_refunded = Money(required=True)
    amount_available = Money(required=True)
    exchange_rate = fields.Nested(ExchangeRate, attribute="exchange", allow_none=True)
    tax_currency = fields.String(allow_none=True)
    tax_total_in_tax_currency = fields.Method("in_tax_currency", allow_none=True, metadata={"type": "string"})
    seller = fields.Nested(SellerOutput, required=True)
    buyer = fields.Nested(BuyerOutput, required=True)
    allocations = fields.List(fields.Nested(AllocationOutput), required=True)
    metadata = Metadata(attribute="metadata_")
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    customer = fields.Nested(CustomerOutput, metadata={"description": "With include=customer.", "x_optional": True})
    links = fields.Method("link", metadata=LINKS)

    def in_tax_currency(self, note: Any) -> str | None:
        return converted(note.tax_total_in_tax_currency, note.tax_currency)

    def link(self, note: Any) -> dict[str, str]:
        if note.id is None:
            return {}
        return {
            "self": f"/v1/credit-notes/{note.id}",
            "customer": f"/v1/customers/{note.customer_id}",
            **({"invoice": f"/v1/invoices/{note.invoice_id}"} if note.invoice_id else {}),
            "refunds": f"/v1/refunds?source_id={note.id}",
            "entries": f"/v1/ledger/entries?object_id={note.id}",
        }


class CreditNotePreviewOutput(CreditNoteOutput):
    """What a credit note would be that is kept nowhere."""

    id = Id(required=True, allow_none=True)
    number = fields.String(required=True, allow_none=True)
    status = Choice("available", "used", required=True, allow_none=True)
    customer_id = Id(required=True, allow_none=True)
    issue_date = Date(required=True, allow_none=True, attribute="dated_on")
    buyer = fields.Nested(BuyerOutput, required=True, allow_none=True)
    created_at = Instant(required=True, allow_none=True)
    updated_at = Instant(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)


class CreditNoteFilter(TotalQuery):
    """Which credit notes, in which order."""

    sort = sort_field("created_at", "updated_at", "issue_date", "total")
    status = statuses_field("available", "used", example="available")
    invoice_id = Id()
    customer_id = Id()
    number = Text(64)
    issue_date_from = Date()
    issue_date_to = Date()
    updated_since = Instant()
    include = include_field()
