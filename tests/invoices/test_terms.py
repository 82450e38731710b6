"""What an invoice takes from its customer and its seller where it says nothing, and what does not fit together."""

import datetime as dt
from typing import Any

import pytest
from flask import Flask

from tests.factories import SELLER, Tenant, line, sign_up
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"


def path(invoice: dict[str, Any]) -> str:
    return f"{INVOICES}/{invoice['id']}"


@pytest.fixture(scope="module")
def only(app: Flask) -> tuple[Tenant, dict[str, Any]]:
    """A tenant with one draft, for what is refused."""
    tenant = sign_up(app)
    return tenant, tenant.draft()


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({"issue_date": "2026-01-31", "net_terms_days": 30}, "2026-03-02"),
        ({"issue_date": "2026-01-31", "net_terms_days": 0}, "2026-01-31"),
        ({"issue_date": "2024-02-01"}, "2024-03-02"),
        ({"issue_date": "2026-01-31", "due_date": "2026-01-31"}, "2026-01-31"),
        ({"net_terms_days": 7}, None),
        ({"due_date": "2026-01-31"}, "2026-01-31"),
    ],
)
def test_the_due_date_follows_from_the_terms(shop: Tenant, values: dict[str, Any], due: str | None) -> None:
    made = shop.draft(**values)
    assert made["due_date"] == due
    assert (made["net_terms_days"] is None) is ("due_date" in values)


def test_the_terms_of_an_invoice_come_before_those_of_its_customer_and_seller(tenant: Tenant) -> None:
    customer = tenant.customer(net_terms_days=14)["id"]
    today = dt.datetime.now(dt.UTC).date()
    for values, days in (({}, 14), ({"net_terms_days": 5}, 5)):
        issued = tenant.invoice(customer_id=customer, **values)
        day = dt.date.fromisoformat(issued["issue_date"])
        assert abs((day - today).days) <= 1
        assert issued["due_date"] == str(day + dt.timedelta(days=days))


def test_a_foreign_currency_states_the_tax_in_that_of_the_seller(tenant: Tenant) -> None:
    tenant.patch("/v1/organization", {"tax_currency": "EUR"})
    rate = {"rate": "0.91234567", "date": "2026-01-30", "source": "ECB"}
    lines = [line(unit_price="100.00"), line(unit_price="10.00", tax_rate="7")]
    made = tenant.draft(currency="USD", lines=lines)
    assert (made["tax_currency"], made["tax_total_in_tax_currency"]) == ("EUR", None)
    answer = tenant.post(f"{path(made)}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == {("/exchange_rate", "required")}
    shown = tenant.patch(path(made), {"exchange_rate": rate}).json
    assert shown["exchange_rate"] == rate
    # 39.40 USD of tax come to 35.9464... EUR.
    assert (shown["tax_total"], shown["tax_total_in_tax_currency"]) == ("39.40", "35.95")
    issued = tenant.post(f"{path(made)}/finalize").json
    assert (issued["status"], issued["tax_total_in_tax_currency"], issued["total"]) == ("open", "35.95", "259.40")


def test_a_foreign_currency_without_tax_or_without_a_tax_currency_needs_no_rate(tenant: Tenant) -> None:
    assert tenant.invoice(currency="USD")["tax_currency"] is None
    tenant.patch("/v1/organization", {"tax_currency": "EUR"})
    lines = [{"description": "x", "quantity": "1", "unit_price": "1", "tax_category": "Z"}]
    assert tenant.invoice(currency="USD", lines=lines)["status"] == "open"
    assert tenant.invoice(currency="EUR")["tax_currency"] is None


def test_the_currency_comes_from_the_invoice_its_customer_or_its_seller(tenant: Tenant) -> None:
    swiss = tenant.customer(currency="CHF")
    assert tenant.draft(customer_id=swiss["id"], currency="USD")["currency"] == "USD"
    made = tenant.draft(customer_id=swiss["id"])
    assert (made["currency"], tenant.draft()["currency"]) == ("CHF", "EUR")
    tenant.patch(f"/v1/customers/{swiss['id']}", {"currency": "JPY"})
    assert tenant.patch(path(made), {"notes": "x"}).json["currency"] == "CHF"
    assert tenant.put(path(made), {"customer_id": swiss["id"]}).json["currency"] == "JPY"


def test_what_a_draft_lacks_stands_on_it_and_vanishes_when_it_is_there(tenant: Tenant) -> None:
    bare = sign_up(tenant.app, is_ready=False)
    made = bare.draft(customer_id=bare.customer(billing_address=None)["id"])

    def blockers() -> list[str]:
        finalize = next(row for row in bare.get(path(made)).json["actions"] if row["name"] == "finalize")
        assert finalize["allowed"] is (finalize["blockers"] == [])
        return [row["pointer"] for row in finalize["blockers"]]

    assert blockers() == ["/seller/legal_name", "/seller/address", "/seller/tax_ids", "/buyer/billing_address"]
    bare.patch("/v1/organization", SELLER)
    bare.patch(f"/v1/customers/{made['customer_id']}", {"billing_address": {"country": "DE"}})
    assert blockers() == []
    assert bare.post(f"{path(made)}/finalize").status_code == 200


def test_an_address_may_come_without_its_country_until_the_invoice_is_issued(tenant: Tenant) -> None:
    town: dict[str, Any] = {"line1": "1 Main Street", "city": "Lyon"}
    tax_ids = [{"type": "eu_vat", "value": "FR40303265045"}]
    customer = tenant.customer(billing_address=town, shipping_address={"city": "Paris"}, tax_ids=tax_ids)
    assert (customer["billing_address"]["city"], customer["shipping_address"]["city"]) == ("Lyon", "Paris")
    assert tenant.patch("/v1/organization", {"address": {"country": None}}).status_code == 200
    lines = [line(tax_category="K", tax_rate=None)]
    made = tenant.draft(customer_id=customer["id"], lines=lines, delivery={"address": town})
    answer = tenant.post(f"{path(made)}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == {
        ("/seller/address/country", "required"),
        ("/buyer/billing_address/country", "required"),
        ("/delivery/address/country", "required"),
    }
    tenant.patch("/v1/organization", {"address": {"country": "DE"}})
    tenant.patch(f"/v1/customers/{customer['id']}", {"billing_address": {"country": "FR"}})
    tenant.patch(path(made), {"delivery": {"address": {"country": "FR"}}})
    issued = tenant.post(f"{path(made)}/finalize").json
    assert (issued["status"], issued["buyer"]["billing_address"]["city"]) == ("open", "Lyon")


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({"due_date": "2026-02-01", "net_terms_days": 3}, {("/net_terms_days", "mutually-exclusive")}),
        ({"issue_date": "2026-02-02", "due_date": "2026-02-01"}, {("/due_date", "due-before-issue")}),
        (
            {"rounding_amount": "0.01", "cash_rounding_increment": "0.05"},
            {("/cash_rounding_increment", "mutually-exclusive")},
        ),
        (
            {"billing_period": {"start_date": "2026-02-02", "end_date": "2026-02-01"}},
            {("/billing_period/end_date", "period-runs-backwards")},
        ),
        ({"issue_date": "2026-02-29"}, {("/issue_date", "not-a-date")}),
        ({"type_code": "381"}, {("/type_code", "not-a-choice")}),
        ({"number": "INV-1", "status": "open"}, {("/number", "unknown-member"), ("/status", "unknown-member")}),
        (
            {"exchange_rate": {"rate": "0", "date": "2026-01-01"}},
            {("/exchange_rate/rate", "exchange-rate-not-positive")},
        ),
        (
            {"lines": [line(unit_price="x"), line(quantity=None), line(tax_category="S", taxes=[{"rate": "19"}])]},
            {
                ("/lines/0/unit_price", "not-a-decimal"),
                ("/lines/1/quantity", "not-null"),
                ("/lines/2/taxes", "taxes-twice"),
            },
        ),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_does_not_fit_is_refused_with_every_place(
    only: tuple[Tenant, dict[str, Any]], method: str, values: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    tenant, made = only
    body = {"customer_id": made["customer_id"], "lines": [line()], **values}
    answer = tenant.call(method, INVOICES if method == "POST" else path(made), body)
    several = {code for _, code in faults}
    refused(answer, 422, several.pop() if len(several) == 1 else "validation-failed")
    assert codes(answer) == faults
    assert tenant.get(path(made)).json == made
    assert len(tenant.get(INVOICES).json["data"]) == 1


def test_a_zero_is_said_on_purpose(tenant: Tenant) -> None:
    """Leaving the terms to the organization is another wish than terms of no days, though it may come to the same."""
    tenant.patch("/v1/organization", {"net_terms_days": 0})
    path = f"/v1/invoices/{tenant.draft(net_terms_days=0)['id']}"
    assert tenant.patch(path, {"net_terms_days": None}).json["version"] == 2
    tenant.patch("/v1/organization", {"net_terms_days": 30})
    assert tenant.patch(path, {"notes": "x"}).json["net_terms_days"] == 30
