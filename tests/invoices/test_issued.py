"""What is done with an issued invoice: sent, declared void, given up, expected again, copied."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from billing_api import clock
from tests.factories import Tenant, line, sign_up
from tests.ledger.books import balances, entries
from tests.statements import recorded
from tests.web.refusals import refused


def act(tenant: Tenant, invoice: dict[str, Any], action: str, body: Any = None, **headers: str) -> Any:
    return tenant.post(f"/v1/invoices/{invoice['id']}/{action}", body, **headers)


def test_a_void_invoice_keeps_its_number_and_owes_nothing(tenant: Tenant) -> None:
    invoice = tenant.invoice(prepaid_amount="10.00", rounding_amount="0.05", lines=[line(), line(tax_rate="7")])
    shown = act(tenant, invoice, "void", {"reason": "Issued twice"}).json
    assert (shown["status"], shown["number"], shown["amount_due"]) == ("void", invoice["number"], "0.00")
    assert (shown["void_reason"], shown["voided_at"] is not None) == ("Issued twice", True)
    assert [action["name"] for action in shown["actions"] if action["allowed"]] == ["duplicate"]
    assert balances(tenant) == {}
    assert [entry["type"] for entry in entries(tenant)] == ["invoice_issued", "invoice_voided"]
    assert act(tenant, invoice, "void", {"reason": "Again"}).json == shown
    assert tenant.invoice()["number"] == "INV-2026-0002"


def test_what_was_given_up_can_be_declared_void(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    act(tenant, invoice, "mark-uncollectible")
    assert act(tenant, invoice, "void", {"reason": "Never ordered"}).json["status"] == "void"
    assert balances(tenant) == {}


@pytest.mark.parametrize(("country", "is_free"), [("DE", False), ("GB", False), ("CH", False), ("US", True)])
def test_an_invoice_that_was_sent_is_void_only_where_the_country_has_it_so(
    app: Any, country: str, is_free: bool
) -> None:
    tenant = sign_up(app, country=country)
    invoice = tenant.invoice()
    sent = act(tenant, invoice, "mark-sent").json
    assert sent["sent_at"] is not None
    assert act(tenant, invoice, "mark-sent").json == sent
    (void,) = [action for action in sent["actions"] if action["name"] == "void"]
    assert void["allowed"] == is_free
    answer = act(tenant, invoice, "void", {"reason": "Wrong price"})
    if is_free:
        assert answer.json["status"] == "void"
    else:
        problem = refused(answer, 409, "void-not-permitted")
        assert "/v1/credit-notes" in problem["detail"]
        assert problem["detail"] == void["reason"]


def test_what_money_was_applied_to_is_not_void(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    payment = tenant.payment(invoice, amount="1.00")
    problem = refused(act(tenant, invoice, "void", {"reason": "x"}), 409, "invoice-has-allocations")
    assert (problem["current_status"], "pay" in problem["allowed"]) == ("open", True)
    assert tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "x"}).status_code == 200
    assert act(tenant, invoice, "void", {"reason": "x"}).json["status"] == "void"


@pytest.mark.parametrize(
    ("action", "body"), [("void", {"reason": "x"}), ("mark-uncollectible", None), ("mark-collectible", None),
                         ("mark-sent", None)],
)  # fmt: skip
def test_what_the_status_forbids_names_it_and_what_is_allowed(tenant: Tenant, action: str, body: Any) -> None:
    draft, paid = tenant.draft(), tenant.invoice(lines=[line(quantity="0")])
    problem = refused(act(tenant, draft, action, body), 409, "invalid-transition")
    assert problem["current_status"] == "draft"
    assert problem["allowed"] == ["update", "delete", "finalize", "duplicate"]
    if action != "mark-sent":
        problem = refused(act(tenant, paid, action, body), 409, "invalid-transition")
        assert (problem["current_status"], problem["allowed"]) == ("paid", ["mark-sent", "duplicate"])


def test_a_bad_debt_is_written_off_and_written_back(tenant: Tenant) -> None:
    invoice = tenant.invoice(issue_date="2026-01-01", net_terms_days=10)
    assert tenant.get("/v1/invoices?overdue=true").json["data"][0]["id"] == invoice["id"]
    shown = act(tenant, invoice, "mark-uncollectible").json
    assert (shown["status"], shown["amount_due"], shown["overdue"]) == ("uncollectible", "119.00", False)
    assert shown["marked_uncollectible_at"] is not None
    assert tenant.get("/v1/invoices?overdue=true").json["data"] == []
    assert balances(tenant) == {"bad_debt": Decimal(119), "revenue": Decimal(-100), "tax_payable": Decimal(-19)}
    assert act(tenant, invoice, "mark-uncollectible").json == shown
    back = act(tenant, invoice, "mark-collectible").json
    assert (back["status"], back["marked_uncollectible_at"], back["overdue"]) == ("open", None, True)
    assert shown["marked_collectible_at"] is None
    assert shown["updated_at"] < back["marked_collectible_at"] <= back["updated_at"]
    assert balances(tenant)["accounts_receivable"] == Decimal(119)
    assert act(tenant, invoice, "mark-collectible").json == back
    again = act(tenant, invoice, "mark-uncollectible").json
    assert again["marked_collectible_at"] == back["marked_collectible_at"] < again["marked_uncollectible_at"]


@pytest.mark.parametrize("status", ["open", "uncollectible"])
def test_an_invoice_says_when_it_was_owed_again(tenant: Tenant, status: str) -> None:
    invoice = tenant.invoice()
    if status == "uncollectible":
        act(tenant, invoice, "mark-uncollectible")
    moments: list[str] = []
    for _ in range(2):
        payment = tenant.payment(invoice)
        paid = tenant.get(invoice["links"]["self"]).json
        assert (paid["status"], paid["reopened_at"]) == ("paid", moments[-1] if moments else None)
        assert tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back"}).status_code == 200
        owed = tenant.get(invoice["links"]["self"]).json
        assert (owed["status"], owed["paid_at"]) == (status, None)
        moments.append(owed["reopened_at"])
    events = tenant.get(f"{invoice['links']['self']}/events?limit=100").json["data"]
    told = [event["created_at"] for event in events if event["type"] == "invoice.reopened"]
    assert paid["paid_at"] < moments[1]
    assert len(told) == len(moments) == 2
    assert moments[0] <= told[0] < moments[1] <= told[1]


def test_a_part_that_is_taken_back_from_an_open_invoice_does_not_reopen_it(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    payment = tenant.payment(invoice, amount="1.00")
    tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back"})
    assert tenant.get(invoice["links"]["self"]).json["reopened_at"] is None


def test_a_stale_version_is_not_acted_upon(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    for action, body in (("void", {"reason": "x"}), ("mark-uncollectible", None), ("mark-sent", None)):
        refused(act(tenant, invoice, action, body, If_Match='"1"'), 412, "precondition-failed")
    assert act(tenant, invoice, "void", {"reason": "x"}, If_Match=f'"{invoice["version"]}"').status_code == 200


def test_a_void_needs_its_reason(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": 1}):
        refused(act(tenant, invoice, "void", body), 422)


def test_a_copy_asks_for_the_same_without_the_dates(tenant: Tenant) -> None:
    dates = {"issue_date": "2026-03-01", "due_date": "2026-04-01", "supply_date": "2026-02-27"}
    said = {"notes": "Thank you.", "metadata": {"a": "b"}, "allowances": [{"percent": "5"}], "currency": "USD"}
    invoice = tenant.invoice(**dates, **said, lines=[line(), line(tax_rate="7")])
    answer = act(tenant, invoice, "duplicate")
    copy = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (201, copy["links"]["self"])
    assert (copy["status"], copy["number"], copy["version"]) == ("draft", None, 1)
    assert [copy[name] for name in dates] == [None] * 3
    assert copy["net_terms_days"] == 30
    for name in ("customer_id", "notes", "metadata", "total", "currency", "tax_breakdown"):
        assert copy[name] == invoice[name]
    assert [one["net"] for one in copy["lines"]] == [one["net"] for one in invoice["lines"]]
    assert tenant.get(invoice["links"]["self"]).json == invoice
    assert act(tenant, copy, "finalize").json["number"] == "INV-2026-0002"


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


def test_only_an_invoice_that_a_credit_could_settle_asks_whether_there_is_one(tenant: Tenant) -> None:
    def statements(invoice: dict[str, Any]) -> int:
        with recorded(tenant.app) as seen:
            tenant.get(invoice["links"]["self"])
        return len(seen)

    settled = statements(made(tenant, "paid"))
    assert statements(made(tenant, "open")) == statements(made(tenant, "uncollectible")) == settled + 1
    close(tenant, clock.today("Europe/Berlin"))
    assert statements(tenant.get("/v1/invoices?status=open").json["data"][0]) == settled


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


def test_so_little_of_a_line_that_it_rounds_to_nothing_is_not_credited(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    choice = {"invoice_line_id": invoice["lines"][0]["id"], "quantity": "0.000001"}
    body = {"invoice_id": invoice["id"], "reason": "Too little", "lines": [choice]}
    refused(tenant.post("/v1/credit-notes", body), 422, "credit-comes-to-nothing")
    assert act(tenant, invoice, "void", {"reason": "Twice"}).json["status"] == "void"
