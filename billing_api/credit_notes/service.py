"""Credit notes: issued over an invoice or by themselves, refunded."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

from uuid_utils.compat import uuid7

from billing_api.credit_notes.credits import choose, keep
from billing_api.credit_notes.models import CreditNote
from billing_api.credit_notes.queries import whole
from billing_api.credit_notes.rows import by_itself, over
from billing_api.database import db, find
from billing_api.domain import bookkeeping
from billing_api.domain.bookkeeping import Figures, TaxAmount
from billing_api.domain.creditable import Creditable
from billing_api.domain.credits import Credit
from billing_api.domain.money import amount_text, currency
from billing_api.errors import Fault, Invalid, NotFound
from billing_api.events.service import record
from billing_api.invoices import service as invoices
from billing_api.invoices.actions import demand
from billing_api.invoices.finalization import buyer_of, lacking, seller_of
from billing_api.invoices.models import Invoice
from billing_api.invoices.parties import Parties
from billing_api.invoices.preceding import InvoiceNotFound
from billing_api.invoices.queries import parts
from billing_api.invoices.settlement import allocate, days
from billing_api.invoices.shapes import WHOLE
from billing_api.ledger import service as ledger
from billing_api.numbering import service as numbering
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.payments import balance
from billing_api.payments.models import Refund
from billing_api.unit_of_work import unit


class CreditNoteNotReady(Invalid):
    """The credit note lacks something that such a document must have. `errors` lists all of it: members of the body by
    their pointer, those of the seller and the buyer below `/seller` and `/buyer`. Add them, to the body, the
    organization or the customer, and send it again."""

    code = "credit-note-not-ready"
    title = "The credit note is not ready to be issued"


_UNSAID: dict[str, Any] = {
    "type_code": "380", "due_date": None, "net_terms_days": None, "supply_date": None, "billing_period": None,
    "payment_terms": None, "delivery": None, "early_payment_discount": None, "payment_instructions": None,
    "allowances": [], "charges": [], "prepaid_amount": None, "rounding_amount": None, "cash_rounding_increment": None,
}  # fmt: skip
"""What an invoice says and a credit note by itself does not."""


def preview(body: Mapping[str, Any]) -> CreditNote:
    """The credit note that this body would make, as things stand; nothing is kept."""
    if body["invoice_id"] is None:
        note, parties = _compose_free(body)
        _check_dates(body, parties.organization, None)
        _foresee(body, parties.organization, None)
        note.seller = seller_of(parties.organization)
        note.buyer = buyer_of(parties.customer) if parties.customer else None  # type: ignore[assignment]  # in previews
    else:
        invoice, organization = _invoice(body["invoice_id"]), organizations.current()
        note = _compose(invoice, None, body)[0]
        _check_dates(body, organization, invoice)
        _foresee(body, organization, invoice)
    if note.settlement == "refund":
        note.use(refunded=note.amount_available)
    return note


def create(body: Mapping[str, Any]) -> CreditNote:
    """Issue a credit note. Over an invoice it settles what is still due there; the rest is to the customer's credit,
    or refunded at once.

    Raises:
        InvoiceNotFound, InvalidTransition, InvoiceNotCreditable
        CustomerNotFound, CustomerArchived, CreditNoteNotReady
        PeriodLocked, IssueDateBeforeLastNumber
        Invalid: with every fault of the body.
    """
    if body["invoice_id"] is not None:
        return credit(_invoice(body["invoice_id"], lock=True), organizations.current(keep=True), body)
    note, parties = _compose_free(body, keep=True)
    organization = parties.organization
    _check_dates(body, organization, None)
    note.seller, note.buyer = seller_of(organization), buyer_of(parties.customer)
    _issue(note, organization, body["issue_date"])
    _refund(note, body, organization)
    db.session.flush()
    return note


def credit(invoice: Invoice, organization: Organization, body: Mapping[str, Any]) -> CreditNote:
    """Issue a credit note over an invoice whose row is locked; the organization is kept. Raises what `create` does."""
    note, made, after = _compose(invoice, organization, body)
    _check_dates(body, organization, invoice)
    _issue(note, organization, body["issue_date"], not_before=invoice.issue_date)
    # Of the invoice nothing was written before, so that its version rises by one.
    keep(invoice, made, after)
    amount = amount_text(note.amount, note.currency)
    credited = {"id": str(note.id), "number": note.number}
    record("invoice.credited", invoice, currency=note.currency, amount=amount, credit_note=credited)
    if note.amount_allocated:
        allocate(note, invoice, note.amount_allocated, days([invoice], note.dated_on)[invoice.id])
    _refund(note, body, organization)
    db.session.flush()
    return note


def read(id: uuid.UUID) -> CreditNote:
    """A credit note with all its parts. Raises NotFound."""
    return find(CreditNote, id, options=whole())


def edit(
    id: uuid.UUID, change: Callable[[CreditNote], Mapping[str, Any]], expected: Collection[int] | None = None
) -> CreditNote:
    """Change the metadata of a credit note. Raises NotFound, PreconditionFailed."""
    note = find(CreditNote, id, lock=True, expected=expected, options=whole())
    metadata = change(note)["metadata_"]
    if metadata != note.metadata_:
        note.metadata_ = metadata
        record("credit_note.updated", note, changed=["metadata"])
    db.session.flush()
    return note


def refund(id: uuid.UUID, body: Mapping[str, Any], expected: Collection[int] | None = None) -> Refund:
    """Give back what is available of a credit note. Raises NotFound, PreconditionFailed, and what `balance.refund`
    raises."""
    organization = organizations.current(keep=True)
    return balance.refund(find(CreditNote, id, lock=True, expected=expected), body, organization)


def _invoice(id: uuid.UUID, *, lock: bool = False) -> Invoice:
    try:
        return find(Invoice, id, lock=lock, options=parts())
    except NotFound:
        fault = Fault("invoice-not-found", "There is no such invoice.", "/invoice_id")
        raise InvoiceNotFound(faults=[fault]) from None


def _compose(
    invoice: Invoice, organization: Organization | None, body: Mapping[str, Any]
) -> tuple[CreditNote, Credit, Creditable]:
    """The credit note over an issued invoice, the credit that it states, and the state that this leaves. Without the
    organization it may be looked at while the books are closed."""
    demand("credit", invoice, organization)
    made, after = choose(invoice, body)
    if body["lines"] or body["charges"]:
        _refuse_nothing(made, "/lines" if body["lines"] else "/charges")
    return over(invoice, made, after, body), made, after


def _refuse_nothing(made: Credit, pointer: str) -> None:
    """So little of a line that it rounds to nothing is no credit, nor is a charge of which nothing remains."""
    if made.payable_amount == 0 and not any(group.taxable_amount or group.tax_amount for group in made.groups):
        detail = "What is chosen comes to nothing: choose more, or neither lines nor charges for all that remains."
        raise Invalid(faults=[Fault("credit-comes-to-nothing", detail, pointer)])


def _compose_free(body: Mapping[str, Any], *, keep: bool = False) -> tuple[CreditNote, Parties]:
    """The credit note of lines of its own, priced and taxed as an invoice's are."""
    draft: Invoice = WHOLE.blank()
    parties = invoices.fill(draft, {**_UNSAID, **body, "charges": [], "finalize": keep}, keep=keep)
    if draft.total < 0:
        raise Invalid(faults=[Fault("credit-note-negative", "It comes to less than nothing.", "/lines")])
    if keep and (absent := list(lacking(draft, parties, body["issue_date"]))):
        raise CreditNoteNotReady(f"{len(absent)} thing{'s' * (len(absent) != 1)} to add or mend.", faults=absent)
    return by_itself(draft, body), parties


def _issue(
    note: CreditNote, organization: Organization, asked: dt.date | None, *, not_before: dt.date | None = None
) -> None:
    """Number a credit note and enter it in the books. The series last: all else is known by now."""
    note.organization_id, note.id = unit().tenant, uuid7()
    number = numbering.take("credit_note", asked, organization.time_zone, note.id, not_before=not_before)
    ledger.refuse_closed(number.issue_date, organization)
    note.number, note.number_key = number.text, number.text.casefold()
    note.series_id, note.number_period, note.sequence_value = number.series_id, number.period, number.value
    note.dated_on = number.issue_date
    db.session.add(note)
    db.session.flush()
    ledger.post(
        "credit_note_issued",
        note.dated_on,
        bookkeeping.credited(_figures(note), note.id),
        customer_id=note.customer_id,
        currency=note.currency,
        object=("credit_note", note.id),
    )
    invoice = None if note.invoice_id is None else str(note.invoice_id)
    amount = amount_text(note.amount, note.currency)
    record("credit_note.issued", note, number=note.number, currency=note.currency, amount=amount, invoice_id=invoice)


def _figures(note: CreditNote) -> Figures:
    return Figures(
        without_tax=note.total_without_tax,
        taxes=[
            TaxAmount(category=group.category, rate=group.rate, name=group.name, amount=group.tax_amount)
            for group in note.tax_breakdown
        ],
        prepaid=0,
        rounding=note.rounding_amount,
        payable=note.amount,
    )


def _check_dates(body: Mapping[str, Any], organization: Organization, invoice: Invoice | None) -> None:
    """The dates that a body names are judged before the series is locked."""
    faults: list[Fault] = []
    asked, issued = body["issue_date"], invoice.issue_date if invoice else None
    if asked is not None and issued is not None and asked < issued:
        faults.append(Fault("issue-date-before-invoice", f"The invoice was issued on {issued}.", "/issue_date"))
    if body["settlement"] == "refund":
        late: list[Fault] = []
        ledger.date_of(body["refund"]["payment_date"], organization, late)
        faults += [fault.below("/refund") for fault in late]
    if faults:
        raise Invalid(faults=faults)


def _foresee(body: Mapping[str, Any], organization: Organization, invoice: Invoice | None) -> None:
    """Refuse in a preview the dates that the series would refuse, as it stands."""
    issued = invoice.issue_date if invoice else None
    _check_refund(body, numbering.foresee("credit_note", body["issue_date"], organization.time_zone, not_before=issued))


def _check_refund(body: Mapping[str, Any], dated_on: dt.date) -> None:
    paid = body["refund"]["payment_date"] if body["settlement"] == "refund" else None
    if paid is not None and paid < dated_on:
        detail = f"The credit note is issued on {dated_on}."
        raise Invalid(faults=[Fault("date-before-source", detail, "/refund/payment_date")])


def _refund(note: CreditNote, body: Mapping[str, Any], organization: Organization) -> None:
    """Give back what the invoice did not take, where that was asked for."""
    _check_refund(body, note.dated_on)
    if note.settlement == "refund" and note.amount_available:
        decimals = currency(note.currency).decimals
        amount = Decimal(f"{note.amount_available}E-{decimals}")
        balance.refund(note, {**body["refund"], "amount": amount}, organization)
