"""What happens to customers' money, in the words of the tests."""

from typing import Any

from tests.factories import Tenant, created

USA = {"country": "US", "time_zone": "America/New_York"}
"""Of a seller who cancels by voiding."""


def pay(tenant: Tenant, invoice: dict[str, Any], amount: str, **values: Any) -> dict[str, Any]:
    """A payment of an invoice."""
    body = {"amount": amount, "method": "bank_transfer", **values}
    return created(tenant.post(f"/v1/invoices/{invoice['id']}/payments", body))


def pay_in(tenant: Tenant, customer_id: str, amount: str, currency: str = "EUR", **values: Any) -> dict[str, Any]:
    """A payment to the customer's credit."""
    body = {"customer_id": customer_id, "amount": amount, "currency": currency, "method": "card", **values}
    return created(tenant.post("/v1/payments", body))


def act(tenant: Tenant, path: str, body: Any = None) -> dict[str, Any]:
    """An action, which must be granted."""
    answer = tenant.post(path, body)
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json
    return found


def void(tenant: Tenant, invoice: dict[str, Any]) -> dict[str, Any]:
    return act(tenant, f"/v1/invoices/{invoice['id']}/void", {"reason": "Wrong address"})


def got(tenant: Tenant, path: str) -> dict[str, Any]:
    """What a GET answers, which must be granted."""
    answer = tenant.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def balance_of(tenant: Tenant, customer_id: str) -> dict[str, dict[str, str]]:
    """The balances of a customer by their currency."""
    found = got(tenant, f"/v1/customers/{customer_id}/balance")
    return {one.pop("currency"): one for one in found["balances"]}


def statement_of(tenant: Tenant, customer_id: str, query: str = "") -> dict[str, Any]:
    return got(tenant, f"/v1/customers/{customer_id}/statement{query}")
