"""`/v1/invoices`."""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from billing_api.events.schemas import EventOutput
from billing_api.invoices import explaining, issued, queries, service, shapes
from billing_api.invoices.bodies import FinalizeInput, InvoiceInput, PreviewInput, VoidInput
from billing_api.invoices.explanations import CalculationOutput, InvoiceEventQuery, PreviewQuery
from billing_api.invoices.models import Invoice
from billing_api.invoices.schemas import InvoiceFilter, InvoiceOutput, InvoicePreviewOutput
from billing_api.web.api import Blueprint, merged
from billing_api.web.auth import requires
from billing_api.web.bulk import LARGEST_BODY, BulkOutput, BulkQuery, bulk_of, run
from billing_api.web.filters import IncludeQuery
from billing_api.web.including import includes_customer
from billing_api.web.pagination import SortKey, page_of, paginate, sequence_page
from billing_api.web.preconditions import expected_version
from billing_api.web.references import refer
from billing_api.web.written import Writer, tells_cache

blueprint = Blueprint(
    "invoices",
    __name__,
    url_prefix="/v1/invoices",
    description="From a draft to a numbered, immutable document.",
    changes_issued=True,
)

refer("invoice", Invoice)

SORT_KEYS = {
    "created_at": SortKey(Invoice.created_at, dt.datetime.fromisoformat),
    "updated_at": SortKey(Invoice.updated_at, dt.datetime.fromisoformat),
    "issue_date": SortKey(Invoice.issued_on, dt.date.fromisoformat),
    "total": SortKey(Invoice.total, int),
}

LISTED = Writer(
    "listed invoice",
    InvoiceOutput(exclude=("actions",)),
    shapes.SHOWN.several,
    facts=queries.DUE_FACTS,
    holds=queries.is_past_due,
    passing=frozenset({"overdue"}),
)
"""How invoices are written in lists."""
SHOWN = Writer(
    "invoice",
    InvoiceOutput(),
    service.read_with_actions,
    read_as_found=service.read_as_found,
    holds=queries.state_shown,
)
"""How an invoice is written by itself."""


@blueprint.route("")
@requires("invoices:read")
@blueprint.arguments(InvoiceFilter(), location="query")
@blueprint.response(200, page_of(LISTED.schema, "InvoicePage"))
@includes_customer
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List invoices

    Each with its lines, without `actions`. `sort=total` goes by minor units: give `currency` with it.
    """
    return paginate(queries.search, filters, SORT_KEYS, queries.sought, LISTED)


@blueprint.route("/preview", methods=["POST"])
@requires("invoices:read", stores=False)
@blueprint.arguments(PreviewQuery(), location="query")
@blueprint.arguments(PreviewInput(), required=False)
@blueprint.response(200, InvoicePreviewOutput())
def preview(query: dict[str, Any], body: dict[str, Any]) -> Invoice:
    """Compute an invoice without keeping it

    The body is a new invoice's, `customer_id` optional. `id`, `number` and `status` are null, and `actions` is empty.
    With `include=calculation` every step to its figures is explained, as `GET /v1/invoices/{id}/calculation` does.
    """
    invoice = service.preview(body)
    if "include" in query:
        invoice.calculation = explaining.calculation(invoice)  # type: ignore[attr-defined]  # shown, and no column
    invoice.actions = []  # type: ignore[attr-defined]  # shown, and no column
    return invoice


@blueprint.route("", methods=["POST"])
@requires("invoices:write", asks_first=False)
@blueprint.arguments(InvoiceInput())
@blueprint.response(201, InvoiceOutput())
def create(body: dict[str, Any]) -> Invoice:
    """Create an invoice

    A draft, unless `finalize` is true: then it is issued at once and gets its number.
    """
    return service.create_with_actions(body)


@blueprint.route("/bulk", methods=["POST"], largest_body=LARGEST_BODY)
@requires("invoices:write")
@blueprint.arguments(BulkQuery(), location="query")
@blueprint.arguments(bulk_of(InvoiceInput, "InvoiceBulkInput"))
@blueprint.response(200, BulkOutput())
def create_bulk(query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Create many invoices

    Up to 1,000, in 16 MiB; drafts, and such with `finalize`. Each is taken or refused by itself, as a POST of it would
    be, and a refused one takes no number; `results` says what became of each, in order. With `atomic=true` all are
    taken or none: then the refusals are the answer, with pointers such as `/items/3/customer_id`. From the first that
    is finalized on, nobody else gets a number until all are done; who waits for too long is told to come again (503
    `held-by-another`).
    """
    return run(body["items"], InvoiceInput(), service.create_several, atomic=query["atomic"])


@blueprint.route("/<uuid:invoice_id>")
@requires("invoices:read")
@blueprint.arguments(IncludeQuery(), location="query")
@blueprint.response(200, InvoiceOutput())
@includes_customer
@tells_cache
def read(query: dict[str, Any], invoice_id: uuid.UUID) -> Any:
    """Read an invoice

    With `actions`: what can be done with it now, and why not.
    """
    if "include" in query:
        return service.with_actions(service.read(invoice_id))
    return SHOWN.one(invoice_id, queries.state_of)


@blueprint.route("/<uuid:invoice_id>/calculation")
@requires("invoices:read")
@blueprint.response(200, CalculationOutput())
def calculation(invoice_id: uuid.UUID) -> explaining.Calculation:
    """Explain the figures of an invoice

    Each step from the lines to what is due, in the order in which they are computed, with its formula and its inputs,
    so that every figure can be recomputed by hand or by a program. `functions` says what a formula may call.
    """
    return explaining.calculation(service.read(invoice_id))


@blueprint.route("/<uuid:invoice_id>/events")
@requires("invoices:read")
@blueprint.arguments(InvoiceEventQuery(), location="query")
@blueprint.response(200, page_of(EventOutput(), "InvoiceEventPage"))
def history(query: dict[str, Any], invoice_id: uuid.UUID) -> dict[str, Any]:
    """List what happened to an invoice

    Its events, the oldest first. Of a deleted draft `/v1/events?object_id=` still knows.
    """
    return sequence_page(*service.history(invoice_id, query["after"], query["limit"]))


@blueprint.route("/<uuid:invoice_id>", methods=["PUT"])
@requires("invoices:write")
@blueprint.arguments(InvoiceInput(exclude=("finalize",)))
@blueprint.response(200, InvoiceOutput())
def replace(body: dict[str, Any], invoice_id: uuid.UUID) -> Invoice:
    """Replace a draft

    A member that is left out takes its default.
    """
    return service.with_actions(service.edit(invoice_id, lambda _: body, expected_version()))


@blueprint.route("/<uuid:invoice_id>", methods=["PATCH"])
@requires("invoices:write")
@blueprint.edits(InvoiceInput(exclude=("finalize",)))
@blueprint.response(200, InvoiceOutput())
def update(change: Callable[[Mapping[str, Any]], dict[str, Any]], invoice_id: uuid.UUID) -> Invoice:
    """Change a draft

    `lines` and other lists are replaced whole.
    """
    return service.with_actions(service.edit(invoice_id, change, expected_version()))


@blueprint.route("/<uuid:invoice_id>", methods=["DELETE"])
@requires("invoices:write")
@blueprint.response(204)
def delete(invoice_id: uuid.UUID) -> None:
    """Delete a draft

    An issued invoice stays for ever.
    """
    service.delete(invoice_id, expected_version())


@blueprint.route("/<uuid:invoice_id>/finalize", methods=["POST"])
@requires("invoices:write")
@blueprint.arguments(FinalizeInput(), required=False)
@blueprint.response(200, InvoiceOutput())
def finalize(body: dict[str, Any], invoice_id: uuid.UUID) -> Invoice:
    """Finalize a draft

    Gives it the next number of its series and freezes it with its parties. An issued invoice is returned as it stands.
    """
    issued_now = service.finalize(invoice_id, body["issue_date"], body["expected_total"], expected_version())
    return service.with_actions(issued_now)


@blueprint.route("/<uuid:invoice_id>/mark-sent", methods=["POST"])
@requires("invoices:write")
@blueprint.response(200, InvoiceOutput())
def mark_sent(invoice_id: uuid.UUID) -> Invoice:
    """Mark an invoice as sent

    The buyer has it. Where the organization cancels by credit notes, it can no longer be declared void.
    """
    return service.with_actions(issued.mark_sent(invoice_id, expected_version()))


@blueprint.route("/<uuid:invoice_id>/void", methods=["POST"])
@requires("invoices:write")
@blueprint.arguments(VoidInput())
@blueprint.response(200, InvoiceOutput())
def void(body: dict[str, Any], invoice_id: uuid.UUID) -> Invoice:
    """Declare an invoice void

    It was never owed, and keeps its number. Not once money was applied to it, credit notes speak of it, or, where the
    organization cancels by credit notes, it was sent. One that is void already is answered as it stands, with its first
    reason.
    """
    return service.with_actions(issued.void(invoice_id, body["reason"], expected_version()))


@blueprint.route("/<uuid:invoice_id>/mark-uncollectible", methods=["POST"])
@requires("invoices:write")
@blueprint.response(200, InvoiceOutput())
def mark_uncollectible(invoice_id: uuid.UUID) -> Invoice:
    """Give up what is due on an invoice

    A bad debt. Should the money come after all, record the payment as ever: what then remains is still given up. An
    invoice that has been given up already is answered as it stands.
    """
    return service.with_actions(issued.mark_uncollectible(invoice_id, expected_version()))


@blueprint.route("/<uuid:invoice_id>/mark-collectible", methods=["POST"])
@requires("invoices:write")
@blueprint.response(200, InvoiceOutput())
def mark_collectible(invoice_id: uuid.UUID) -> Invoice:
    """Expect the money of an invoice again

    It had been given up by mistake. One that is open already is answered as it stands.
    """
    return service.with_actions(issued.mark_collectible(invoice_id, expected_version()))


@blueprint.route("/<uuid:invoice_id>/duplicate", methods=["POST"])
@requires("invoices:write")
@blueprint.response(201, InvoiceOutput())
def duplicate(invoice_id: uuid.UUID) -> Invoice:
    """Duplicate an invoice

    A new draft that asks for the same, without the dates, the billing period, the rate of exchange, the preceding
    invoices and what was prepaid. Products and tax rates count as they are today; what a line took from one that is
    archived by now, it keeps.
    """
    draft = InvoiceInput(exclude=("finalize",))
    copy = service.duplicate(invoice_id, lambda request: merged(draft, request, {}), expected_version())
    return service.with_actions(copy)
