"""Taking over invoices that were issued elsewhere: numbers and dates stay, and the books get what is still open."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from billing_api import clock
from billing_api.customers import service as customers
from billing_api.customers.models import Customer
from billing_api.database import db
from billing_api.domain import bookkeeping
from billing_api.domain.adjustments import stated
from billing_api.domain.money import amount_text, currency
from billing_api.errors import Fault, Invalid
from billing_api.events.models import Event
from billing_api.events.service import record
from billing_api.invoices import preceding
from billing_api.invoices.drafting import write
from billing_api.invoices.finalization import buyer_of, lacking_of_document, seller_of
from billing_api.invoices.models import Invoice
from billing_api.invoices.parties import Parties
from billing_api.invoices.service import CustomerArchived, CustomerNotFound, ImportDiffers
from billing_api.invoices.settlement import open_account, post
from billing_api.invoices.shapes import WHOLE
from billing_api.ledger.service import refuse_closed
from billing_api.numbering import register
from billing_api.numbering import service as numbering
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import unit

REASON_OF_VOID = "Void when it was imported."


@dataclass(frozen=True, slots=True)
class _There:
    """What is there already: customers, each by its id and by its external id, and imported invoices by the key of
    their number."""

    organization: Organization
    customers: Mapping[uuid.UUID | str | None, Customer]
    invoices: dict[str, Invoice]


def adopt_several(bodies: Sequence[Mapping[str, Any]], opening_date: dt.date | None = None) -> list[Invoice | None]:
    """Take issued invoices over, one after the other; None stands for one that was imported already, with the same
    content.

    The parties are frozen as they stand now. What is open is booked against `opening_balance` on the opening date,
    today unless given, and never before its issue.

    Raises:
        Invalid: with every fault; the buyer may be known less well than for a new invoice, and may be archived. Or
            what `refuse_future` raises.
        ImportDiffers: it was imported before with other content.
        NumberTaken, SeriesInUse: what `numbering.service.adopt` raises.
        PeriodLocked: the opening date lies in closed books.
        TotalMismatch: it does not come to `expected_total`.
    """
    organization = organizations.current(keep=True)
    refuse_future(opening_date, organization)
    opening = opening_date or clock.today(organization.time_zone)
    there = _find(bodies, organization)
    return [_adopt(body, there, opening) for body in bodies]


def refuse_future(opening_date: dt.date | None, organization: Organization) -> None:
    """Refuse to open the books on a day that has not begun: what is allocated until then would come before it.

    Raises:
        Invalid: it lies after today in the organization's time zone.
    """
    today = clock.today(organization.time_zone)
    if opening_date is not None and opening_date > today:
        detail = f"The books cannot open on {opening_date}: today is {today} in the organization's time zone."
        raise Invalid(detail, faults=[Fault("date-in-future", detail, "/opening_date")])


def _find(bodies: Sequence[Mapping[str, Any]], organization: Organization) -> _There:
    """What the bodies name, in a statement for each kind."""
    ids, keys = ({body[name] for body in bodies} - {None} for name in ("customer_id", "customer_external_id"))
    found = customers.look_up_several(ids, keys)
    query = sa.select(Invoice).where(
        Invoice.organization_id == unit().tenant,
        Invoice.number_key.in_({body["number"].casefold() for body in bodies}),
        Invoice.imported_at.is_not(None),
    )
    return _There(
        organization,
        {key: customer for customer in found for key in (customer.id, customer.external_id)},
        {str(invoice.number_key): invoice for invoice in db.session.scalars(query)},
    )


def _adopt(body: Mapping[str, Any], there: _There, opening: dt.date) -> Invoice | None:
    customer = _customer(body, there)
    body = {**body, "customer_id": customer.id, "request": {**body["request"], "customer_id": str(customer.id)}}
    if (known := there.invoices.get(body["number"].casefold())) is not None:
        if faults := list(_differences(known, body)):
            members = ", ".join((fault.pointer or "")[1:] for fault in faults)
            raise ImportDiffers(f"It was imported with other content: {members}.", faults=faults)
        return None
    parties = Parties(there.organization, customer)
    invoice: Invoice = WHOLE.new()
    write(invoice, body, parties, keep=True)
    settled = _settled_before(invoice, body, parties)
    opening = max(body["issue_date"], opening)
    refuse_closed(opening, there.organization)
    _issue(invoice, body, parties, opening, settled)
    WHOLE.add(invoice)
    _enter(invoice)
    there.invoices[body["number"].casefold()] = invoice
    _tell(invoice)
    return invoice


def _customer(body: Mapping[str, Any], there: _There) -> Customer:
    key = body["customer_external_id"]
    found = there.customers.get(body["customer_id"] if key is None else key)
    place = "/customer_id" if key is None else "/customer_external_id"
    if found is None:
        raise CustomerNotFound(faults=[Fault("customer-not-found", "There is no such customer.", place)])
    if found.anonymized_at is not None:
        raise CustomerArchived(faults=[Fault("customer-archived", "This customer was anonymized.", place)])
    return found


def _tell(invoice: Invoice) -> None:
    amounts = {name: amount_text(getattr(invoice, name), invoice.currency) for name in ("payable_amount", "amount_due")}
    told: dict[str, Any] = {"number": invoice.number, "currency": invoice.currency, "status": invoice.status}
    record("invoice.imported", invoice, **told, **amounts)


def _differences(known: Invoice, body: Mapping[str, Any]) -> Iterator[Fault]:
    """Each member that says something else than when it was imported."""
    # A default currency that was found then is a part of what was asked for.
    now: dict[str, Any] = {"currency": known.currency, **body["request"], "number": body["number"]}
    then: dict[str, Any] = {**known.request, "number": known.number}
    now["amount_paid"] = stated(body["amount_paid"], currency(known.currency), "/amount_paid", [])
    now["status"], then["status"] = body["status"] or _of_itself(known), _status_then(known)
    then["amount_paid"] = known.amount_settled_before
    if now["status"] == then["status"] == "void":
        now["void_reason"], then["void_reason"] = body["void_reason"] or REASON_OF_VOID, known.void_reason
    for name in then | now:
        if (name in then, then.get(name)) != (name in now, now.get(name)):
            is_named_by_key = name == "customer_id" and body["customer_external_id"] is not None
            place = "/customer_external_id" if is_named_by_key else f"/{name}"
            yield Fault("import-differs", "It said something else when it was imported.", place)


def _status_then(known: Invoice) -> str:
    """The status with which it was imported, whatever has become of it since."""
    if known.voided_at == known.imported_at:
        return "void"
    if known.marked_collectible_at is not None:
        # Expecting it again has wiped out since when it was given up; only the fact of its import still tells.
        fact = sa.select(Event.data["status"].astext).where(
            Event.organization_id == unit().tenant, Event.object_id == known.id, Event.type == "invoice.imported"
        )
        return str(db.session.scalars(fact).one())
    return "uncollectible" if known.marked_uncollectible_at == known.imported_at else _of_itself(known)


def _of_itself(known: Invoice) -> str:
    """The status that follows from what was paid before."""
    return "open" if known.payable_amount - known.amount_settled_before > 0 else "paid"


def _settled_before(invoice: Invoice, body: Mapping[str, Any], parties: Parties) -> int:
    """What was settled elsewhere, in minor units; refuses all that speaks against taking the invoice over."""
    faults = lacking_of_document(invoice, parties, body["issue_date"])
    faults += preceding.faults_of(body, body["customer_id"])
    settled = stated(body["amount_paid"], currency(invoice.currency), "/amount_paid", faults) or 0
    payable = invoice.payable_amount
    if not min(0, payable) <= settled <= max(0, payable):
        detail = f"Between 0 and {amount_text(payable, invoice.currency)}, which was payable."
        faults.append(Fault("amount-exceeds-due", detail, "/amount_paid"))
    faults += _of_status(body["status"], payable, settled)
    if faults:
        raise Invalid(f"{len(faults)} fault{'s' * (len(faults) != 1)} in the invoice.", faults=faults)
    return settled


def _of_status(status: str | None, payable: int, settled: int) -> Iterator[Fault]:
    is_open = payable - settled > 0
    if status == "void" and (settled or payable < 0):
        yield Fault("status-mismatch", "Money was moved on it, so it was owed.", "/status")
    elif status in {"open", "uncollectible"} and not is_open:
        yield Fault("status-mismatch", "Nothing is due on it.", "/status")
    elif status == "paid" and is_open:
        yield Fault("status-mismatch", "Something is due on it: see amount_paid.", "/status")


def _issue(invoice: Invoice, body: Mapping[str, Any], parties: Parties, opening: dt.date, settled: int) -> None:
    """Make it an issued document, declared void or given up where it was so before."""
    zone = parties.organization.time_zone
    number = numbering.adopt("invoice", body["number"], body["issue_date"], zone, invoice.id)
    invoice.number, invoice.number_key = number.text, number.text.casefold()
    invoice.series_id, invoice.number_period, invoice.sequence_value = number.series_id, number.period, number.value
    if invoice.supply_date is None and invoice.billing_period is None:
        invoice.supply_date = invoice.issue_date
    invoice.seller, invoice.buyer = seller_of(parties.organization), buyer_of(parties.customer)
    invoice.finalized_at = invoice.imported_at = clock.now()
    # Who issued it elsewhere gave it to the buyer; one that is void may never have left.
    invoice.sent_at = None if body["status"] == "void" else invoice.imported_at
    invoice.opening_date, invoice.amount_settled_before = opening, settled
    invoice.amount_paid = settled if invoice.payable_amount >= 0 else invoice.payable_amount
    invoice.status = body["status"] or ("open" if invoice.amount_due else "paid")
    if invoice.status == "paid":
        invoice.paid_at = invoice.imported_at
    elif invoice.status == "uncollectible":
        invoice.marked_uncollectible_at = invoice.imported_at
    elif invoice.status == "void":
        invoice.voided_at, invoice.void_reason = invoice.imported_at, body["void_reason"] or REASON_OF_VOID


def _enter(invoice: Invoice) -> None:
    """Enter it in the books, or mark its number as void."""
    if invoice.status == "void":
        register.mark_voided(invoice.id, invoice.imported_at or clock.now())
    else:
        open_account(invoice)
    if invoice.status == "uncollectible" and invoice.opening_date is not None:
        written_off = bookkeeping.written_off(invoice.amount_due, invoice.id)
        post(invoice, "invoice_written_off", invoice.opening_date, written_off)
    db.session.flush()
