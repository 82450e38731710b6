"""What of a draft comes of its body, and is written anew with each change of it."""

from billing_api.database import enter, transaction
from billing_api.invoices import service
from billing_api.invoices.bodies import InvoiceInput
from billing_api.invoices.rows import OWN
from billing_api.invoices.shapes import WHOLE
from tests.factories import Tenant

OF_ISSUED = {
    "number", "number_key", "series_id", "number_period", "sequence_value", "seller", "buyer", "finalized_at",
    "imported_at", "opening_date", "paid_at", "voided_at", "void_reason", "marked_uncollectible_at", "reopened_at",
    "marked_collectible_at", "sent_at", "revised_by_id",
}  # fmt: skip
"""What a draft has not, and so does not lose."""


def test_a_change_of_a_draft_touches_nothing_but_what_comes_of_its_body(tenant: Tenant) -> None:
    """A new column is filled from the body, or belongs to what a draft keeps, or to what it has not. Plant the flaw by
    taking any name out of these."""
    untouched = object()
    body = InvoiceInput().load(tenant.invoice_body())
    with tenant.app.app_context(), transaction(dry_run=True):
        enter(tenant.organization_id)
        fresh = WHOLE.blank(**{**dict.fromkeys(WHOLE.names, untouched), "id": None, "revision_of_id": None})
        service.fill(fresh, body, keep=True)
    # Nothing is credited of a draft, which is said of it, too.
    written = {name for name in WHOLE.names if vars(fresh)[name] is not untouched} - {
        "id",
        "revision_of_id",
        "total_credited",
    }
    assert written == {*WHOLE.names} - OWN - OF_ISSUED - {"revision_of_id"} | {"request"}
