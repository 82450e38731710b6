"""Ways to what payments, credit notes, refunds and reports refuse."""

from collections.abc import Callable
from typing import Any

from werkzeug.test import TestResponse

from billing_api.reports import statements
from tests.factories import Tenant, created, line
from tests.problems.scene import Scene, Way, issued

NOTES, PAYMENTS = "/v1/credit-notes", "/v1/payments"
ABSENT = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"
CHARGED = {"charges": [{"amount": "10.00", "tax_category": "S", "tax_rate": "7"}]}


def paying(*shares: str, **members: Any) -> Way:
    """A payment with these shares of one invoice over 119.00."""

    def way(scene: Scene) -> TestResponse:
        _, invoice = issued(scene.tenant)
        allocations = [{"invoice_id": invoice["id"], "amount": share} for share in shares]
        body = {"customer_id": invoice["customer_id"], "currency": "EUR", "amount": "100.00", **members}
        return scene.tenant.post(PAYMENTS, {**body, "allocations": allocations})

    return way


def for_another(scene: Scene) -> TestResponse:
    _, invoice = issued(scene.tenant)
    body = {"customer_id": scene.tenant.customer()["id"], "currency": "EUR", "amount": "1.00"}
    share = {"invoice_id": invoice["id"], "amount": "1.00"}
    return scene.tenant.post(PAYMENTS, {**body, "allocations": [share]})


def paying_one(amount: str) -> Way:
    return lambda scene: scene.tenant.post(f"{issued(scene.tenant)[0]}/payments", {"amount": amount})


def paid_twice(scene: Scene) -> TestResponse:
    path, invoice = issued(scene.tenant)
    scene.tenant.payment(invoice)
    return scene.tenant.post(f"{path}/payments", {"amount": "1.00"})


def deposit(tenant: Tenant, amount: str = "10.00") -> dict[str, Any]:
    body = {"customer_id": tenant.customer()["id"], "currency": "EUR", "amount": amount}
    return created(tenant.post(PAYMENTS, body))


def more_than_there_is(scene: Scene) -> TestResponse:
    path, _ = issued(scene.tenant, customer_id=deposit(scene.tenant)["customer_id"])
    return scene.tenant.post(f"{path}/apply-balance", {"amount": "11.00"})


def of_nothing(scene: Scene) -> TestResponse:
    return scene.tenant.post(f"{issued(scene.tenant)[0]}/apply-balance")


def refund(scene: Scene, **members: Any) -> TestResponse:
    path = f"{deposit(scene.tenant)['links']['self']}/refunds"
    return scene.tenant.post(path, {"amount": "1.00", **members})


def of_applied(scene: Scene) -> TestResponse:
    return refund(scene, amount="10.01")


def of_refunded(scene: Scene) -> TestResponse:
    path = deposit(scene.tenant)["links"]["self"]
    created(scene.tenant.post(f"{path}/refunds", {"amount": "1.00"}))
    return scene.tenant.post(f"{path}/reverse", {"reason": "x"})


def crediting(choose: Callable[[dict[str, Any]], dict[str, Any]], **invoice: Any) -> Way:
    """A credit note over an invoice, whose members are chosen by what it is."""

    def way(scene: Scene) -> TestResponse:
        _, found = issued(scene.tenant, **invoice)
        return scene.tenant.post(NOTES, {"invoice_id": found["id"], "reason": "x", **choose(found)})

    return way


def of_line(count: int = 1, at: int = 0, **members: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda found: {"lines": [{"invoice_line_id": found["lines"][at]["id"], **members}] * count}


def of_charge(count: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda found: {"charges": [{"id": found["charges"][0]["id"], "net_amount": "1.00"}] * count}


def by_itself(**members: Any) -> Way:
    preceding = [{"number": "A-4711", "issue_date": "2026-01-31"}]
    body = {"lines": [line()], "preceding_invoices": preceding, "reason": "x", **members}
    return lambda scene: scene.tenant.post(NOTES, {"customer_id": scene.tenant.customer()["id"], **body})


def not_ready(scene: Scene) -> TestResponse:
    tenant = scene.alone()
    assert tenant.patch("/v1/organization", {"address": None}).status_code == 200
    return by_itself()(Scene(**{**vars(scene), "tenant": tenant}))


def nothing_left(scene: Scene) -> TestResponse:
    _, invoice = issued(scene.tenant)
    body = {"invoice_id": invoice["id"], "reason": "x"}
    created(scene.tenant.post(NOTES, body))
    return scene.tenant.post(NOTES, body)


def of_two_currencies(scene: Scene) -> TestResponse:
    customer = scene.tenant.customer()["id"]
    for currency in ("EUR", "USD"):
        scene.tenant.invoice(customer_id=customer, currency=currency)
    return scene.tenant.get(f"/v1/customers/{customer}/statement")


def too_long(scene: Scene) -> TestResponse:
    scene.patch.setattr(statements, "MOST_LINES", 0)
    return scene.tenant.get(f"/v1/customers/{issued(scene.tenant)[1]['customer_id']}/statement")


DISCOUNTED = {"lines": [line(), line(quantity="-1")]}
WAYS: dict[str, Way] = {
    "allocation-twice": paying("1.00", "1.00"),
    "allocations-exceed-amount": paying("100.01"),
    "amount-exceeds-available": more_than_there_is,
    "amount-exceeds-due": paying_one("119.01"),
    "amount-exceeds-remaining": crediting(of_line(net_amount="100.01")),
    "amount-not-creditable": crediting(of_line(net_amount="-1.00")),
    "amount-not-positive": paying_one("0"),
    "credit-charge-twice": crediting(of_charge(2), **CHARGED),
    "credit-charge-unknown": crediting(lambda _: {"charges": [{"id": ABSENT}]}),
    "credit-comes-to-nothing": crediting(of_line(quantity="0.00001")),
    "credit-exceeds-invoice": crediting(of_line(), **DISCOUNTED),
    "credit-line-twice": crediting(of_line(2, quantity="1")),
    "credit-line-unknown": crediting(lambda _: {"lines": [{"invoice_line_id": ABSENT}]}),
    "credit-note-negative": by_itself(lines=[line(quantity="-1")]),
    "credit-note-not-ready": not_ready,
    "credit-reverses-sign": crediting(of_line(at=1), **DISCOUNTED),
    "currency-mismatch": paying("1.00", currency="USD"),
    "currency-required": of_two_currencies,
    "customer-mismatch": for_another,
    "date-before-source": lambda scene: refund(scene, payment_date="2020-01-01"),
    "date-in-future": lambda scene: refund(scene, payment_date="2999-01-01"),
    "invoice-not-creditable": nothing_left,
    "invoice-not-payable": paid_twice,
    "issue-date-before-invoice": crediting(lambda _: {"issue_date": "2020-01-01"}),
    "not-with-invoice-id": crediting(lambda _: {"currency": "EUR"}),
    "nothing-available": of_nothing,
    "only-with-invoice-id": by_itself(lines=[line(net_amount="1.00")]),
    "payment-is-applied": of_applied,
    "payment-is-refunded": of_refunded,
    "quantity-and-amount": crediting(of_line(quantity="1", net_amount="1.00")),
    "quantity-exceeds-remaining": crediting(of_line(quantity="3")),
    "quantity-not-creditable": crediting(of_line(quantity="-1")),
    "report-too-long": too_long,
}
