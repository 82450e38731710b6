"""What an invoice says can be done with it, and why not; and that refusals say the same."""

import datetime as dt
import uuid
from typing import Any

import pytest

from billing_api import clock
from billing_api.invoices import queries
from tests.factories import Tenant, line, sign_up
from tests.statements import recorded
from tests.web.refusals import refused


def act(tenant: Tenant, invoice: dict[str, Any], action: str, body: Any = None) -> Any:
    return tenant.post(f"/v1/invoices/{invoice['id']}/{action}", body)


def test_whoever_is_archived_gets_no_copy_and_the_actions_say_so(tenant: Tenant) -> None:
    buyer = tenant.customer()
    both = [tenant.draft(customer_id=buyer["id"]), tenant.invoice(customer_id=buyer["id"])]
    tenant.patch(buyer["links"]["self"], {"archived": True})
    for one in both:
        duplicate = offer(tenant, one, "duplicate")
        assert duplicate["reason"] == "The customer is archived: PATCH it with archived: false."
        refused(act(tenant, one, "duplicate"), 422, "customer-archived")


def test_a_draft_for_whoever_is_archived_can_be_given_to_another(tenant: Tenant) -> None:
    buyer = tenant.customer()
    draft = tenant.draft(customer_id=buyer["id"])
    tenant.patch(buyer["links"]["self"], {"archived": True})
    assert offer(tenant, draft, "update")["allowed"]
    (blocker,) = offer(tenant, draft, "finalize")["blockers"]
    assert (blocker["pointer"], blocker["code"]) == ("/customer_id", "customer-archived")
    refused(tenant.patch(draft["links"]["self"], {"notes": "x"}), 422, "customer-archived")
    given = tenant.patch(draft["links"]["self"], {"customer_id": tenant.customer()["id"]})
    assert (given.status_code, offer(tenant, draft, "finalize")["blockers"]) == (200, [])


def offer(tenant: Tenant, invoice: dict[str, Any], name: str) -> dict[str, Any]:
    """What the invoice says of one action now."""
    (found,) = (one for one in tenant.get(invoice["links"]["self"]).json["actions"] if one["name"] == name)
    return dict(found)


def test_what_an_invoice_below_zero_owes_can_be_refunded_while_it_is_there(tenant: Tenant) -> None:
    invoice = tenant.invoice(lines=[line(unit_price="-50.00")])
    refund = offer(tenant, invoice, "refund")
    assert (refund["allowed"], refund["href"]) == (True, f"/v1/invoices/{invoice['id']}/refunds")
    assert tenant.post(refund["href"], {"amount": "119.00"}).status_code == 201
    detail = "Nothing of it is available: it has been applied to invoices, or given back."
    assert offer(tenant, invoice, "refund")["reason"] == detail
    problem = refused(tenant.post(refund["href"], {"amount": "1.00"}), 409, "payment-is-applied")
    assert (problem["current_status"], problem["allowed"]) == ("paid", ["mark-sent", "duplicate"])
    assert problem["amount_available"] == "0.00"
    other = tenant.invoice()
    assert offer(tenant, other, "refund")["reason"] == "The invoice is open."
    tenant.payment(other)
    assert "owes the buyer nothing" in offer(tenant, other, "refund")["reason"]
    problem = refused(tenant.post(f"/v1/invoices/{other['id']}/refunds", {"amount": "1"}), 409, "payment-is-applied")
    assert problem["allowed"] == ["mark-sent", "credit", "revise", "duplicate"]


@pytest.mark.parametrize("lines", [[line(quantity="0")], [line(), line(quantity="-2")]])
def test_of_what_comes_to_nothing_there_is_nothing_to_credit(tenant: Tenant, lines: list[dict[str, Any]]) -> None:
    invoice = tenant.invoice(lines=lines)
    for name in ("credit", "revise"):
        detail = "It comes to nothing, so there is nothing to credit."
        assert offer(tenant, invoice, name)["reason"] == detail


def test_every_refusal_of_a_deed_on_an_invoice_says_what_is_allowed(tenant: Tenant) -> None:
    empty = tenant.draft(lines=[])
    assert refused(act(tenant, empty, "mark-sent"), 409)["allowed"] == ["update", "delete", "duplicate"]
    assert refused(tenant.post(f"/v1/invoices/{empty['id']}/payments", {"amount": "1"}), 409)["allowed"] == [
        "update", "delete", "duplicate"
    ]  # fmt: skip
    invoice = tenant.invoice(issue_date="2026-01-15")
    problem = refused(act(tenant, invoice, "apply-balance"), 409, "nothing-available")
    assert (problem["current_status"], "pay" in problem["allowed"]) == ("open", True)
    early = {"amount": "1.00", "payment_date": "2026-01-31"}
    close(tenant, dt.date(2026, 1, 31))
    problem = refused(tenant.post(f"/v1/invoices/{invoice['id']}/payments", early), 409, "period-locked")
    assert (problem["current_status"], "pay" in problem["allowed"]) == ("open", True)
    close(tenant, clock.today("Europe/Berlin"))
    for name, body in (("payments", {"amount": "1.00"}), ("apply-balance", None)):
        problem = refused(act(tenant, invoice, name, body), 409, "period-locked")
        assert (problem["current_status"], problem["allowed"]) == ("open", ["mark-sent", "duplicate"])


@pytest.mark.parametrize("books", ["open", "closed"])
@pytest.mark.parametrize("has_credit", [False, True])
def test_buttons_can_be_drawn_from_the_actions(tenant: Tenant, *, has_credit: bool, books: str) -> None:
    """Each action that is allowed is answered with success where it points to, and no other is."""
    for prepare in ("draft", "open", "paid", "void", "uncollectible"):
        invoice = made(tenant, prepare)
        deposit = {"customer_id": invoice["customer_id"], "currency": "EUR" if has_credit else "USD", "amount": "1"}
        assert tenant.post("/v1/payments", deposit).status_code == 201
        close(tenant, clock.today("Europe/Berlin") if books == "closed" else None)
        for action in tenant.get(invoice["links"]["self"]).json["actions"]:
            body = {
                "void": {"reason": "x"}, "revise": {"reason": "x"}, "pay": {"amount": "1.00"}, "update": {"notes": "x"},
                "credit": {"reason": "x", "invoice_id": invoice["id"]},
            }.get(action["name"])  # fmt: skip
            answer = tenant.call(action["method"], f"{action['href']}?dry_run=true", body)
            is_repeated = (prepare, action["name"]) in {
                ("open", "finalize"), ("paid", "finalize"), ("void", "void"), ("open", "mark-collectible"),
                ("uncollectible", "mark-uncollectible"),
            }  # fmt: skip
            assert (answer.status_code < 300) == (action["allowed"] or is_repeated), (prepare, action, answer.text)
            assert (action["reason"] is None) == action["allowed"]
        close(tenant, None)


def close(tenant: Tenant, until: dt.date | None) -> None:
    """Close the books up to a day, or open them."""
    closed = {"books_locked_until": until and until.isoformat()}
    assert tenant.patch("/v1/organization", closed).status_code == 200


def test_an_action_says_that_there_is_no_credit_or_that_the_books_are_closed(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    reasons = {action["name"]: action["reason"] for action in invoice["actions"]}
    assert reasons["apply-balance"] == "The customer has nothing to their credit in its currency."
    assert reasons["pay"] is None
    today = clock.today("Europe/Berlin")
    close(tenant, today - dt.timedelta(days=1))
    assert tenant.get(invoice["links"]["self"]).json["actions"] == invoice["actions"]
    close(tenant, today)
    shown = tenant.get(invoice["links"]["self"]).json["actions"]
    detail = "The books are closed up to today: see books_locked_until of the organization."
    assert [action["name"] for action in shown if action["reason"] == detail] == [
        "pay", "apply-balance", "credit", "void", "mark-uncollectible", "revise"
    ]  # fmt: skip
    problem = refused(act(tenant, invoice, "void", {"reason": "x"}), 409, "period-locked")
    assert (problem["detail"], problem["allowed"]) == (detail, ["mark-sent", "duplicate"])
    # To look at a credit note enters nothing.
    body = {"invoice_id": invoice["id"], "reason": "x"}
    assert tenant.post("/v1/credit-notes/preview", body).status_code == 200


@pytest.mark.parametrize("status", ["draft", "open", "paid", "void", "uncollectible"])
def test_an_invoice_is_read_in_two_messages(tenant: Tenant, status: str) -> None:
    """How it stands, and it and its parties, with no transaction around both."""
    invoice = made(tenant, status)
    with recorded(tenant.app) as seen:
        assert tenant.get(invoice["links"]["self"]).json == invoice
    assert len(seen) == 2


@pytest.mark.parametrize("changed", ["version", "updated_at", "seller_version", "buyer_version"])
def test_an_invoice_that_changed_between_the_two_is_read_again(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    invoice, state_of = made(tenant, "open"), queries.state_of

    def state_before(id: uuid.UUID, *, alone: bool) -> queries.State:
        found = state_of(id, alone=alone)
        before = dt.datetime.min.replace(tzinfo=dt.UTC) if changed == "updated_at" else 0
        return found._replace(**{changed: before}, is_credit_available=True) if alone else found

    monkeypatch.setattr(queries, "state_of", state_before)
    with recorded(tenant.app) as seen:
        assert tenant.get(invoice["links"]["self"]).json == invoice
    assert len(seen) == 2 + len(["how it stands", "the invoice", "its parties and what the buyer has left"])


def test_what_another_customer_has_left_settles_nothing(tenant: Tenant) -> None:
    """Nor what is left in another currency."""

    def offers_balance(invoice: dict[str, Any]) -> bool:
        return next(action["allowed"] for action in invoice["actions"] if action["name"] == "apply-balance")

    for other, currency in ((True, "EUR"), (False, "USD"), (False, "GBP"), (False, "EUR")):
        invoice = tenant.invoice()
        assert not offers_balance(invoice)
        customer = tenant.customer()["id"] if other else invoice["customer_id"]
        body = {"customer_id": customer, "amount": "5.00", "currency": currency, "method": "cash"}
        assert tenant.post("/v1/payments", body).status_code == 201
    body = {**tenant.invoice_body(customer_id=invoice["customer_id"]), "finalize": True}
    issued = tenant.post("/v1/invoices", body).json
    for found in (issued, tenant.get(invoice["links"]["self"]).json, tenant.get(issued["links"]["self"]).json):
        assert offers_balance(found)


def made(tenant: Tenant, status: str) -> dict[str, Any]:
    if status == "draft":
        return tenant.draft()
    invoice = tenant.invoice()
    if status == "paid":
        tenant.payment(invoice)
    if status == "void":
        act(tenant, invoice, "void", {"reason": "x"})
    if status == "uncollectible":
        act(tenant, invoice, "mark-uncollectible")
    shown: dict[str, Any] = tenant.get(invoice["links"]["self"]).json
    assert shown["status"] == status
    return shown


def test_what_is_allowed_is_what_the_actions_offer(app: Any) -> None:
    """Also where it depends on how the organization cancels, and the refusal was about something else."""
    tenant = sign_up(app, country="US")
    sent = act(tenant, tenant.invoice(), "mark-sent").json
    problem = refused(tenant.patch(sent["links"]["self"], {"notes": "x"}), 409, "invalid-transition")
    assert problem["allowed"] == [action["name"] for action in sent["actions"] if action["allowed"]]
    assert "void" in problem["allowed"]
