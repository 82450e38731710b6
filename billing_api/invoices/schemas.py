"""The forms of an invoice."""

from decimal import Decimal
from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.lifecycle import STATUSES
from billing_api.domain.money import currency as currency_named
from billing_api.domain.money import to_text
from billing_api.domain.tax import CATEGORIES
from billing_api.organizations.schemas import Address
from billing_api.web.decimals import Exact, Money, Price, amount_field, percentage_field, quantity_field, rate_field
from billing_api.web.fields import (
    Choice,
    Date,
    Flag,
    FlagText,
    Id,
    Instant,
    Integer,
    Metadata,
    Schema,
    Text,
    currency_field,
    refuse,
)
from billing_api.web.pagination import PageQuery, sort_field

MAX_LINES = 1000
TYPE_CODES = ("380", "384", "386", "389")
"""UNTDID 1001: commercial, corrected, prepayment and self-billed invoice."""


def converted(value: int | None, code: str | None) -> str | None:
    """An amount in another currency than its document's, as text."""
    return None if value is None or code is None else to_text(value, currency_named(code).decimals)


def tax_category_field(**kwargs: Any) -> Choice:
    """A tax category of UNCL 5305."""
    return Choice(*CATEGORIES, shape={"description": "UNCL 5305", "example": "S"}, **kwargs)


class Period(Schema):
    """A period, both days included."""

    start_date = Date(required=True)
    end_date = Date(required=True)

    @ma.validates_schema(skip_on_field_errors=True)
    def run_forward(self, data: dict[str, Any], **_: Any) -> None:
        if data["end_date"] < data["start_date"]:
            raise refuse("period-runs-backwards", "The period ends before it begins.", "/end_date")


class LineAdjustmentInput(Schema):
    """An allowance or a charge: an amount, or a percentage with its base."""

    amount = amount_field()
    percent = percentage_field()
    base_amount = amount_field()
    reason = Text(1000)
    reason_code = Text(8)


class AdjustmentInput(LineAdjustmentInput):
    """One of the whole document; without a category it is split over the tax groups."""

    tax_category = tax_category_field()
    tax_rate = rate_field()

    @ma.validates_schema(skip_on_field_errors=True)
    def rate_needs_category(self, data: dict[str, Any], **_: Any) -> None:
        if "tax_rate" in data and "tax_category" not in data:
            raise refuse("required", "A rate needs its category.", "/tax_category")


class TaxInput(Schema):
    """One of several taxes upon a line."""

    category = tax_category_field(load_default="S")
    rate = rate_field()
    name = Text(64)


class LineInput(Schema):
    """A line: what, how many, at which price, under which tax."""

    description = Text(1000, required=True, metadata={"example": "Consulting, October"})
    quantity = quantity_field(required=True)
    unit = Text(3, pattern="[A-Z0-9]{1,3}", load_default="C62", metadata={"description": "UN/ECE Recommendation 20."})
    unit_price = Price()
    gross_price = Price()
    price_discount = Price()
    base_quantity = quantity_field(load_default=Decimal(1))
    allowances = fields.List(fields.Nested(LineAdjustmentInput), load_default=list, validate=ma.validate.Length(max=50))
    charges = fields.List(fields.Nested(LineAdjustmentInput), load_default=list, validate=ma.validate.Length(max=50))
    tax_category = tax_category_field()
    tax_rate = rate_field()
    taxes = fields.List(fields.Nested(TaxInput), validate=ma.validate.Length(min=1, max=10))
    exemption_reason = Text(1000, load_default=None)
    exemption_reason_code = Text(32, load_default=None, metadata={"example": "VATEX-EU-132"})
    billing_period = fields.Nested(Period, load_default=None)
    details = Text(4000, load_default=None)
    sku = Text(128, load_default=None)
    order_line_reference = Text(128, load_default=None)
    metadata = Metadata(attribute="metadata_", load_default=dict)

    @ma.validates_schema(skip_on_field_errors=True)
    def name_taxes_once(self, data: dict[str, Any], **_: Any) -> None:
        if "taxes" in data and ("tax_category" in data or "tax_rate" in data):
            raise refuse("taxes-twice", "Give tax_category and tax_rate, or taxes, and not both.", "/taxes")


class ExchangeRate(Schema):
    """What one unit of the invoice's currency is worth in the tax currency."""

    rate = Exact(10, 10, required=True, metadata={"example": "0.7912"})
    date = Date(required=True)
    source = Text(128, metadata={"example": "ECB"})


class EarlyPaymentDiscount(Schema):
    """What the buyer may deduct when paying soon."""

    percent = percentage_field(required=True)
    days = Integer(0, 3650, required=True)


class PaymentInstructions(Schema):
    """How to pay: UNTDID 4461 and the reference to quote."""

    means_code = Text(3, pattern="[0-9A-Z]{1,3}", metadata={"example": "58"})
    remittance_reference = Text(140)


class Delivery(Schema):
    """Where it was delivered."""

    name = Text(255)
    address = fields.Nested(Address)


class PrecedingInvoice(Schema):
    """An earlier invoice that this one speaks of."""

    number = Text(64, required=True)
    issue_date = Date()
    invoice_id = Id()


class InvoiceBody(Schema):
    """What every way of writing an invoice takes."""

    customer_id = Id(required=True)
    currency = currency_field()
    type_code = Choice(*TYPE_CODES, load_default="380")
    issue_date = Date(load_default=None)
    due_date = Date(load_default=None)
    net_terms_days = Integer(0, 3650, load_default=None)
    supply_date = Date(load_default=None)
    billing_period = fields.Nested(Period, load_default=None)
    purchase_order_reference = Text(128, load_default=None)
    buyer_reference = Text(128, load_default=None)
    contract_reference = Text(128, load_default=None)
    project_reference = Text(128, load_default=None)
    notes = Text(4000, load_default=None)
    payment_terms = Text(1000, load_default=None)
    locale = Text(35, pattern="[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", load_default=None)
    delivery = fields.Nested(Delivery, load_default=None)
    early_payment_discount = fields.Nested(EarlyPaymentDiscount, load_default=None)
    payment_instructions = fields.Nested(PaymentInstructions, load_default=None)
    preceding_invoices = fields.List(
        fields.Nested(PrecedingInvoice), load_default=list, validate=ma.validate.Length(max=100)
    )
    prices_include_tax = Flag(load_default=False)
    lines = fields.List(fields.Nested(LineInput), load_default=list, validate=ma.validate.Length(max=MAX_LINES))
    allowances = fields.List(fields.Nested(AdjustmentInput), load_default=list, validate=ma.validate.Length(max=50))
    charges = fields.List(fields.Nested(AdjustmentInput), load_default=list, validate=ma.validate.Length(max=50))
    prepaid_amount = amount_field(load_default=None)
    rounding_amount = amount_field(load_default=None)
    cash_rounding_increment = amount_field(load_default=None)
    exchange_rate = fields.Nested(ExchangeRate, load_default=None)
    expected_total = amount_field(metadata={"description": "Refuse unless the total comes to this."})
    metadata = Metadata(attribute="metadata_", load_default=dict)

    @ma.validates_schema(skip_on_field_errors=True)
    def choose_one(self, data: dict[str, Any], **_: Any) -> None:
        for one, other in (("due_date", "net_terms_days"), ("rounding_amount", "cash_rounding_increment")):
            if data.get(one) is not None and data.get(other) is not None:
                raise refuse("mutually-exclusive", f"Give {one} or {other}, and not both.", f"/{other}")
        if data.get("due_date") and data.get("issue_date") and data["due_date"] < data["issue_date"]:
            raise refuse("due-before-issue", "It cannot be due before it is issued.", "/due_date")

    @ma.post_load(pass_original=True)
    def keep_request(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> dict[str, Any]:
        # A merge patch is merged into what the client asked for, and not into what came of it.
        passing = {"finalize", "expected_total"}
        data["request"] = {name: value for name, value in original.items() if name not in passing}
        return data


class InvoiceInput(InvoiceBody):
    """A new invoice: a draft, or with `finalize` issued at once."""

    finalize = Flag(load_default=False)


class PreviewInput(InvoiceInput):
    """An invoice to compute and not to keep; nobody need be named."""

    customer_id = Id(load_default=None)


class FinalizeInput(Schema):
    """How to issue a draft."""

    issue_date = Date(load_default=None)
    expected_total = amount_field(load_default=None, metadata={"description": "Refuse unless the total comes to this."})


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


class TaxOutput(Schema):
    """A tax upon a line."""

    category = fields.String(required=True)
    rate = Exact(4, 4, allow_none=True)
    name = fields.String(allow_none=True)


class LineOutput(Schema):
    """A line as it was computed."""

    id = Id(required=True)
    position = fields.Integer(required=True)
    description = fields.String(required=True)
    details = fields.String(allow_none=True)
    sku = fields.String(allow_none=True)
    order_line_reference = fields.String(allow_none=True)
    quantity = Exact(12, 6, required=True)
    unit = fields.String(required=True)
    unit_price = Price(required=True)
    gross_price = Price(allow_none=True)
    price_discount = Price(allow_none=True)
    base_quantity = Exact(12, 6, required=True)
    allowances = fields.List(fields.Nested(LineAdjustmentOutput), required=True)
    charges = fields.List(fields.Nested(LineAdjustmentOutput), required=True)
    amount = Money(required=True, metadata={"description": "Quantity times price, before allowances and charges."})
    allowance_total = Money(required=True)
    charge_total = Money(required=True)
    net = Money(required=True)
    gross = Money(allow_none=True, metadata={"description": "Including tax, where prices include it."})
    tax_category = fields.String(allow_none=True, metadata={"description": "Null where there are several taxes."})
    tax_rate = Exact(4, 4, allow_none=True)
    taxes = fields.List(fields.Nested(TaxOutput), required=True)
    exemption_reason = fields.String(allow_none=True)
    exemption_reason_code = fields.String(allow_none=True)
    billing_period = fields.Nested(Period, allow_none=True)
    metadata = Metadata(attribute="metadata_")


class TaxGroupOutput(Schema):
    """A row of the tax breakdown."""

    category = fields.String(required=True)
    rate = Exact(4, 4, required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    taxable_amount = Money(required=True)
    tax_amount = Money(required=True)
    tax_amount_in_tax_currency = fields.Method("in_tax_currency", allow_none=True, metadata={"type": "string"})
    exemption_reason = fields.String(required=True, allow_none=True)
    exemption_reason_code = fields.String(required=True, allow_none=True)

    def in_tax_currency(self, group: Any) -> str | None:
        return converted(group.tax_amount_in_tax_currency, group.invoice.tax_currency)


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
    blockers = fields.List(fields.Nested(BlockerOutput))


class InvoiceOutput(Schema):
    """An invoice, whole; in lists without `actions`."""

    id = Id(required=True, allow_none=True)
    number = fields.String(required=True, allow_none=True)
    status = Choice(*STATUSES, required=True, allow_none=True)
    type_code = fields.String(required=True)
    customer_id = Id(required=True, allow_none=True)
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
    delivery = fields.Dict(allow_none=True)
    early_payment_discount = fields.Dict(allow_none=True)
    payment_instructions = fields.Dict(allow_none=True)
    preceding_invoices = fields.List(fields.Dict())
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
    amount_credited = Money(required=True)
    amount_due = Money(required=True)
    overdue = fields.Boolean(required=True)
    exchange_rate = fields.Nested(ExchangeRate, attribute="exchange", allow_none=True)
    tax_currency = fields.String(allow_none=True)
    tax_total_in_tax_currency = fields.Method("in_tax_currency", allow_none=True, metadata={"type": "string"})
    seller = fields.Dict(required=True, allow_none=True)
    buyer = fields.Dict(required=True, allow_none=True)
    finalized_at = Instant(required=True, allow_none=True)
    paid_at = Instant(required=True, allow_none=True)
    voided_at = Instant(required=True, allow_none=True)
    marked_uncollectible_at = Instant(required=True, allow_none=True)
    metadata = Metadata(attribute="metadata_")
    created_at = Instant(required=True, allow_none=True)
    updated_at = Instant(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True)
    links = fields.Method("link", metadata={"type": "object"})
    actions = fields.List(fields.Nested(ActionOutput), metadata={"description": "Not in lists and previews."})
    customer = fields.Dict(metadata={"description": "With include=customer."})

    def in_tax_currency(self, invoice: Any) -> str | None:
        return converted(invoice.tax_total_in_tax_currency, invoice.tax_currency)

    def link(self, invoice: Any) -> dict[str, str]:
        if invoice.id is None:
            return {}
        return {"self": f"/v1/invoices/{invoice.id}", "customer": f"/v1/customers/{invoice.customer_id}"}


class InvoiceFilter(PageQuery):
    """Which invoices, in which order. Several statuses stand with commas between them."""

    sort = sort_field("created_at", "updated_at", "issue_date", "total")
    status = Text(64, pattern=rf"({'|'.join(STATUSES)})(,({'|'.join(STATUSES)}))*", metadata={"example": "open,paid"})
    customer_id = Id()
    currency = currency_field()
    number = Text(64)
    issue_date_from = Date()
    issue_date_to = Date()
    due_date_from = Date()
    due_date_to = Date()
    total_min = amount_field()
    total_max = amount_field()
    overdue = FlagText()
    updated_since = Instant()
    include = Choice("customer")

    @ma.validates_schema(skip_on_field_errors=True)
    def amounts_need_currency(self, data: dict[str, Any], **_: Any) -> None:
        for name in ("total_min", "total_max"):
            if name in data and "currency" not in data:
                raise ma.ValidationError({name: ["An amount can only be compared in a named currency."]})


class InvoiceQuery(Schema):
    """How to read one invoice."""

    include = Choice("customer")
