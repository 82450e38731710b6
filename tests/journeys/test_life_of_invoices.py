"""Histories that nobody thought of: any deed on any invoice in any order, against a model that does the same on paper.

After every step all documents, sources, accounts, numbers and events are what the model says, and nothing that was
issued has changed. Each deed is sent as clients send it: plainly, twice under one key, after a dry run of itself, or
with a tag that no longer holds.
"""

import datetime as dt
import os
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from billing_api.embedded import Addresses
from tests.journeys.clerk import SEEN, Clerk, Data
from tests.journeys.drawing import amounts, bodies, days
from tests.journeys.figures import major, minor
from tests.journeys.things import STANDING, Invoice, today

STRESS = bool(os.environ.get("STRESS"))
HISTORIES = 200 if STRESS else 20
ENDS = {
    "done", "stale", "invalid-transition", "invoice-not-payable", "invoice-has-allocations", "void-not-permitted",
    "amount-exceeds-due", "amount-exceeds-available", "nothing-available", "allocations-exceed-amount",
    "payment-is-applied", "payment-is-refunded", "period-locked", "date-in-future", "date-before-source",
    "issue-date-in-future", "issue-date-before-last-number", "invoice-not-ready", "invoice-not-creditable",
}  # fmt: skip
"""Every way in which a deed can end, which many histories come to."""


def if_any(*statuses: str) -> Any:
    """A deed for histories that have an invoice in one of these states; most of the deeds are then possible."""
    return precondition(lambda self: any(one.status in statuses for one in self.books.invoices))


class Life(Clerk):
    """Every deed, on any invoice and payment there is."""

    @initialize(data=st.data())
    def begin(self, data: Data) -> None:
        self.add_customer(data)
        for _ in range(3):
            self.write(data, True)

    @rule(data=st.data(), paper=st.sampled_from(["customer", "terms", "edit", "delete", "duplicate"]))
    def file(self, data: Data, paper: str) -> None:
        """What is done beside issuing and money, in one rule, so that it does not crowd the others out."""
        has_draft = any(one.status == "draft" for one in self.books.invoices)
        if paper == "customer" and len(self.books.customers) < 3:
            self.add_customer(data)
        elif paper == "terms":
            self.settle_terms(data)
        elif paper == "duplicate" and self.books.invoices:
            self.duplicate(data)
        elif has_draft and paper in ("edit", "delete"):
            {"edit": self.edit, "delete": self.delete}[paper](data)

    def add_customer(self, data: Data) -> None:
        address = {"line1": "Platz 1", "city": "Hannover", "country": "DE"}
        body = {"name": "Difference Works", "billing_address": address}
        self.do(data, self.books.add_customer, "POST", "/v1/customers", body)

    def settle_terms(self, data: Data) -> None:
        free, closed = data.draw(st.booleans(), label="free"), data.draw(st.sampled_from([None] * 4 + [-2, -1, 0]))
        until = None if closed is None else today() + dt.timedelta(closed)
        body = {
            "cancellation_mode": "void" if free else "credit_note",
            "books_locked_until": until and until.isoformat(),
        }
        deed = partial(self.books.settle_terms, is_voided_freely=free, closed=until)
        self.do(data, deed, "PATCH", "/v1/organization", body, tag=True)

    @rule(data=st.data(), finalize=st.sampled_from([True, True, False]))
    def write(self, data: Data, finalize: bool) -> None:
        body = data.draw(bodies([one.id for one in self.books.customers]))
        deed = partial(self.books.draft, body, finalize=finalize)
        self.do(data, deed, "POST", "/v1/invoices", {**body, "finalize": finalize})

    def edit(self, data: Data) -> None:
        invoice = self.any_invoice(data, "draft")
        body = data.draw(bodies([one.id for one in self.books.customers]))
        method = data.draw(st.sampled_from(["PUT", "PATCH"]))
        wanted = body if method == "PUT" else {**invoice.body, **body}
        self.do(data, partial(self.books.edit, invoice, wanted), method, f"/v1/invoices/{invoice.id}", body, tag=True)

    def delete(self, data: Data) -> None:
        invoice = self.any_invoice(data, "draft")
        self.do(data, partial(self.books.delete, invoice), "DELETE", f"/v1/invoices/{invoice.id}", tag=True)

    @rule(data=st.data(), on=days())
    @if_any("draft")
    def finalize(self, data: Data, on: dt.date | None) -> None:
        invoice = self.any_invoice(data, "draft")
        body = {"issue_date": on.isoformat()} if on else None
        self.act(data, invoice, "finalize", partial(self.books.finalize, invoice, on), body)

    def duplicate(self, data: Data) -> None:
        invoice = self.any_invoice(data)
        self.act(data, invoice, "duplicate", partial(self.books.duplicate, invoice))

    @rule(data=st.data())
    @if_any("open", "uncollectible")
    def decide(self, data: Data) -> None:
        invoice = self.any_invoice(data, "open", "uncollectible")
        usual = "mark-collectible" if invoice.status == "uncollectible" else "mark-uncollectible"
        usual = "void" if invoice.is_sent else usual
        actions = [usual, usual, "void", "mark-sent", "mark-uncollectible", "mark-collectible"]
        action = data.draw(st.sampled_from(actions), label="action")
        deed = {
            "void": self.books.void,
            "mark-sent": self.books.mark_sent,
            "mark-uncollectible": self.books.give_up,
            "mark-collectible": self.books.expect_again,
        }[action]
        self.act(data, invoice, action, partial(deed, invoice), {"reason": "A mistake"} if action == "void" else None)

    @rule(data=st.data(), on=days(), rest=st.booleans())
    @if_any("open", "uncollectible")
    def pay(self, data: Data, on: dt.date | None, rest: bool) -> None:
        invoice = self.any_invoice(data, "open", "uncollectible")
        amount = data.draw(amounts(max(invoice.due, 1)), label="amount")
        given = {"customer": invoice.customer, "currency": invoice.currency, "amount": amount}
        deed = partial(self.books.pay, [(invoice, amount)], on or today(), rest=rest, **given)
        self.act(data, invoice, "payments", deed, self.money(amount, invoice.currency, on, rest))

    @rule(data=st.data(), on=days(), rest=st.booleans())
    @if_any("open", "uncollectible")
    def pay_several(self, data: Data, on: dt.date | None, rest: bool) -> None:
        first = self.any_invoice(data, "open", "uncollectible")
        owner, code = first.customer, first.currency
        mine = [one for one in self.books.invoices if (one.customer, one.currency) == (owner, code)]
        fitting = [one for one in mine if one.due > 0 and one.status in ("open", "uncollectible")] or mine
        chosen = data.draw(st.lists(st.sampled_from(fitting), max_size=3, unique=True), label="invoices")
        shares = [(one, data.draw(amounts(max(one.due, 1)))) for one in chosen]
        spent = sum(amount for _, amount in shares)
        amount = max(
            1, spent + data.draw(st.sampled_from([0, 0, 1, 5000] if on and on > today() else [0, 0, -1, 5000]))
        )
        deed = partial(self.books.pay, shares, on or today(), rest=rest, customer=owner, currency=code, amount=amount)
        parts = [{"invoice_id": one.id, "amount": major(part, code)} for one, part in shares]
        body = {"customer_id": owner, "currency": code, "allocations": parts, **self.money(amount, code, on, rest)}
        self.do(data, deed, "POST", "/v1/payments", body)

    @rule(data=st.data(), is_all=st.booleans())
    @precondition(lambda self: any(one.available for one in self.books.sources))
    def apply(self, data: Data, is_all: bool) -> None:
        invoice = self.any_invoice(data, "open", "uncollectible")
        amount = None if is_all else data.draw(amounts(max(invoice.due, 1)), label="amount")
        body = None if amount is None else {"amount": major(amount, invoice.currency)}
        self.act(data, invoice, "apply-balance", partial(self.books.apply, invoice, amount), body)

    @rule(data=st.data(), on=days())
    @precondition(lambda self: any(one.kind != "invoice" for one in self.books.sources))
    def refund(self, data: Data, on: dt.date | None) -> None:
        source = self.any_source(data, lambda one: one.available, "payment", "credit_note")
        amount = data.draw(amounts(max(source.available, 1)), label="amount")
        path = f"/v1/{source.kind.replace('_', '-')}s/{source.id}/refunds"
        deed = partial(self.books.refund, source, amount, on or today())
        self.do(data, deed, "POST", path, self.money(amount, source.currency, on), tag=True)

    @rule(data=st.data(), refund=st.booleans())
    @if_any(*STANDING)
    def credit(self, data: Data, refund: bool) -> None:
        invoice = self.any_invoice(data, *STANDING)
        body = {
            "invoice_id": invoice.id, "reason": "Sent back", "settlement": "refund" if refund else "balance",
            **self.choice(data, invoice),
        }  # fmt: skip
        amount = None
        if "lines" in body:
            shown = self.tenant.post("/v1/credit-notes/preview", body).json
            amount = minor(shown["total"], invoice.currency)
            assert 0 <= amount <= invoice.creditable
        self.do(data, partial(self.books.credit, invoice, amount, refund=refund), "POST", "/v1/credit-notes", body)

    def choice(self, data: Data, invoice: Invoice) -> dict[str, Any]:
        """A part of one line of an ordinary invoice, whose tax may round either way; or all that remains."""
        is_ordinary = invoice.creditable and not invoice.body["allowances"] and invoice.figures.total > 0
        if not is_ordinary or data.draw(st.booleans(), label="is_all"):
            return {}
        lines = self.tenant.get(f"/v1/invoices/{invoice.id}").json["lines"]
        left = [(one["id"], minor(one["creditable_net"], invoice.currency)) for one in lines]
        if min(amount for _, amount in left) < 0 or not any(amount for _, amount in left):
            return {}
        id, amount = data.draw(st.sampled_from([one for one in left if one[1]]), label="line")
        part = min(amount, data.draw(amounts(amount), label="part"))
        return {"lines": [{"invoice_line_id": id, "net_amount": major(part, invoice.currency)}]}

    @rule(data=st.data())
    @if_any(*STANDING)
    def revise(self, data: Data) -> None:
        invoice = self.any_invoice(data, *STANDING)
        self.act(data, invoice, "revise", partial(self.books.revise, invoice), {"reason": "A wrong price"})

    @rule(data=st.data(), on=days())
    @precondition(lambda self: any(one.kind == "invoice" for one in self.books.sources))
    def refund_invoice(self, data: Data, on: dt.date | None) -> None:
        negative = [one.origin for one in self.books.sources if one.origin]
        invoice = data.draw(st.sampled_from([*negative * 3, *self.books.invoices]), label="invoice")
        source = next((one for one in self.books.sources if one.id == invoice.id), None)
        amount = data.draw(amounts(max(source.available if source else 1, 1)), label="amount")
        body = self.money(amount, invoice.currency, on)
        self.act(data, invoice, "refunds", lambda: self.books.refund(source, amount, on or today()), body)

    @rule(data=st.data())
    @precondition(lambda self: any(one.kind == "payment" for one in self.books.sources))
    def reverse(self, data: Data) -> None:
        payment = self.any_source(data, lambda one: not one.is_reversed, "payment")
        path = f"/v1/payments/{payment.id}/reverse"
        self.do(data, partial(self.books.reverse, payment), "POST", path, {"reason": "Sent back"}, tag=True)

    @staticmethod
    def money(amount: int, currency: str, on: dt.date | None, rest: bool | None = None) -> dict[str, Any]:
        """The body of money that moves."""
        kept = {} if rest is None else {"overpayment": "balance" if rest else None}
        return {"amount": major(amount, currency), "payment_date": on and on.isoformat(), **kept}


def live(app: Flask, addresses: Addresses, histories: int, steps: int) -> None:
    """So many histories of so many steps."""
    kind = type("Life", (Life,), {"app": app, "url": addresses.owner})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        kind,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=checks,
        ),
    )


@pytest.mark.timeout(600)
def test_a_few_histories_go_as_on_paper(app: Flask, addresses: Addresses) -> None:
    live(app, addresses, 4, 20)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_long_histories_go_as_on_paper(app: Flask, addresses: Addresses) -> None:
    SEEN.clear()
    live(app, addresses, HISTORIES, 50)
    for (name, end), count in sorted(SEEN.items()):
        print(f"{name:45} {end:30} {count:6}")
    assert not STRESS or {end for _, end in SEEN} >= ENDS
