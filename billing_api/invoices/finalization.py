"""Issuing an invoice: all that the law asks for at once, then a number, and then it stays as it is."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from billing_api import clock
from billing_api.customers.models import Customer
from billing_api.database import db
from billing_api.domain.adjustments import stated
from billing_api.domain.lifecycle import status_when_issued
from billing_api.domain.money import amount_text, currency
from billing_api.domain.tax import Exemption, Tax
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.events.service import record
from billing_api.invoices.drafting import check_total, set_due_date, set_exchange, set_exchange_of_groups
from billing_api.invoices.models import Invoice
from billing_api.invoices.parties import Parties
from billing_api.invoices.parts import InvoiceLine
from billing_api.invoices.resolving import TAX_MEMBERS
from billing_api.invoices.settlement import open_account
from billing_api.ledger.service import refuse_closed
from billing_api.numbering import service as numbering
from billing_api.organizations.models import Organization


class InvoiceNotReady(Invalid):
    """The draft lacks something that an invoice must have. `errors` lists all of it: members of the invoice by their
    pointer, those of the seller and the buyer below `/seller` and `/buyer`. Add them, to the draft, the organization or
    the customer, and finalize it again."""

    code = "invoice-not-ready"
    title = "The invoice is not ready to be issued"


_TAXED = frozenset({"S", "Z", "E", "AE", "K", "G"})
"""Categories under which the seller must name a tax id (EN 16931, BR-S-02 and its sisters)."""
_BUYER_TAXED = frozenset({"AE", "K"})
"""Those under which the buyer must (BR-AE-02, BR-IC-02)."""


def issue(invoice: Invoice, parties: Parties, issue_date: dt.date | None, expected_total: Decimal | None) -> None:
    """Issue a draft whose row is locked, or that is new: what is issued as it is made is written once, by the caller.

    Raises:
        InvoiceNotReady, PeriodLocked, TotalMismatch, IssueDateBeforeLastNumber, and Invalid for a date in the future.
    """
    organization, asked = parties.organization, issue_date or invoice.issue_date
    # The seller may have taken another tax currency since the draft was written.
    set_exchange_of_groups(invoice, organization)
    if absent := list(lacking(invoice, parties, asked)):
        # A date that is refused is told with it; alone it is refused in its own name, with the series locked.
        faults = [*absent, *_of_date(asked, organization)]
        raise InvoiceNotReady(f"{len(faults)} thing{'s' * (len(faults) != 1)} to add or mend.", faults=faults)
    check_total(invoice, _expected(expected_total, invoice), f"/v1/invoices/{invoice.id}/calculation")
    # Of a draft the parts first: once its status has changed, the database keeps them as they are. Of the invoice
    # itself nothing is written before the number is there, so that its version rises by one.
    db.session.flush()
    # The series last: nothing is to be found out after it, and with its lock all that is left is to write.
    _number(invoice, asked, organization)
    set_exchange(invoice, organization)
    invoice.seller, invoice.buyer = seller_of(organization), buyer_of(parties.customer)
    _open(invoice)
    open_account(invoice)
    amounts = {"payable_amount": amount_text(invoice.payable_amount, invoice.currency)}
    record("invoice.finalized", invoice, number=invoice.number, currency=invoice.currency, **amounts)
    if invoice.status == "paid":
        record("invoice.paid", invoice, number=invoice.number, was="draft")


def blockers(invoice: Invoice, parties: Parties) -> list[Fault]:
    """Everything for which finalization would refuse a draft, as things stand."""
    on = invoice.issue_date
    return [*lacking(invoice, parties, on), *_of_date(on, parties.organization)]


def lacking(invoice: Invoice, parties: Parties, asked: dt.date | None) -> Iterator[Fault]:
    """Everything that a document must have and this one has not, on the date that was asked for, or today."""
    categories = {tax.category for line in invoice.lines for tax in line.taxes}
    on = asked or clock.today(parties.organization.time_zone)
    yield from _of_lines(invoice, parties.default_tax(on))
    yield from _of_seller(parties.organization, categories)
    yield from _of_buyer(parties, categories)
    yield from _of_document(invoice, parties, categories)
    if invoice.net_terms_days is None and invoice.due_date is not None and invoice.due_date < on:
        yield Fault("due-before-issue", f"It would be issued on {on}, after it is due.", "/due_date")


def lacking_of_document(invoice: Invoice, parties: Parties, on: dt.date) -> list[Fault]:
    """What an invoice lacks that was issued elsewhere on this date: all but what is known of its buyer."""
    categories = {tax.category for line in invoice.lines for tax in line.taxes}
    return [
        *_of_lines(invoice, parties.default_tax(on)),
        *_of_seller(parties.organization, categories),
        *_of_document(invoice, parties, categories),
    ]


def seller_of(organization: Organization) -> dict[str, Any]:
    """The seller, as it stays on the document."""
    return _frozen(
        organization,
        "name", "legal_name", "address", "country", "tax_ids", "registration_number", "tax_registered", "time_zone",
        "bank_account", "email", "phone", "contact", "electronic_address", "legal_notice",
    )  # fmt: skip


def buyer_of(customer: Customer | None) -> dict[str, Any]:
    """The buyer, as it stays on the document."""
    return _frozen(
        customer,
        "type", "name", "legal_name", "email", "billing_emails", "external_id", "tax_ids", "registration_number",
        "billing_address", "shipping_address", "phone", "contact", "electronic_address", "locale", "tax_treatment",
        "exemption",
    )  # fmt: skip


def _frozen(party: Organization | Customer | None, *names: str) -> dict[str, Any]:
    return {"id": str(party.id), **{name: getattr(party, name) for name in names}} if party else {}


def _expected(total: Decimal | None, invoice: Invoice) -> int | None:
    """The total that the client expects, in minor units. Raises Invalid where no amount of the currency is that."""
    faults: list[Fault] = []
    expected = stated(total, currency(invoice.currency), "/expected_total", faults)
    if faults:
        raise Invalid(faults=faults)
    return expected


def _open(invoice: Invoice) -> None:
    """Give it the status that follows from what is payable, which is paid where that is nothing, or less."""
    invoice.finalized_at = clock.now()
    status = status_when_issued(invoice.payable_amount)
    if status == "paid":
        invoice.paid_at = invoice.finalized_at
        # A negative amount is owed to the buyer: it leaves the invoice, which is settled.
        invoice.amount_paid = min(0, invoice.payable_amount)
    invoice.status = status


def _number(invoice: Invoice, issue_date: dt.date | None, organization: Organization) -> None:
    number = numbering.take("invoice", issue_date, organization.time_zone, invoice.id)
    refuse_closed(number.issue_date, organization)
    invoice.number, invoice.number_key = number.text, number.text.casefold()
    invoice.series_id, invoice.number_period, invoice.sequence_value = number.series_id, number.period, number.value
    invoice.issue_date = number.issue_date
    if invoice.supply_date is None and invoice.billing_period is None:
        invoice.supply_date = number.issue_date
    set_due_date(invoice)
    if invoice.due_date is not None and invoice.due_date < number.issue_date:
        fault = Fault("due-before-issue", f"It would be issued on {number.issue_date}, after that.", "/due_date")
        raise InvoiceNotReady("The due date lies before the date of issue.", faults=[fault])


def _of_date(asked: dt.date | None, organization: Organization) -> Iterator[Fault]:
    closed, zone = organization.books_locked_until, organization.time_zone
    # Left to the service the date is today or later, which only books that are closed ahead forbid.
    if asked is None and (closed is None or closed < clock.today(zone)):
        return
    try:
        refuse_closed(numbering.foresee("invoice", asked, zone), organization)
    except (Conflict, Invalid) as refusal:
        yield from refusal.faults or [Fault(refusal.code, refusal.detail, "/issue_date")]


def _of_lines(invoice: Invoice, default: tuple[Tax, Exemption] | None) -> Iterator[Fault]:
    if not invoice.lines:
        yield Fault("required", "An invoice has at least one line.", "/lines")
    present = default[0].category if default else None
    for index, (line, asked) in enumerate(zip(invoice.lines, invoice.request.get("lines") or (), strict=True)):
        if not line.taxes and present is None:
            yield Fault("required", "The line needs a tax: tax_category and tax_rate.", f"/lines/{index}/tax_rate")
        elif all(asked.get(name) is None for name in TAX_MEMBERS) and present != _default_of(line):
            # What the client has seen is not changed under its hands.
            detail = (
                "Its tax did not come from the line, and would be another now, as the customer or the organization is "
                "taxed today: save the draft anew."
            )
            yield Fault("tax-out-of-date", detail, f"/lines/{index}/tax_rate")


def _default_of(line: InvoiceLine) -> str | None:
    """The category that the line took from its customer or seller; what its product said counts where these said
    nothing, and stays as it was when the draft was written."""
    return None if line.tax_from_product else line.tax_category


def _of_seller(seller: Organization, categories: set[str]) -> Iterator[Fault]:
    if not seller.legal_name:
        yield Fault("required", "Give the organization its legal_name.", "/seller/legal_name")
    if not seller.address:
        yield Fault("required", "Give the organization its address.", "/seller/address")
    elif not seller.address.get("country"):
        yield Fault("required", "Give the organization's address its country.", "/seller/address/country")
    if categories & _TAXED and seller.tax_registered and not seller.tax_ids:
        yield Fault("required", "Give the organization a tax id, or tax_registered: false.", "/seller/tax_ids")


def _of_buyer(parties: Parties, categories: set[str]) -> Iterator[Fault]:
    buyer = parties.customer
    if parties.is_buyer_archived:
        yield Fault("customer-archived", "The customer is archived: PATCH it with archived: false.", "/customer_id")
    address = buyer.billing_address if buyer else None
    if not address:
        yield Fault("required", "Give the customer a billing_address with its country.", "/buyer/billing_address")
    elif not address.get("country"):
        yield Fault("required", "Give the billing_address its country.", "/buyer/billing_address/country")
    if categories & _BUYER_TAXED and not (buyer and buyer.tax_ids):
        yield Fault(
            "required", "Reverse charge and intra-community supply need the customer's tax id.", "/buyer/tax_ids"
        )


def _of_document(invoice: Invoice, parties: Parties, categories: set[str]) -> Iterator[Fault]:
    shipping = (parties.customer.shipping_address if parties.customer else None) or {}
    delivered = ((invoice.delivery or {}).get("address") or {}).get("country") or shipping.get("country")
    if "K" in categories and not delivered:
        yield Fault("required", "An intra-community supply names the country of delivery.", "/delivery/address/country")
    stated_in = parties.organization.tax_currency or invoice.currency
    if stated_in != invoice.currency and invoice.tax_total != 0 and invoice.exchange_rate is None:
        detail = f"The tax must be stated in {stated_in} too, which needs the rate of exchange."
        yield Fault("required", detail, "/exchange_rate")
