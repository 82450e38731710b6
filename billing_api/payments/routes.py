"""`/v1/payments`, `/v1/refunds`, and what money does to an invoice."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from billing_api.invoices.schemas import InvoiceOutput
from billing_api.payments import balance, queries, service
from billing_api.payments.models import Payment, Refund
from billing_api.payments.schemas import (
    ApplyInput,
    InvoicePaymentInput,
    PaymentEdit,
    PaymentFilter,
    PaymentInput,
    PaymentOutput,
    RefundFilter,
    RefundInput,
    RefundOutput,
    ReverseInput,
)
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.filters import IncludeQuery
from billing_api.web.including import includes_customer
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version

blueprint = Blueprint(
    "payments",
    __name__,
    url_prefix="/v1",
    description="Money that comes in, is applied to invoices, and goes back.",
    changes_issued=True,
)

PAYMENT_SORT_KEYS = {
    "created_at": SortKey(Payment.created_at, dt.datetime.fromisoformat),
    "updated_at": SortKey(Payment.updated_at, dt.datetime.fromisoformat),
    "payment_date": SortKey(Payment.dated_on, dt.date.fromisoformat),
}
REFUND_SORT_KEYS = {
    "created_at": SortKey(Refund.created_at, dt.datetime.fromisoformat),
    "payment_date": SortKey(Refund.payment_date, dt.date.fromisoformat),
}


@blueprint.route("/payments")
@requires("payments:read")
@blueprint.arguments(PaymentFilter(), location="query")
@blueprint.response(200, page_of(PaymentOutput(), "PaymentPage"))
@includes_customer
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List payments

    With `invoice_id`, those that were ever applied to this invoice.
    """
    return paginate(queries.search, filters, PAYMENT_SORT_KEYS, queries.sought)


@blueprint.route("/payments", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(PaymentInput())
@blueprint.response(201, PaymentOutput())
def create(body: dict[str, Any]) -> Payment:
    """Record a payment

    Applied to the invoices that `allocations` name; what they leave is to the customer's credit.
    """
    return service.create(body)


@blueprint.route("/payments/<uuid:payment_id>")
@requires("payments:read")
@blueprint.arguments(IncludeQuery(), location="query")
@blueprint.response(200, PaymentOutput())
@includes_customer
def read(_: dict[str, Any], payment_id: uuid.UUID) -> Payment:
    """Read a payment

    With every allocation, those that were released too.
    """
    return service.read(payment_id)


@blueprint.route("/payments/<uuid:payment_id>", methods=["PATCH"])
@requires("payments:write")
@blueprint.edits(PaymentEdit())
@blueprint.response(200, PaymentOutput())
def update(change: Callable[[Payment], dict[str, Any]], payment_id: uuid.UUID) -> Payment:
    """Change the words of a payment

    Its money stands: reverse a payment that was recorded wrongly, and record another.
    """
    return service.edit(payment_id, change, expected_version())


@blueprint.route("/payments/<uuid:payment_id>/reverse", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(ReverseInput())
@blueprint.response(200, PaymentOutput())
def reverse(body: dict[str, Any], payment_id: uuid.UUID) -> Payment:
    """Reverse a payment

    It never came in, or was sent back: the invoices that it settled owe again. A reversed payment is returned as it
    stands.
    """
    return service.reverse(payment_id, body["reason"], expected_version())


@blueprint.route("/payments/<uuid:payment_id>/refunds", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(RefundInput())
@blueprint.response(201, RefundOutput())
def refund(body: dict[str, Any], payment_id: uuid.UUID) -> Refund:
    """Refund money of a payment

    At most what is available of it.
    """
    return balance.refund_payment(payment_id, body, expected_version())


@blueprint.route("/invoices/<uuid:invoice_id>/payments", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(InvoicePaymentInput())
@blueprint.response(201, PaymentOutput())
def pay(body: dict[str, Any], invoice_id: uuid.UUID) -> Payment:
    """Record a payment of one invoice

    More than is due is refused, unless `overpayment` is `balance`: then the rest is to the customer's credit.
    """
    return service.pay(invoice_id, body, expected_version())


@blueprint.route("/invoices/<uuid:invoice_id>/apply-balance", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(ApplyInput(), required=False)
@blueprint.response(200, InvoiceOutput())
def apply_balance(body: dict[str, Any], invoice_id: uuid.UUID) -> Any:
    """Apply the customer's credit to an invoice

    The oldest first: payments, credit notes and negative invoices that were not used up, at most a thousand of them at
    once. Nothing is ever applied without being asked for.
    """
    return balance.apply(invoice_id, body["amount"], expected_version())


@blueprint.route("/invoices/<uuid:invoice_id>/refunds", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(RefundInput())
@blueprint.response(201, RefundOutput())
def refund_invoice(body: dict[str, Any], invoice_id: uuid.UUID) -> Refund:
    """Refund what an invoice below zero owes

    At most what is available of it.
    """
    return balance.refund_invoice(invoice_id, body, expected_version())


@blueprint.route("/refunds")
@requires("payments:read")
@blueprint.arguments(RefundFilter(), location="query")
@blueprint.response(200, page_of(RefundOutput(), "RefundPage"))
def search_refunds(filters: dict[str, Any]) -> dict[str, Any]:
    """List refunds

    With `source_id`, those of one payment, credit note or negative invoice.
    """
    return paginate(balance.search_refunds, filters, REFUND_SORT_KEYS)


@blueprint.route("/refunds/<uuid:refund_id>")
@requires("payments:read")
@blueprint.response(200, RefundOutput())
def read_refund(refund_id: uuid.UUID) -> Refund:
    """Read a refund

    It names the document that the money came out of.
    """
    return balance.read_refund(refund_id)
