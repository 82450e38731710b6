"""What should become of invoices and money: the rules once more, in plain Python that shares nothing with the product.

Amounts are whole minor units. A deed that the rules forbid raises `Refused` and has changed nothing.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.things import OWING, STANDING, Customer, Invoice, Refund, Refused, Source, Thing, Use, today


@dataclass
class Books:
    """All that an organization has, and every deed that can be done."""

    is_voided_freely: bool = False
    closed: dt.date | None = None
    last_issue: dt.date | None = None
    last_credit: dt.date | None = None
    customers: list[Customer] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    told: list[tuple[str, Thing | None]] = field(default_factory=list)
    """The facts in their order; None stands for what has no id here."""

    def tell(self, type: str, about: Thing | None) -> None:
        self.told.append((type, about))

    def name(self, thing: Thing, id: str) -> None:
        """Note the id that the service gave."""
        thing.id = id
        for source in self.sources:
            if source.origin is thing:
                source.id = id

    def add_customer(self) -> Customer:
        self.customers.append(Customer())
        self.tell("customer.created", self.customers[-1])
        return self.customers[-1]

    def settle_terms(self, *, is_voided_freely: bool, closed: dt.date | None) -> None:
        if (self.is_voided_freely, self.closed) != (is_voided_freely, closed):
            self.tell("organization.updated", None)
        self.is_voided_freely, self.closed = is_voided_freely, closed

    def draft(self, body: dict[str, Any], *, finalize: bool) -> Invoice:
        invoice = Invoice(body=body)
        if finalize:
            self.refuse_issue(invoice, None)
        self.invoices.append(invoice)
        self.tell("invoice.created", invoice)
        if finalize:
            self.finalize(invoice, None)
        return invoice

    def edit(self, invoice: Invoice, body: dict[str, Any]) -> None:
        self.demand(invoice, "draft")
        if invoice.body != body:
            self.tell("invoice.updated", invoice)
        invoice.body = body

    def delete(self, invoice: Invoice) -> None:
        self.demand(invoice, "draft")
        self.invoices.remove(invoice)
        if invoice.replaces is not None:
            self.tell("invoice.revision_deleted", invoice.replaces)
        self.tell("invoice.deleted", invoice)

    def duplicate(self, invoice: Invoice) -> Invoice:
        return self.draft({**invoice.body, "issue_date": None, "prepaid_amount": None}, finalize=False)

    def refuse_issue(self, invoice: Invoice, asked: dt.date | None) -> dt.date:
        """The date that the invoice would be issued on."""
        if asked is None and invoice.body["issue_date"]:
            asked = dt.date.fromisoformat(invoice.body["issue_date"])
        if not invoice.body["lines"]:
            raise Refused(422, "invoice-not-ready")
        latest = max(today(), self.last_issue or today())
        if asked and asked > latest:
            raise Refused(422, "issue-date-in-future")
        if asked and self.last_issue and asked < self.last_issue:
            raise Refused(409, "issue-date-before-last-number")
        self.refuse_closed(asked or latest)
        return asked or latest

    def finalize(self, invoice: Invoice, asked: dt.date | None) -> None:
        if invoice.status in ("open", "paid"):
            return
        self.demand(invoice, "draft")
        self.last_issue = invoice.issued_on = self.refuse_issue(invoice, asked)
        payable = invoice.figures.payable
        invoice.status = "open" if payable > 0 else "paid"
        invoice.paid = min(0, payable)
        if payable < 0:
            given = {"customer": invoice.customer, "currency": invoice.currency, "on": invoice.issued_on}
            self.sources.append(Source(id=invoice.id, kind="invoice", amount=-payable, origin=invoice, **given))
        self.tell("invoice.finalized", invoice)
        if invoice.status == "paid":
            self.tell("invoice.paid", invoice)

    def void(self, invoice: Invoice) -> None:
        if invoice.status == "void":
            return
        self.demand(invoice, *OWING)
        if invoice.paid or invoice.credited:
            raise Refused(409, "invoice-has-allocations")
        if invoice.noted:
            raise Refused(409, "invoice-has-credit-notes")
        if invoice.is_sent and not self.is_voided_freely:
            raise Refused(409, "void-not-permitted")
        self.refuse_closed(today())
        invoice.status = "void"
        self.tell("invoice.voided", invoice)

    def mark_sent(self, invoice: Invoice) -> None:
        if not invoice.is_sent:
            self.demand(invoice, *STANDING)
            invoice.is_sent = True
            self.tell("invoice.sent", invoice)

    def give_up(self, invoice: Invoice) -> None:
        if invoice.status != "uncollectible":
            self.demand(invoice, "open")
            self.refuse_closed(today())
            invoice.status, invoice.is_given_up = "uncollectible", True
            self.tell("invoice.marked_uncollectible", invoice)

    def expect_again(self, invoice: Invoice) -> None:
        if invoice.status != "open":
            self.demand(invoice, "uncollectible")
            self.refuse_closed(today())
            invoice.status, invoice.is_given_up, invoice.was_expected_again = "open", False, True
            self.tell("invoice.marked_collectible", invoice)

    def pay(self, shares: Sequence[tuple[Invoice, int]], on: dt.date, *, rest: bool, **given: Any) -> Source:
        """A payment; `given` are the customer, the currency and the amount."""
        if on > today():
            raise Refused(422, "date-in-future")
        if sum(amount for _, amount in shares) > given["amount"]:
            raise Refused(422, "allocations-exceed-amount")
        for invoice, _ in shares:
            self.demand_owing(invoice)
        self.refuse_closed(on)
        if not rest and any(amount > invoice.due for invoice, amount in shares):
            raise Refused(422, "amount-exceeds-due")
        payment = Source(kind="payment", on=on, **given)
        self.sources.append(payment)
        self.tell("payment.received", payment)
        for invoice, amount in shares:
            self._use(payment, invoice, min(amount, invoice.due))
        return payment

    def apply(self, invoice: Invoice, amount: int | None) -> None:
        self.demand_owing(invoice)
        self.refuse_closed(today())
        sources = self._available(invoice)
        there = sum(source.available for source in sources)
        if not there:
            raise Refused(409, "nothing-available")
        if amount is not None and amount > invoice.due:
            raise Refused(422, "amount-exceeds-due")
        if amount is not None and amount > there:
            raise Refused(422, "amount-exceeds-available")
        left = min(invoice.due, there) if amount is None else amount
        for source in sorted(sources, key=lambda one: (one.on, one.id)):
            if part := min(left, source.available):
                self._use(source, invoice, part)
            left -= part

    def refund(self, source: Source | None, amount: int, on: dt.date) -> Refund:
        if source is None:
            raise Refused(409, "payment-is-applied")
        if on > today():
            raise Refused(422, "date-in-future")
        if on < source.on:
            raise Refused(422, "date-before-source")
        self.refuse_closed(on)
        if amount > source.available:
            raise Refused(409, "payment-is-applied")
        source.refunded += amount
        refund = Refund()
        self.tell("refund.created", refund)
        return refund

    def reverse(self, payment: Source) -> None:
        if payment.is_reversed:
            return
        if payment.refunded:
            raise Refused(409, "payment-is-refunded")
        self.refuse_closed(today())
        for invoice in dict.fromkeys(use.invoice for use in payment.uses):
            amount = sum(use.amount for use in payment.uses if use.invoice is invoice)
            invoice.paid -= amount
            self.tell("invoice.amount_released", invoice)
            if invoice.status == "paid":
                invoice.status = "uncollectible" if invoice.is_given_up else "open"
                invoice.was_reopened = True
                self.tell("invoice.reopened", invoice)
        payment.uses, payment.is_reversed = [], True
        self.tell("payment.reversed", payment)

    def credit(self, invoice: Invoice, amount: int | None, *, refund: bool) -> Source:
        """A credit note: over an amount, or over all that remains."""
        self.demand(invoice, *STANDING)
        if not invoice.creditable:
            raise Refused(409, "invoice-not-creditable")
        latest = max(today(), self.last_credit or today())
        self.refuse_closed(latest)
        self.last_credit = latest
        amount = invoice.creditable if amount is None else amount
        given = {"customer": invoice.customer, "currency": invoice.currency, "on": latest}
        note = Source(kind="credit_note", amount=amount, **given)
        self.sources.append(note)
        invoice.noted += amount
        self.tell("credit_note.issued", note)
        self.tell("invoice.credited", invoice)
        if part := min(amount, invoice.due):
            self._use(note, invoice, part)
        if refund and note.available:
            note.refunded = note.available
            self.tell("refund.created", None)
        return note

    def revise(self, invoice: Invoice) -> Invoice:
        """It is cancelled, in whichever way it can be, and drafted anew; what was prepaid is in the credit then."""
        self.demand(invoice, *STANDING)
        if not invoice.creditable:
            raise Refused(409, "invoice-not-creditable")
        self.refuse_closed(today())
        draft = self.draft({**invoice.body, "issue_date": None}, finalize=False)
        draft.replaces = invoice
        try:
            self.void(invoice)
        except Refused:
            self.credit(invoice, None, refund=False)
            draft.body["prepaid_amount"] = None
        self.tell("invoice.revised", invoice)
        return draft

    def offers(self, invoice: Invoice) -> dict[str, bool]:
        """Every action, and whether it can be taken now."""
        is_settled = bool(invoice.paid or invoice.credited or invoice.noted)
        is_draft, is_bookable = invoice.status == "draft", self._may(lambda: self.refuse_closed(today()))
        is_owing = is_bookable and invoice.status in OWING and invoice.due > 0
        is_creditable = is_bookable and invoice.creditable > 0
        is_voidable = not is_settled and (self.is_voided_freely or not invoice.is_sent)
        return {
            "update": is_draft,
            "delete": is_draft,
            "pay": is_owing,
            "apply-balance": is_owing and bool(self._available(invoice)),
            "refund": is_bookable and any(one.origin is invoice and one.available for one in self.sources),
            "credit": is_creditable,
            "revise": is_creditable,
            "finalize": is_draft and self._may(lambda: self.refuse_issue(invoice, None)),
            "mark-sent": invoice.status in STANDING,
            "void": is_bookable and invoice.status in OWING and is_voidable,
            "mark-uncollectible": is_bookable and invoice.status == "open",
            "mark-collectible": is_bookable and invoice.status == "uncollectible",
            "duplicate": True,
        }

    def demand(self, invoice: Invoice, *statuses: str) -> None:
        if invoice.status not in statuses:
            raise Refused(409, "invalid-transition")

    def demand_owing(self, invoice: Invoice) -> None:
        if invoice.status not in OWING or invoice.due <= 0:
            raise Refused(409, "invoice-not-payable")

    def refuse_closed(self, on: dt.date) -> None:
        if self.closed and on <= self.closed:
            raise Refused(409, "period-locked")

    def _available(self, invoice: Invoice) -> list[Source]:
        owner = (invoice.customer, invoice.currency)
        return [one for one in self.sources if (one.customer, one.currency) == owner and one.available]

    def _may(self, ask: Callable[[], object]) -> bool:
        try:
            ask()
        except Refused:
            return False
        return True

    def _use(self, source: Source, invoice: Invoice, amount: int) -> None:
        source.uses.append(Use(invoice, amount))
        if source.kind == "payment":
            invoice.paid += amount
        else:
            invoice.credited += amount
        self.tell("invoice.amount_applied", invoice)
        if invoice.due == 0:
            invoice.status = "paid"
            self.tell("invoice.paid", invoice)
