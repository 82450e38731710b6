"""The forms of payments and refunds."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.customers.schemas import CustomerOutput
from billing_api.domain.methods import METHODS
from billing_api.web.bodies import Body, Metadata, Reference, Several
from billing_api.web.decimals import Money, amount_field
from billing_api.web.fields import LINKS, Choice, Date, Id, Instant, OneLine, Prose, Schema
from billing_api.web.filters import SearchQuery, include_field, statuses_field
from billing_api.web.lists import currency_field
from billing_api.web.pagination import PageQuery, sort_field

_OVERPAYMENT = "What becomes of money that is more than is due: `balance` keeps it to the customer's credit."


def method_field() -> Choice:
    """How money moves."""
    return Choice(*METHODS, load_default="other", metadata={"example": "bank_transfer"})


class AllocationInput(Body):
    """What an invoice gets of a payment."""

    invoice_id = Reference("invoice", required=True)
    amount = amount_field(required=True, is_positive=True)


class InvoicePaymentInput(Body):
    """A payment of one invoice."""

    examples: dict[str, dict[str, Any]] = {
        "A bank transfer": {"amount": "100.00", "method": "bank_transfer", "reference": "2026-11-20/4711"},
        "More than is due": {"amount": "9000.00", "method": "card", "overpayment": "balance"},
    }

    amount = amount_field(required=True, is_positive=True)
    currency = currency_field(load_default=None)
    payment_date = Date(load_default=None)
    method = method_field()
    reference = OneLine(140, load_default=None)
    overpayment = Choice("balance", load_default=None, metadata={"description": _OVERPAYMENT})
    metadata = Metadata(attribute="metadata_", load_default=dict)


class PaymentInput(InvoicePaymentInput):
    """A payment of a customer's."""

    examples = {
        "To the customer's credit": {
            "customer_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e",
            "amount": "250.00",
            "currency": "EUR",
            "method": "bank_transfer",
            "reference": "2026-11-20/4712",
        },
    }

    customer_id = Reference("customer", required=True)
    currency = currency_field(required=True)
    allocations = Several(fields.Nested(AllocationInput), 100, load_default=list)


class PaymentEdit(Body):
    """What may be changed of a payment."""

    patches = {"A reference": {"reference": "2026-11-20/4713", "metadata": {"statement": "211"}}}

    reference = OneLine(140, load_default=None)
    metadata = Metadata(attribute="metadata_", load_default=dict)

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        # In a merge patch null means "remove", so an absent member is how a null one is written.
        return {name: value for name, value in data.items() if value is not None}


class ReverseInput(Body):
    """Why a payment is undone."""

    examples: dict[str, dict[str, Any]] = {"Sent back": {"reason": "The bank has sent the direct debit back."}}

    reason = Prose(1000, required=True)


class ApplyInput(Body):
    """How much of the customer's credit to apply; as far as it goes, where nothing is said."""

    examples: dict[str, dict[str, Any]] = {"As far as it goes": {}, "A part": {"amount": "10.00"}}

    amount = amount_field(load_default=None, is_positive=True)


class RefundInput(Body):
    """Money that goes back."""

    examples: dict[str, dict[str, Any]] = {"A bank transfer": {"amount": "10.00", "method": "bank_transfer"}}

    amount = amount_field(required=True, is_positive=True)
    payment_date = Date(load_default=None)
    method = method_field()
    reference = OneLine(140, load_default=None)


class AllocationOutput(Schema):
    """What an invoice got, until it was released."""

    id = Id(required=True)
    invoice_id = Id(required=True)
    amount = Money(required=True)
    allocated_on = Date(required=True)
    created_at = Instant(required=True)
    released_on = Date(required=True, allow_none=True)
    released_at = Instant(required=True, allow_none=True)


class PaymentOutput(Schema):
    """A payment, and what became of it."""

    id = Id(required=True)
    customer_id = Id(required=True)
    status = Choice("received", "reversed", required=True)
    amount = Money(required=True)
    currency = fields.String(required=True)
    amount_allocated = Money(required=True)
    amount_refunded = Money(required=True)
    amount_available = Money(required=True)
    payment_date = Date(required=True, attribute="dated_on")
    method = Choice(*METHODS, required=True)
    reference = fields.String(required=True, allow_none=True)
    allocations = fields.List(fields.Nested(AllocationOutput), required=True)
    reversed_at = Instant(required=True, allow_none=True)
    reversal_reason = fields.String(required=True, allow_none=True)
    metadata = Metadata(attribute="metadata_")
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    customer = fields.Nested(CustomerOutput, metadata={"description": "With include=customer.", "x_optional": True})
    links = fields.Function(
        lambda payment: {
            "self": f"/v1/payments/{payment.id}",
            "customer": f"/v1/customers/{payment.customer_id}",
            "refunds": f"/v1/refunds?source_id={payment.id}",
            "entries": f"/v1/ledger/entries?object_id={payment.id}",
        },
        metadata=LINKS,
    )


class SourceReference(Schema):
    """The document that money came out of."""

    type = Choice("payment", "credit_note", "invoice", required=True)
    id = Id(required=True)


class RefundOutput(Schema):
    """A refund; it stands as it is."""

    id = Id(required=True)
    source = fields.Nested(SourceReference, required=True)
    customer_id = Id(required=True)
    amount = Money(required=True)
    currency = fields.String(required=True)
    payment_date = Date(required=True)
    method = Choice(*METHODS, required=True)
    reference = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    links = fields.Function(
        lambda refund: {
            "self": f"/v1/refunds/{refund.id}",
            "source": f"/v1/{refund.source_type.replace('_', '-')}s/{refund.source_id}",
            "customer": f"/v1/customers/{refund.customer_id}",
            "entries": f"/v1/ledger/entries?object_id={refund.id}",
        },
        metadata=LINKS,
    )


class PaymentFilter(SearchQuery):
    """Which payments, in which order."""

    sort = sort_field("created_at", "updated_at", "payment_date")
    status = statuses_field("received", "reversed", example="received")
    customer_id = Id()
    invoice_id = Id()
    currency = currency_field()
    payment_date_from = Date()
    payment_date_to = Date()
    updated_since = Instant()
    include = include_field()


class RefundFilter(PageQuery):
    """Which refunds, in which order."""

    sort = sort_field("created_at", "payment_date")
    customer_id = Id()
    source_id = Id()
    currency = currency_field()
    payment_date_from = Date()
    payment_date_to = Date()
