"""`/v1/credit-notes`, and the revision of an invoice."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from billing_api.credit_notes import queries, revision, service
from billing_api.credit_notes.bodies import CreditNoteEdit, CreditNoteInput, CreditNotePreviewInput, ReviseInput
from billing_api.credit_notes.models import CreditNote
from billing_api.credit_notes.schemas import CreditNoteFilter, CreditNoteOutput, CreditNotePreviewOutput
from billing_api.invoices.bodies import InvoiceInput
from billing_api.invoices.schemas import InvoiceOutput
from billing_api.payments.schemas import RefundInput, RefundOutput
from billing_api.web.api import Blueprint, merged
from billing_api.web.auth import also_requires, requires
from billing_api.web.filters import IncludeQuery
from billing_api.web.including import includes_customer
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version

blueprint = Blueprint(
    "credit_notes",
    __name__,
    url_prefix="/v1",
    description="What is taken back of invoices, exact to the cent in any order.",
    changes_issued=True,
)

SORT_KEYS = {
    "created_at": SortKey(CreditNote.created_at, dt.datetime.fromisoformat),
    "updated_at": SortKey(CreditNote.updated_at, dt.datetime.fromisoformat),
    "issue_date": SortKey(CreditNote.dated_on, dt.date.fromisoformat),
    "total": SortKey(CreditNote.total, int),
}


@blueprint.route("/credit-notes")
@requires("credit_notes:read")
@blueprint.arguments(CreditNoteFilter(), location="query")
@blueprint.response(200, page_of(CreditNoteOutput(), "CreditNotePage"))
@includes_customer
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List credit notes

    Each with its lines. With `invoice_id`, those over one invoice. `sort=total` goes by minor units: give `currency`
    with it.
    """
    return paginate(queries.search, filters, SORT_KEYS, queries.sought)


@blueprint.route("/credit-notes/preview", methods=["POST"])
@requires("credit_notes:read", stores=False, refusals=(409,))
@blueprint.arguments(CreditNotePreviewInput())
@blueprint.response(200, CreditNotePreviewOutput())
def preview(body: dict[str, Any]) -> CreditNote:
    """Compute a credit note without keeping it

    The body is a new credit note's; one by itself needs no customer. `id`, `number`, `status` and `issue_date` are
    null.
    """
    return service.preview(body)


@blueprint.route("/credit-notes", methods=["POST"])
@requires("credit_notes:write")
@blueprint.arguments(CreditNoteInput())
@blueprint.response(201, CreditNoteOutput())
def create(body: dict[str, Any]) -> CreditNote:
    """Issue a credit note

    Over an invoice: the lines that are named, by quantity or by amount, or without any all that remains. It settles
    what is still due on the invoice; the rest is to the customer's credit, or with `settlement: "refund"` refunded at
    once, which needs the scope `payments:write` too. Or by itself, with a customer, lines of its own, and the invoices
    that it speaks of. It has its number at once, and stands for ever.
    """
    if body["settlement"] == "refund":
        also_requires("payments:write")
    return service.create(body)


@blueprint.route("/credit-notes/<uuid:credit_note_id>")
@requires("credit_notes:read")
@blueprint.arguments(IncludeQuery(), location="query")
@blueprint.response(200, CreditNoteOutput())
@includes_customer
def read(_: dict[str, Any], credit_note_id: uuid.UUID) -> CreditNote:
    """Read a credit note

    With what became of its money: `allocations`, and below `links` its refunds.
    """
    return service.read(credit_note_id)


@blueprint.route("/credit-notes/<uuid:credit_note_id>", methods=["PATCH"])
@requires("credit_notes:write")
@blueprint.edits(CreditNoteEdit())
@blueprint.response(200, CreditNoteOutput())
def update(change: Callable[[CreditNote], dict[str, Any]], credit_note_id: uuid.UUID) -> CreditNote:
    """Change the metadata of a credit note

    All else stands as it was issued.
    """
    return service.edit(credit_note_id, change, expected_version())


@blueprint.route("/credit-notes/<uuid:credit_note_id>/refunds", methods=["POST"])
@requires("payments:write")
@blueprint.arguments(RefundInput())
@blueprint.response(201, RefundOutput())
def refund(body: dict[str, Any], credit_note_id: uuid.UUID) -> Any:
    """Refund money of a credit note

    At most what is available of it.
    """
    return service.refund(credit_note_id, body, expected_version())


@blueprint.route("/invoices/<uuid:invoice_id>/revise", methods=["POST"])
@requires("invoices:write", "credit_notes:write")
@blueprint.arguments(ReviseInput())
@blueprint.response(201, InvoiceOutput())
def revise(body: dict[str, Any], invoice_id: uuid.UUID) -> Any:
    """Revise an issued invoice

    It is declared void where that is permitted, and otherwise credited with all that remains. The answer is a new draft
    of the same content, which names it in `preceding_invoices` and `revision_of_id`.
    """
    draft = InvoiceInput(exclude=("finalize",))
    return revision.revise(invoice_id, body["reason"], lambda request: merged(draft, request, {}), expected_version())
