"""Credit notes and revisions that meet other deeds at the same money, as in `tests.money_races`."""

from typing import Any

from tests.factories import Tenant, created
from tests.money_races import FULL, VOID, Call, Race, at, place

REASON = {"reason": "Sent back"}


def credit_call(invoice: dict[str, Any]) -> Call:
    """A credit note of all that remains."""
    return "POST", "/v1/credit-notes", {"invoice_id": invoice["id"], **REASON}


def credit_credit(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {("done", "invoice-not-creditable"): ("paid", "0.00"), ("invoice-not-creditable", "done"): ("paid", "0.00")}
    return Race(credit_call(invoice), credit_call(invoice), ends, place(invoice))


def credit_pay(tenant: Tenant) -> Race:
    """Whoever comes second finds nothing due: the payment is refused, or the credit is available."""
    invoice = tenant.invoice()
    ends = {("done", "invoice-not-payable"): ("paid", "0.00"), ("done", "done"): ("paid", "0.00")}
    return Race(credit_call(invoice), at(invoice, "payments", FULL), ends, place(invoice))


def credit_void(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {("done", "invalid-transition"): ("paid", "0.00"), ("invalid-transition", "done"): ("void", "0.00")}
    return Race(credit_call(invoice), at(invoice, "void", VOID), ends, place(invoice))


def revise_revise(tenant: Tenant) -> Race:
    """One draft takes its place, and not two."""
    invoice = tenant.invoice()
    call = at(invoice, "revise", REASON)
    ends = {("done", "invalid-transition"): ("void", "0.00"), ("invalid-transition", "done"): ("void", "0.00")}
    return Race(call, call, ends, place(invoice))


def revise_pay(tenant: Tenant) -> Race:
    """What was paid in part is credited, and what was not is declared void."""
    invoice = tenant.invoice()
    ends = {("done", "invoice-not-payable"): ("void", "0.00"), ("done", "done"): ("paid", "0.00")}
    return Race(at(invoice, "revise", REASON), at(invoice, "payments", {"amount": "50.00"}), ends, place(invoice))


def refund_note_apply(tenant: Tenant) -> Race:
    """What a credit note holds goes back, or to another invoice."""
    invoice = tenant.invoice()
    paid = tenant.invoice(customer_id=invoice["customer_id"])
    tenant.payment(paid)
    note = created(tenant.post("/v1/credit-notes", {"invoice_id": paid["id"], **REASON}))
    refund = ("POST", f"/v1/credit-notes/{note['id']}/refunds", FULL)
    ends = {("done", "nothing-available"): ("open", "119.00"), ("payment-is-applied", "done"): ("paid", "0.00")}
    return Race(refund, at(invoice, "apply-balance"), ends, place(invoice))


RACES = (credit_credit, credit_pay, credit_void, revise_revise, revise_pay, refund_note_apply)
