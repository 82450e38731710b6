"""Creating invoices: issued at once, or refused with everything that is wrong."""

from typing import Any

import pytest

from tests.events.reading import events, last
from tests.factories import Tenant, line
from tests.statements import recorded
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"
NOBODY = "01a1fede-cd57-7b60-8000-000000000000"


def test_an_invoice_can_be_issued_in_one_request(tenant: Tenant) -> None:
    answer = tenant.post(INVOICES, {**tenant.invoice_body(), "finalize": True})
    assert answer.status_code == 201
    assert (answer.json["status"], answer.json["number"][-4:]) == ("open", "0001")
    assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
    assert tenant.get(answer.headers["Location"]).json == answer.json


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"lines": []}, 422, "invoice-not-ready"),
        ({"lines": [{"description": "x", "quantity": "1", "unit_price": "1"}]}, 422, "invoice-not-ready"),
        ({"issue_date": "2999-01-01"}, 422, "issue-date-in-future"),
        ({"issue_date": "2021-06-02"}, 409, "period-locked"),
        ({"issue_date": "2021-01-01"}, 409, "issue-date-before-last-number"),
        ({"expected_total": "119.01"}, 422, "total-mismatch"),
        ({"due_date": "2021-01-05"}, 422, "invoice-not-ready"),
    ],
)
def test_what_cannot_be_issued_at_once_leaves_nothing(
    tenant: Tenant, values: dict[str, Any], status: int, code: str
) -> None:
    tenant.invoice(issue_date="2021-06-01")
    tenant.patch("/v1/organization", {"books_locked_until": "2021-06-02"})
    body = tenant.invoice_body(**values)
    start, before = last(tenant), tenant.get(INVOICES).json
    refused(tenant.post(INVOICES, {**body, "finalize": True}), status, code)
    assert (tenant.get(INVOICES).json, events(tenant, start)) == (before, [])
    # No number was used up.
    assert tenant.invoice(issue_date="2021-06-03")["number"] == "INV-2021-0002"


@pytest.mark.parametrize("name", ["customer_id", "lines"])
def test_what_is_created_must_name_what_exists(tenant: Tenant, other: Tenant, name: str) -> None:
    body = tenant.invoice_body()
    if name == "lines":
        answer = tenant.post(INVOICES, {**body, "lines": [{"quantity": "1"}]})
        assert codes(answer) == {("/lines/0/description", "required")}
    else:
        for id in (other.customer()["id"], NOBODY):
            answer = tenant.post(INVOICES, {**body, "customer_id": id})
            refused(answer, 422, "customer-not-found")
            assert codes(answer) == {("/customer_id", "customer-not-found")}
    assert tenant.get(INVOICES).json["data"] == []


def test_all_that_is_wrong_with_a_body_is_told_at_once(tenant: Tenant, other: Tenant) -> None:
    archived = tenant.customer(archived=True)["id"]
    made = tenant.draft()
    wrong: dict[str, Any] = {
        "lines": [line(), line(unit_price="1", gross_price="3", price_discount="1")],
        "allowances": [{"reason": "x"}],
        "charges": [{"amount": "1.234"}],
    }
    figures = {("/allowances/0/amount", "amount-missing"), ("/charges/0/amount", "too-many-decimals")}
    (price,) = codes(tenant.post(INVOICES, {**tenant.invoice_body(), "lines": wrong["lines"]}))
    figures.add(price)
    for id, code in (
        (NOBODY, "customer-not-found"),
        (other.customer()["id"], "customer-not-found"),
        (archived, "customer-archived"),
    ):
        whose = {("/customer_id", code)}
        for body, faults, name in (
            ({"lines": [line()]}, whose, code),
            ({"lines": [line()], "expected_total": "1"}, whose | {("/expected_total", "total-mismatch")}, None),
            (wrong, whose | figures, None),
        ):
            for method, where in (("POST", INVOICES), ("PUT", f"{INVOICES}/{made['id']}")):
                answer = tenant.call(method, where, {"customer_id": id, **body})
                refused(answer, 422, name or "validation-failed")
                assert codes(answer) == faults
    assert tenant.get(f"{INVOICES}/{made['id']}").json == made
    refused(tenant.post(INVOICES, tenant.invoice_body(expected_total="1")), 422, "total-mismatch")


def test_an_earlier_invoice_is_named_by_an_id_that_there_is(tenant: Tenant, other: Tenant) -> None:
    buyer = tenant.customer()["id"]
    ids = [tenant.invoice(customer_id=buyer)["id"], NOBODY, None, other.invoice()["id"]]
    named = [{"number": str(n), **({"invoice_id": id} if id else {})} for n, id in enumerate(ids)]
    faults = {(f"/preceding_invoices/{n}/invoice_id", "invoice-not-found") for n in (1, 3)}
    body = tenant.invoice_body(customer_id=buyer, preceding_invoices=named)
    for where in (INVOICES, f"{INVOICES}/preview"):
        answer = tenant.post(where, body)
        refused(answer, 422, "invoice-not-found")
        assert codes(answer) == faults
    answer = tenant.post(INVOICES, {**body, "customer_id": NOBODY})
    refused(answer, 422, "validation-failed")
    others = {("/preceding_invoices/0/invoice_id", "customer-mismatch"), ("/customer_id", "customer-not-found")}
    assert codes(answer) == faults | others
    made = tenant.draft(customer_id=buyer, preceding_invoices=named[::2])
    assert made["preceding_invoices"][0]["invoice_id"] == ids[0]
    answer = tenant.patch(f"{INVOICES}/{made['id']}", {"preceding_invoices": [named[1]]})
    assert codes(answer) == {("/preceding_invoices/0/invoice_id", "invoice-not-found")}


def test_an_earlier_invoice_was_issued_to_the_same_customer(tenant: Tenant) -> None:
    buyer = tenant.customer()["id"]
    void = tenant.invoice(customer_id=buyer)
    assert tenant.post(f"{INVOICES}/{void['id']}/void", {"reason": "Issued twice"}).status_code == 200
    ids = [void["id"], tenant.draft(customer_id=buyer)["id"], tenant.invoice()["id"], tenant.draft()["id"]]
    named = [{"number": str(n), "invoice_id": id} for n, id in enumerate(ids)]
    places = [f"/preceding_invoices/{n}/invoice_id" for n in range(4)]
    faults = {(places[1], "invoice-not-issued"), (places[2], "customer-mismatch"), (places[3], "customer-mismatch")}
    body = tenant.invoice_body(customer_id=buyer, preceding_invoices=named)
    note = {**body, "reason": "Bonus"}
    for path, asked in ((INVOICES, body), (f"{INVOICES}/preview", body), ("/v1/credit-notes", note)):
        answer = tenant.post(path, asked)
        refused(answer, 422, "validation-failed")
        assert codes(answer) == faults
    # Without a customer nobody can say whose they should be.
    answer = tenant.post(f"{INVOICES}/preview", {**body, "customer_id": None})
    assert codes(answer) == {(places[1], "invoice-not-issued"), (places[3], "invoice-not-issued")}
    refused(answer, 422, "invoice-not-issued")
    made = tenant.draft(customer_id=buyer, preceding_invoices=named[:1])
    answer = tenant.patch(f"{INVOICES}/{made['id']}", {"customer_id": tenant.customer()["id"]})
    refused(answer, 422, "customer-mismatch")
    assert codes(answer) == {(places[0], "customer-mismatch")}


def test_earlier_invoices_are_looked_up_at_once_and_only_where_they_are_named(tenant: Tenant) -> None:
    buyer = tenant.customer()["id"]
    ids = [tenant.invoice(customer_id=buyer)["id"] for _ in range(3)]

    def statements(named: list[dict[str, Any]]) -> int:
        with recorded(tenant.app) as seen:
            tenant.draft(customer_id=buyer, preceding_invoices=named)
        return len(seen)

    without = statements([{"number": "1"}])
    assert [statements([{"number": "1", "invoice_id": id} for id in ids[:count]]) for count in (1, 3)] == [
        without + 1
    ] * 2


def test_what_is_issued_as_it_is_made_is_written_once_and_was_made_before_that(tenant: Tenant) -> None:
    made = tenant.invoice()
    assert made["version"] == 1
    assert made["created_at"] <= made["finalized_at"]
