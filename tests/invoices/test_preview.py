"""Previews: all figures of an invoice, and no trace of it."""

from typing import Any

import pytest

from tests.events.reading import events, last
from tests.factories import Tenant, line
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"
PREVIEW = f"{INVOICES}/preview"
RICH: dict[str, Any] = {
    "currency": "EUR",
    "issue_date": "2026-03-01",
    "net_terms_days": 10,
    "billing_period": {"start_date": "2026-02-01", "end_date": "2026-02-28"},
    "notes": "Thank you.",
    "metadata": {"a": "1"},
    "lines": [
        line(allowances=[{"percent": "10"}], charges=[{"amount": "0.99", "reason": "Post"}]),
        line(quantity="0.333333", unit_price="0.12345678", tax_rate="7", sku="S"),
        {"description": "x", "quantity": "1", "unit_price": "9.99", "tax_category": "E", "exemption_reason": "Book"},
    ],
    "allowances": [{"percent": "3"}],
    "charges": [{"amount": "4.90", "tax_category": "S", "tax_rate": "19"}],
    "prepaid_amount": "10.00",
    "cash_rounding_increment": "0.05",
}
OWN = {"id", "status", "created_at", "updated_at", "version", "links", "actions"}
"""What only an invoice has that is kept."""


def figures(value: Any) -> Any:
    """The same without ids and without what only a kept invoice has."""
    if isinstance(value, dict):
        return {name: figures(inner) for name, inner in value.items() if name not in OWN}
    return [figures(inner) for inner in value] if isinstance(value, list) else value


def test_a_preview_is_the_later_draft_without_its_identity(tenant: Tenant) -> None:
    body = {"customer_id": tenant.customer(net_terms_days=3)["id"], **RICH}
    answer = tenant.post(PREVIEW, body)
    assert answer.status_code == 200
    assert not {"Location", "ETag"} & set(answer.headers.keys())
    shown = answer.json
    assert [shown[name] for name in ("id", "number", "status", "version", "created_at")] == [None] * 5
    assert (shown["actions"], shown["links"]) == ([], {})
    draft = tenant.post(INVOICES, body).json
    assert figures(shown) == figures(draft)
    assert shown.keys() == draft.keys()


def test_a_preview_needs_no_customer(tenant: Tenant) -> None:
    shown = tenant.post(PREVIEW, {"lines": [line()]}).json
    assert (shown["customer_id"], shown["currency"], shown["total"]) == (None, "EUR", "119.00")
    assert shown["net_terms_days"] == 30


def test_a_preview_of_nothing_is_zero(tenant: Tenant) -> None:
    assert tenant.post(PREVIEW, {}).json["total"] == tenant.post(PREVIEW).json["total"] == "0.00"


def test_nothing_is_kept_and_no_number_used(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    start = last(tenant)
    for _ in range(3):
        answer = tenant.post(PREVIEW, {"customer_id": customer, **RICH, "finalize": True}, Idempotency_Key="k")
        assert answer.status_code == 200
        assert "Idempotency-Replayed" not in answer.headers
    assert tenant.get(INVOICES).json["data"] == []
    assert events(tenant, start) == []
    assert tenant.invoice(customer_id=customer)["number"].endswith("-0001")
    assert tenant.delete(f"/v1/customers/{tenant.customer()['id']}").status_code == 204


def test_a_preview_is_refused_for_what_a_draft_would_be(tenant: Tenant, other: Tenant) -> None:
    theirs = other.customer()["id"]
    for body, fault in (
        ({"customer_id": theirs}, ("/customer_id", "customer-not-found")),
        ({"lines": [line(unit_price="1.123456789")]}, ("/lines/0/unit_price", "too-many-decimals")),
        ({"lines": [line(tax_category="O")]}, ("/lines/0/tax_rate", "tax-rate-not-allowed")),
        ({"lines": [line()], "expected_total": "119.01"}, ("/expected_total", "total-mismatch")),
        ({"colour": "red"}, ("/colour", "unknown-member")),
    ):
        answer = tenant.post(PREVIEW, body)
        refused(answer, 422)
        assert codes(answer) == {fault}


@pytest.mark.parametrize("total", ["119", "119.00", 119, 119.0])
def test_the_expected_total_is_compared_as_a_number(tenant: Tenant, total: Any) -> None:
    assert tenant.post(PREVIEW, {"lines": [line()], "expected_total": total}).status_code == 200


def test_whoever_may_read_may_preview(tenant: Tenant, other: Tenant) -> None:
    assert tenant.colleague("viewer").post(PREVIEW, {"lines": [line()]}).json["total"] == "119.00"
    refused(tenant.call("GET", PREVIEW), 405)
    assert tenant.client.post(PREVIEW, json={}).status_code == 401


def test_all_lines_together_have_a_bound(tenant: Tenant) -> None:
    """Each line may have a hundred of each, but not all of them: that would be half a minute of work."""
    parts = [{"amount": "0.01"}] * 51
    lines = [line(charges=parts) for _ in range(99)]
    answer = tenant.post("/v1/invoices/preview", {"currency": "EUR", "lines": lines})
    assert codes(answer) == {("/lines", "wrong-number-of-items")}
    assert tenant.post("/v1/invoices/preview", {"currency": "EUR", "lines": lines[:98]}).status_code == 200
