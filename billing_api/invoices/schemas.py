"""What an invoice looks like from outside, and how to look for one."""

from typing import Any

from marshmallow import fields

from billing_api.customers.schemas import CustomerOutput
from billing_api.domain.lifecycle import SETTLEMENTS, STATUSES
from billing_api.domain.money import currency as currency_named
from billing_api.domain.money import to_text
from billing_api.invoices.bodies import (
    Delivery,
    EarlyPaymentDiscount,
    ExchangeRate,
    PaymentInstructions,
    PrecedingInvoice,
)
from billing_api.invoices.explanations import CalculationOutput
from billing_api.invoices.line_bodies import Period
from billing_api.organizations.schemas import OrganizationOutput
from billing_api.web.bodies import Metadata
from billing_api.web.decimals import Exact, Money, Price
from billing_api.web.fields import LINKS, Choice, Date, FlagText, Id, Instant, Schema, Text
from billing_api.web.filters import TotalQuery, include_field, statuses_field
from billing_api.web.pagination import sort_field


def converted(value: int | None, code: str | None) -> str | None:
    """An amount in another currency than its document's, as text."""
    return None if value is None or code is None else to_text(value, currency_named(code).decimals)


class Part(Schema):
    """The part of an allowance or charge that falls upon a tax group."""

    category = fields.String(required=True)
    rate = fields.String(allow_none=True)
    name = fields.String(allow_none=True)
    amount = fields.String(required=True)


class LineAdjustmentOutput(Schema):
    """An allowance or a charge of a line, with the amount that it came to."""

    id = Id(required=True)
    amount = Money(required=True)
    percent = Exact(6, 4, allow_none=True)
    base_amount = Money(allow_none=True)
    reason = fields.String(allow_none=True)
    reason_code = fields.String(allow_none=True)


class AdjustmentOutput(LineAdjustmentOutput):
    """One of the whole document, with how it was split where it names no category."""

    tax_category = fields.String(allow_none=True)
    tax_rate = Exact(4, 4, allow_none=True)
    parts = fields.List(fields.Nested(Part))
    creditable_amount = Money(required=True, allow_none=True)


class ComponentOutput(Schema):
    """A part of a combined rate."""

    name = fields.String(required=True)
    rate = Exact(4, 4, required=True)


class TaxOutput(Schema):
    """A tax upon a line."""

    category = fields.String(required=True)
    rate = Exact(4, 4, allow_none=True)
    name = fields.String(allow_none=True)
    tax_rate_id = Id(allow_none=True)
    components = fields.List(fields.Nested(ComponentOutput))


class GroupComponentOutput(ComponentOutput):
    """The share of a part of a combined rate in the tax of its group."""

    tax_amount = Money(required=True)


class LineOutput(Schema):
    """A line as it was computed."""

    id = Id(required=True)
    position = fields.Integer(required=True)
    product_id = Id(allow_none=True)
    description = fields.String(required=True)
    details = fields.String(allow_none=True)
    sku = fields.String(allow_none=True)
    order_line_reference = fields.String(allow_none=True)
    quantity = Exact(12, 6, required=True)
    unit = fields.String(required=True)
    unit_price = Price(required=True)
    gross_price = Price(allow_none=True)
    price_discount = Price(allow_none=True)
    base_quantity = Exact(12, 8, required=True)
    allowances = fields.List(fields.Nested(LineAdjustmentOutput), required=True)
    charges = fields.List(fields.Nested(LineAdjustmentOutput), required=True)
    amount = Money(required=True, metadata={"description": "Quantity times price, before allowances and charges."})
    allowance_total = Money(required=True)
    charge_total = Money(required=True)
    net = Money(required=True)
    gross = Money(allow_none=True, metadata={"description": "Including tax, where prices include it."})
    tax_category = fields.String(allow_none=True, metadata={"description": "Null where there are several taxes."})
    tax_rate = Exact(4, 4, allow_none=True)
    tax_rate_id = Id(allow_none=True)
    taxes = fields.List(fields.Nested(TaxOutput), required=True)
    exemption_reason = fields.String(allow_none=True)
    exemption_reason_code = fields.String(allow_none=True)
    billing_period = fields.Nested(Period, allow_none=True)
    creditable_quantity = Exact(12, 6, required=True)
    creditable_net = Money(required=True)
    metadata = Metadata(attribute="metadata_")


class TaxGroupOutput(Schema):
    """A row of the tax breakdown."""

    category = fields.String(required=True)
    rate = Exact(4, 4, required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    taxable_amount = Money(required=True)
    tax_amount = Money(required=True)
    components = fields.List(fields.Nested(GroupComponentOutput), required=True)
    tax_amount_in_tax_currency = fields.Method("in_tax_currency", allow_none=True, metadata={"type": "string"})
    exemption_reason = fields.String(required=True, allow_none=True)
    exemption_reason_code = fields.String(required=True, allow_none=True)

    def in_tax_currency(self, group: Any) -> str | None:
        return converted(group.tax_amount_in_tax_currency, group.invoice.tax_currency)


def _at_times(when: str) -> dict[str, Any]:
    return {"description": when, "x_optional": True}


class BlockerOutput(Schema):
    """Something that finalization still asks for."""

    pointer = fields.String(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ActionOutput(Schema):
    """What can be done with an invoice, and why not."""

    name = fields.String(required=True)
    allowed = fields.Boolean(required=True)
    method = fields.String(required=True)
    href = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    blockers = fields.List(fields.Nested(BlockerOutput), metadata=_at_times("Only of a draft's finalize."))


class SellerOutput(OrganizationOutput):
    """The seller, as it was when the invoice was issued."""

    class Meta:
        fields = (
            "id", "name", "legal_name", "address", "country", "tax_ids", "registration_number", "tax_registered",
            "time_zone", "bank_account", "email", "phone", "contact", "electronic_address", "legal_notice",
        )  # fmt: skip


class BuyerOutput(CustomerOutput):
    """The buyer, as it was when the invoice was issued."""

    class Meta:
        fields = (
            "id", "type", "name", "legal_name", "email", "billing_emails", "external_id", "tax_ids",
            "registration_number", "billing_address", "shipping_address", "phone", "contact", "electronic_address",
            "locale", "tax_treatment", "exemption",
        )  # fmt: skip


class InvoiceOutput(Schema):
    """An invoice, whole; in lists without `actions`."""

    id = Id(required=True)
    number = fields.String(required=True, allow_none=True)
    status = Choice(*STATUSES, required=True)
    type_code = fields.String(required=True)
    customer_id = Id(required=True)
    currency = fields.String(required=True)
    issue_date = Date(required=True, allow_none=True)
    due_date = Date(required=True, allow_none=True)
    net_terms_days = fields.Integer(required=True, allow_none=True)
    supply_date = Date(required=True, allow_none=True)
    billing_period = fields.Nested(Period, required=True, allow_none=True)
    purchase_order_reference = fields.String(allow_none=True)
    buyer_reference = fields.String(allow_none=True)
    contract_reference = fields.String(allow_none=True)
    project_reference = fields.String(allow_none=True)
    notes = fields.String(allow_none=True)
    payment_terms = fields.String(allow_none=True)
    locale = fields.String(allow_none=True)
    delivery = fields.Nested(Delivery, allow_none=True)
    early_payment_discount = fields.Nested(EarlyPaymentDiscount, allow_none=True)
    payment_instructions = fields.Nested(PaymentInstructions, allow_none=True)
    preceding_invoices = fields.List(fields.Nested(PrecedingInvoice))
    prices_include_tax = fields.Boolean(required=True)
    lines = fields.List(fields.Nested(LineOutput), required=True)
    allowances = fields.List(fields.Nested(AdjustmentOutput), required=True)
    charges = fields.List(fields.Nested(AdjustmentOutput), required=True)
    subtotal = Money(required=True)
    allowance_total = Money(required=True)
    charge_total = Money(required=True)
    total_without_tax = Money(required=True)
    tax_breakdown = fields.List(fields.Nested(TaxGroupOutput), required=True)
    tax_total = Money(required=True)
    total = Money(required=True)
    prepaid_amount = Money(required=True)
    rounding_amount = Money(required=True)
    cash_rounding_increment = Money(allow_none=True)
    payable_amount = Money(required=True)
    amount_paid = Money(required=True)
    amount_settled_before = Money(required=True)
    amount_credited = Money(required=True)
    amount_due = Money(required=True)
    amount_creditable = Money(required=True)
    overdue = fields.Boolean(required=True)
    partially_paid = fields.Boolean(required=True)
    settled_by = Choice(*SETTLEMENTS, required=True, allow_none=True)
    exchange_rate = fields.Nested(ExchangeRate, attribute="exchange", allow_none=True)
    tax_currency = fields.String(allow_none=True)
    tax_total_in_tax_currency = fields.Method("in_tax_currency", allow_none=True, metadata={"type": "string"})
    seller = fields.Nested(SellerOutput, required=True, allow_none=True)
    buyer = fields.Nested(BuyerOutput, required=True, allow_none=True)
    finalized_at = Instant(required=True, allow_none=True)
    imported_at = Instant(required=True, allow_none=True)
    paid_at = Instant(required=True, allow_none=True)
    voided_at = Instant(required=True, allow_none=True)
    void_reason = fields.String(required=True, allow_none=True)
    marked_uncollectible_at = Instant(required=True, allow_none=True)
    reopened_at = Instant(required=True, allow_none=True)
    marked_collectible_at = Instant(required=True, allow_none=True)
    sent_at = Instant(required=True, allow_none=True)
    revision_of_id = Id(required=True, allow_none=True)
    revised_by_id = Id(required=True, allow_none=True)
    metadata = Metadata(attribute="metadata_")
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Method("link", metadata=LINKS)
    actions = fields.List(fields.Nested(ActionOutput), metadata=_at_times("Not in lists; empty in previews."))
    customer = fields.Nested(CustomerOutput, metadata=_at_times("With include=customer."))
    calculation = fields.Nested(CalculationOutput, metadata=_at_times("Of a preview with include=calculation."))

    def in_tax_currency(self, invoice: Any) -> str | None:
        return converted(invoice.tax_total_in_tax_currency, invoice.tax_currency)

    def link(self, invoice: Any) -> dict[str, str]:
        if invoice.id is None:
            return {}
        return {"self": f"/v1/invoices/{invoice.id}", "customer": f"/v1/customers/{invoice.customer_id}"}


class InvoicePreviewOutput(InvoiceOutput):
    """What an invoice would be that is kept nowhere."""

    id = Id(required=True, allow_none=True)
    status = Choice(*STATUSES, required=True, allow_none=True)
    customer_id = Id(required=True, allow_none=True)
    created_at = Instant(required=True, allow_none=True)
    updated_at = Instant(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)


class InvoiceFilter(TotalQuery):
    """Which invoices, in which order."""

    sort = sort_field("created_at", "updated_at", "issue_date", "total")
    status = statuses_field(*STATUSES, example="open,paid")
    customer_id = Id()
    number = Text(64)
    issue_date_from = Date()
    issue_date_to = Date()
    due_date_from = Date()
    due_date_to = Date()
    overdue = FlagText()
    updated_since = Instant()
    include = include_field()
