"""The life of an invoice up to its issue: previewed, drafted, changed, deleted, finalized, found."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing_api import clock
from billing_api.customers import service as customers
from billing_api.customers.anonymization import on_anonymize
from billing_api.customers.models import Customer
from billing_api.database import db, find, touch
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.events import service as events
from billing_api.events.models import Event
from billing_api.events.service import record
from billing_api.invoices import preceding
from billing_api.invoices.actions import demand, offering
from billing_api.invoices.copying import catalogue_of, copied
from billing_api.invoices.drafting import write
from billing_api.invoices.finalization import issue
from billing_api.invoices.models import Invoice
from billing_api.invoices.parties import Parties, look_up
from billing_api.invoices.preceding import InvoiceNotFound
from billing_api.invoices.queries import State, bring_parts, drafts_of, parts, revision_of
from billing_api.invoices.rows import OWN, content
from billing_api.invoices.shapes import WHOLE
from billing_api.organizations import service as organizations
from billing_api.reading_together import whole_beside
from billing_api.unit_of_work import unit


class CustomerNotFound(Invalid):
    """The organization has no customer with this id. Create the customer first, or mend the id."""

    code = "customer-not-found"
    title = "There is no such customer"


class CustomerArchived(Invalid):
    """The customer is archived, and gets no new invoices. Take it back with PATCH `{"archived": false}`, or name
    another."""

    code = "customer-archived"
    title = "The customer is archived"


class CustomerHasDrafts(Conflict):
    """Drafts name this customer, and would be issued to nobody. Issue or delete them first: `drafts` names the oldest
    ten, and `GET /v1/invoices?status=draft&customer_id=...` lists all."""

    code = "customer-has-drafts"
    title = "Drafts name the customer"


class ImportDiffers(Conflict):
    """An invoice with this number was imported before, and said something else. What was issued stays as it is: leave
    the row out, or mend it."""

    code = "import-differs"
    title = "The invoice was imported with other content"


_OF_ITS_OWN = frozenset({
    "issue_date", "due_date", "supply_date", "billing_period", "exchange_rate", "preceding_invoices", "prepaid_amount",
})  # fmt: skip
"""What a copy of an invoice does not take over: its days, what was paid on it before, what it took the place of."""


MOST_NAMED = 10
"""So many drafts are named where they stand in the way."""


def preview(body: Mapping[str, Any]) -> Invoice:
    """The invoice that this body would make; nothing is kept."""
    invoice: Invoice = WHOLE.blank()
    fill(invoice, body)
    return invoice


def create(body: Mapping[str, Any], *, revision_of: uuid.UUID | None = None) -> Invoice:
    """A draft, which may be to replace another invoice, or, when the body says `finalize`, an issued invoice."""
    return _created(body, revision_of)[0]


def create_with_actions(body: Mapping[str, Any]) -> Invoice:
    """The same, with what can be done with it now."""
    return offering(*_created(body))


def create_several(bodies: Sequence[Mapping[str, Any]]) -> list[Invoice]:
    """Several invoices, one after the other."""
    return [create(body) for body in bodies]


def read(id: uuid.UUID) -> Invoice:
    """An invoice with all its parts. Raises NotFound."""
    return find(Invoice, id, options=parts())


def history(id: uuid.UUID, after: int, limit: int) -> tuple[Sequence[Event], bool]:
    """What happened to an invoice after a sequence number, in order, and whether there is more.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    find(Invoice, id)
    return events.after(after, limit, {"invoice"}, object_id=id)


def edit(
    id: uuid.UUID, change: Callable[[Mapping[str, Any]], dict[str, Any]], expected: Collection[int] | None = None
) -> Invoice:
    """Make a draft what `change` makes of its body. What changes nothing, neither what was asked for nor a figure that
    comes of it today, leaves it as it stands.

    Raises:
        NotFound, PreconditionFailed, InvalidTransition, Invalid
    """
    invoice = find(Invoice, id, lock=True, expected=expected, options=parts())
    demand("update", invoice)
    before = invoice.request
    body = change(before)
    fresh: Invoice = WHOLE.blank(id=id, revision_of_id=invoice.revision_of_id)
    fill(fresh, body, keep=True)
    is_same = _stated(before) == _stated({"currency": before["currency"], **body["request"]})
    if is_same and content(fresh) == content(invoice):
        return invoice
    edited = _rewritten(invoice, fresh)
    record("invoice.updated", edited, changed=_changed(before, edited.request))
    return edited


def delete(id: uuid.UUID, expected: Collection[int] | None = None) -> None:
    """Delete a draft; an invoice that it was to replace has no revision any more. Raises NotFound, PreconditionFailed,
    InvalidTransition."""
    replaced = _replaced_by(id)
    invoice = find(Invoice, id, lock=True, expected=expected)
    demand("delete", invoice)
    if replaced is not None and replaced.revised_by_id == id:
        replaced.revised_by_id = None
        record("invoice.revision_deleted", replaced, number=replaced.number, revision=str(id))
    db.session.delete(invoice)
    record("invoice.deleted", invoice)
    db.session.flush()


def finalize(
    id: uuid.UUID, issue_date: dt.date | None, expected_total: Decimal | None, expected: Collection[int] | None = None
) -> Invoice:
    """Issue a draft; an invoice that has been issued already is returned as it stands.

    Raises:
        NotFound, PreconditionFailed, InvalidTransition, and what `finalization.issue` raises.
    """
    invoice = find(Invoice, id, lock=True, expected=expected, options=parts())
    if invoice.status in {"open", "paid"}:
        return invoice
    demand("finalize", invoice)
    issue(invoice, _parties(invoice, freeze=True), issue_date, expected_total)
    db.session.flush()
    return invoice


def duplicate(
    id: uuid.UUID, load: Callable[[Mapping[str, Any]], dict[str, Any]], expected: Collection[int] | None = None
) -> Invoice:
    """A new draft that asks for the same, without what was the other's alone; `load` makes a body of what was asked
    for. What a line would take from a product or a tax rate that is archived by now, it keeps as it came to be.

    Raises:
        NotFound, PreconditionFailed, and Invalid where it could not be asked for today.
    """
    # Locked, so that what was asked for and the lines that came of it are of one version.
    invoice = find(Invoice, id, lock=True, expected=expected)
    kept = {name: value for name, value in invoice.request.items() if name not in _OF_ITS_OWN}
    if (catalogue := catalogue_of(invoice)).has_archived:
        bring_parts(invoice)
        is_taxed = _parties(invoice).default_tax(None) is not None
        lines = zip(kept["lines"], invoice.lines, strict=True)
        kept["lines"] = [copied(*one, catalogue, is_taxed_by_default=is_taxed) for one in lines]
    return create({**load(kept), "finalize": False})


def with_actions(invoice: Invoice) -> Invoice:
    """The invoice with what can be done with it now, and why not, as `actions`."""
    return offering(invoice, look_up(invoice.customer_id))


def read_with_actions(ids: Sequence[uuid.UUID]) -> list[Invoice]:
    """The invoices with these ids, to be shown, and with what can be done with each."""
    return [with_actions(invoice) for invoice in WHOLE.several(ids)]


def read_as_found(id: uuid.UUID, state: State) -> Invoice | None:
    """The invoice that was found in this state, as `read_with_actions` brings it, in one statement; None where it, or
    one of its parties, has changed since."""
    seller, buyer = (organizations.WHOLE, unit().tenant), (customers.WHOLE, state.customer_id)
    found: list[Any] = whole_beside(WHOLE, id, seller, buyer)
    # Where no version has changed, all of it stood so in the moment in which the state was found.
    if not all(found) or not state.is_of(*found):
        return None
    invoice, organization, customer = found
    left = [invoice.currency] if state.is_credit_available else []
    return offering(invoice, Parties(organization, customer, currencies_left=left), state)


def _created(body: Mapping[str, Any], revision_of: uuid.UUID | None = None) -> tuple[Invoice, Parties]:
    # Before it is issued, if it is, though it is kept after that.
    now = clock.now()
    invoice: Invoice = WHOLE.new(revision_of_id=revision_of, created_at=now, updated_at=now)
    parties = fill(invoice, body, keep=True)
    record("invoice.created", invoice, customer_id=str(invoice.customer_id))
    if body["finalize"]:
        issue(invoice, parties, None, None)
    WHOLE.add(invoice)
    return invoice, parties


def _rewritten(invoice: Invoice, fresh: Invoice) -> Invoice:
    """A stored draft that was made what another is, of which there is no row."""
    # The old parts leave before the new ones come, whose positions would meet theirs.
    invoice.lines, invoice.adjustments, invoice.tax_breakdown = [], [], []
    db.session.flush()
    for name in {*WHOLE.names} - OWN | {"request"}:
        setattr(invoice, name, getattr(fresh, name))
    touch(invoice)
    WHOLE.add_parts(fresh)
    db.session.flush()
    # The session has not seen the new parts come.
    db.session.expunge(invoice)
    edited: Invoice = WHOLE.several([invoice.id])[0]
    return edited


def fill(invoice: Invoice, body: Mapping[str, Any], *, keep: bool = False) -> Parties:
    """Make the invoice what the body asks for, or refuse all that is wrong with it at once. Nothing is kept of it yet;
    what it rests on is, where it is to be kept.

    Raises:
        CustomerNotFound, CustomerArchived, InvoiceNotFound, TotalMismatch, and Invalid where it is several, or another.
    """
    freeze = keep and body.get("finalize", False)
    parties = replace(look_up(body["customer_id"], keep=keep, freeze=freeze), excused=preceding.excused(invoice))
    refusals: list[Invalid] = [
        *_of_customer(body["customer_id"], parties, keep),
        *_of_preceding(body, parties),
    ]
    try:
        write(invoice, body, parties, keep=keep)
    except Invalid as refusal:
        refusals.append(refusal)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        faults = [fault for refusal in refusals for fault in refusal.faults]
        raise Invalid(f"{len(faults)} faults in the body.", faults=faults)
    return parties


@on_anonymize
def refuse_with_drafts(customer: Customer) -> None:
    """Nobody makes a draft for the customer meanwhile: its row is locked."""
    if found := drafts_of(customer.id, MOST_NAMED):
        raise CustomerHasDrafts(members={"drafts": [f"/v1/invoices/{id}" for id in found]})


def _replaced_by(id: uuid.UUID) -> Invoice | None:
    """The issued invoice in whose place a draft is to come, locked: ahead of the draft, whose id is the later one."""
    replaced = revision_of(id)
    return None if replaced is None else find(Invoice, replaced, lock=True)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _stated(request: Mapping[str, Any]) -> dict[str, Any]:
    # What is null, empty or false counts as left out; a zero is said on purpose.
    return {name: value for name, value in request.items() if value or (value == 0 and value is not False)}


def _parties(invoice: Invoice, *, freeze: bool = False) -> Parties:
    return replace(look_up(invoice.customer_id, freeze=freeze), excused=preceding.excused(invoice))


def _of_customer(id: uuid.UUID | None, parties: Parties, keep: bool) -> Iterator[Invalid]:
    if id and parties.customer is None:
        yield CustomerNotFound(faults=[Fault("customer-not-found", "There is no such customer.", "/customer_id")])
    if keep and parties.is_buyer_archived:
        yield CustomerArchived(faults=[Fault("customer-archived", "This customer is archived.", "/customer_id")])


def _of_preceding(body: Mapping[str, Any], parties: Parties) -> Iterator[Invalid]:
    if faults := preceding.faults_of(body, body["customer_id"], parties.excused):
        is_absent = all(fault.code == InvoiceNotFound.code for fault in faults)
        yield InvoiceNotFound(faults=faults) if is_absent else Invalid(faults=faults)
