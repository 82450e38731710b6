"""What can be done with an invoice, and the refusal of what cannot."""

import datetime as dt
from dataclasses import replace
from typing import Any

from billing_api import clock
from billing_api.domain import lifecycle
from billing_api.domain.credits import InvoiceNotCreditable
from billing_api.domain.lifecycle import Facts, Requirement
from billing_api.errors import Conflict, Fault
from billing_api.invoices import preceding
from billing_api.invoices.finalization import blockers
from billing_api.invoices.models import Invoice
from billing_api.invoices.parties import Parties, look_up
from billing_api.invoices.queries import State, bring_parts
from billing_api.ledger.service import PeriodLocked, is_available, is_closed, refuse_closed
from billing_api.organizations.models import Organization


class InvalidTransition(Conflict):
    """The invoice's status does not allow this. `current_status` names it and `allowed` lists what can be done: choose
    one of those."""

    code = "invalid-transition"
    title = "The status does not allow this"


class InvoiceNotPayable(Conflict):
    """Nothing is due on this invoice: it is a draft, paid, or void. Only what is due can be paid: finalize a draft
    first, or record the payment without allocations (`POST /v1/payments`), to the customer's credit."""

    code = "invoice-not-payable"
    title = "Nothing is due on the invoice"


class InvoiceHasAllocations(Conflict):
    """Payments or credits have been applied to the invoice, so it cannot be declared void. Reverse the payments, or
    cancel the invoice by a credit note of all that remains."""

    code = "invoice-has-allocations"
    title = "Money has been applied to the invoice"


class InvoiceHasCreditNotes(Conflict):
    """Credit notes speak of this invoice, so it cannot be declared void: credit the rest of it."""

    code = "invoice-has-credit-notes"
    title = "The invoice has credit notes"


class VoidNotPermitted(Conflict):
    """The buyer has this invoice, and the organization cancels by credit notes (`cancellation_mode`). Credit all that
    remains of it: `POST /v1/credit-notes` with its `invoice_id` and no lines."""

    code = "void-not-permitted"
    title = "The invoice is cancelled by a credit note"


_REFUSALS: dict[str, type[Conflict]] = {
    kind.code: kind for kind in (InvoiceNotPayable, InvoiceHasAllocations, InvoiceHasCreditNotes, VoidNotPermitted,
                                 InvoiceNotCreditable, PeriodLocked)
}  # fmt: skip


def demand(action: str, invoice: Invoice, organization: Organization | None = None, *, pointer: str = "") -> None:
    """Refuse what the invoice does not allow; the organization, for what it permits and what of its books is closed
    today, is looked up only to say what is allowed instead. A `pointer` says where a body names the invoice.

    Raises:
        InvalidTransition: the status is another.
        InvoiceNotPayable, InvoiceHasAllocations, InvoiceHasCreditNotes, VoidNotPermitted, InvoiceNotCreditable
        PeriodLocked: the organization is given, and its books are closed up to today.
    """
    status = invoice.status or "draft"
    is_open = lifecycle.is_open(action, status)
    hindrance = lifecycle.hindrance(action, _facts(invoice, organization)) if is_open else None
    if is_open and hindrance is None:
        return
    detail = hindrance.detail if hindrance else f"The invoice is {status}; {action} is not possible."
    unpayable = InvoiceNotPayable if action in {"pay", "apply-balance"} else InvalidTransition
    refusal = _REFUSALS[hindrance.code] if hindrance else unpayable
    faults = [Fault(refusal.code, detail, pointer)] if pointer else []
    raise refusal(detail, members=state(invoice, organization), faults=faults)


def demand_books(on: dt.date, invoice: Invoice, organization: Organization) -> None:
    """Refuse a date of a deed on an invoice whose books are closed. Raises PeriodLocked."""
    try:
        refuse_closed(on, organization)
    except PeriodLocked as refusal:
        refusal.members |= state(invoice, organization)
        raise


def state(invoice: Invoice, organization: Organization | None = None) -> dict[str, Any]:
    """What every refusal says of an invoice's state: what it is, and what can be done instead."""
    found = look_up(invoice.customer_id)
    parties = _excusing(invoice, replace(found, organization=organization or found.organization))
    facts = _all_facts(invoice, parties)
    allowed = lifecycle.allowed(facts)
    if facts.status == "draft" and _blockers(invoice, parties):
        allowed.remove("finalize")
    return {"current_status": facts.status, "allowed": allowed}


def permits(action: str, invoice: Invoice, organization: Organization) -> bool:
    """Whether `demand` would let it pass."""
    facts = _facts(invoice, organization)
    return lifecycle.is_open(action, facts.status) and lifecycle.hindrance(action, facts) is None


def offering(invoice: Invoice, parties: Parties, state: State | None = None) -> Invoice:
    """The invoice with all that can be done with it now, and why not, as `actions`."""
    invoice.actions = _offered(invoice, parties, state)  # type: ignore[attr-defined]  # no column
    return invoice


def _offered(invoice: Invoice, known: Parties, state: State | None) -> list[dict[str, Any]]:
    """Every action with whether it is allowed now, and why not, so that a screen can draw its buttons from it. Without
    its state one statement, where something is owed that could be refunded."""
    parties = _excusing(invoice, known)
    facts = _all_facts(invoice, parties, state)
    status = invoice.status or "draft"
    entries = []
    for action in lifecycle.ACTIONS:
        is_open = status in action.sources
        hindrance: Requirement | None = lifecycle.hindrance(action.name, facts) if is_open else None
        reason = hindrance.detail if hindrance else None if is_open else f"The invoice is {status}."
        entry: dict[str, Any] = {
            "name": action.name,
            "allowed": reason is None,
            "method": action.method,
            "href": action.path.format(id=invoice.id),
            "reason": reason,
        }
        if action.name == "finalize" and is_open:
            lacking = _blockers(invoice, parties)
            entry["blockers"] = [{"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in lacking]
            if lacking:
                entry |= {"allowed": False, "reason": "Something stands in the way: see blockers."}
        entries.append(entry)
    return entries


def _excusing(invoice: Invoice, parties: Parties) -> Parties:
    # What is excused is asked only where it decides.
    is_asked = parties.customer is not None and parties.customer.archived and (invoice.status or "draft") == "draft"
    return replace(parties, excused=preceding.excused(invoice) if is_asked else frozenset())


def _blockers(invoice: Invoice, parties: Parties) -> list[Fault]:
    if "lines" not in vars(invoice):
        # Only the refusal of a deed that needs no parts comes here without them.
        bring_parts(invoice)
    return blockers(invoice, parties)


def _facts(invoice: Invoice, organization: Organization | None) -> Facts:
    return Facts(
        status=invoice.status or "draft",
        amount_due=invoice.amount_due,
        amount_allocated=invoice.amount_paid + invoice.amount_credited,
        is_below_zero=(invoice.total or 0) + (invoice.rounding_amount or 0) < 0,
        is_left=_is_left(invoice),
        has_credit_notes=invoice.has_credit_notes,
        is_sent=invoice.sent_at is not None,
        is_owed_back=(invoice.payable_amount or 0) < 0,
        is_voided_freely=organization is not None and organization.cancellation_mode == "void",
        is_today_closed=organization is not None and is_closed(clock.today(organization.time_zone), organization),
    )


def _all_facts(invoice: Invoice, parties: Parties, state: State | None = None) -> Facts:
    """The facts, with those of the buyer; and whether there is a credit to apply, or something to refund, where that
    still decides."""
    facts = _facts(invoice, parties.organization)
    if parties.customer is not None and parties.customer.archived:
        is_anonymized = parties.customer.anonymized_at is not None
        facts = replace(facts, is_buyer_archived=True, is_buyer_anonymized=is_anonymized)
    if _is_undecided("apply-balance", facts):
        return replace(facts, is_credit_available=invoice.currency in parties.currencies_left)
    if _is_undecided("refund", facts):
        return replace(facts, is_refund_available=state.is_refund_available if state else is_available(invoice.id))
    return facts


def _is_undecided(action: str, facts: Facts) -> bool:
    return lifecycle.is_open(action, facts.status) and lifecycle.hindrance(action, facts) is None


def _is_left(invoice: Invoice) -> bool:
    """Whether credit notes have left anything of it. Where their amounts come to its total, parts may still be left:
    those that rounding made free, or a charge and a discount of the same amount."""
    if invoice.amount_creditable or not invoice.has_credit_notes:
        return invoice.amount_creditable > 0
    if "lines" not in vars(invoice):
        # Only the refusal of a deed that needs no parts comes here without them.
        bring_parts(invoice)
    return any(line.creditable_net for line in invoice.lines) or any(
        adjustment.creditable_amount for adjustment in invoice.adjustments
    )
