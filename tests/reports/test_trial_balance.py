"""The accounts as they stand: debits equal credits."""

from decimal import Decimal

from tests.factories import Tenant, line
from tests.reports.deeds import act, got, pay, pay_in, void


def test_books_without_entries_are_empty(tenant: Tenant) -> None:
    found = got(tenant, "/v1/reports/trial-balance")
    assert (found["lines"], found["totals"]) == ([], [])


def test_every_account_shows_its_turnover_and_the_totals_are_equal(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    first = tenant.invoice(customer_id=customer, prepaid_amount="19.00", rounding_amount="0.50")
    second = tenant.invoice(customer_id=customer)
    pay(tenant, first, "100.00", overpayment="balance")
    pay(tenant, second, "19.00")
    act(tenant, f"/v1/invoices/{second['id']}/mark-uncollectible")
    void(tenant, tenant.invoice(customer_id=customer))
    pay_in(tenant, customer, "700", "JPY")
    found = got(tenant, "/v1/reports/trial-balance")
    lines = {(one["currency"], one["account"]): (one["debit"], one["credit"], one["balance"]) for one in found["lines"]}
    assert lines == {
        ("EUR", "accounts_receivable"): ("338.50", "338.00", "0.50"),
        ("EUR", "customer_credit"): ("119.00", "119.00", "0.00"),
        ("EUR", "revenue"): ("100.00", "300.00", "-200.00"),
        ("EUR", "tax_payable"): ("19.00", "57.00", "-38.00"),
        ("EUR", "cash"): ("119.00", "0.00", "119.00"),
        ("EUR", "prepayments"): ("19.00", "0.00", "19.00"),
        ("EUR", "rounding"): ("0.00", "0.50", "-0.50"),
        ("EUR", "bad_debt"): ("100.00", "0.00", "100.00"),
        ("JPY", "customer_credit"): ("0", "700", "-700"),
        ("JPY", "cash"): ("700", "0", "700"),
    }
    assert [list(one) for one in found["lines"][:2]] == [["currency", "account", "debit", "credit", "balance"]] * 2
    assert found["totals"] == [
        {"currency": "EUR", "debit": "814.50", "credit": "814.50"},
        {"currency": "JPY", "debit": "700", "credit": "700"},
    ]
    assert sum(Decimal(one["balance"]) for one in found["lines"]) == 0
    only = got(tenant, "/v1/reports/trial-balance?currency=JPY")
    assert {one["currency"] for one in only["lines"] + only["totals"]} == {"JPY"}


def test_a_day_counts_and_what_came_after_it_does_not(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    for day in ("2026-01-10", "2026-02-10"):
        tenant.invoice(customer_id=customer, issue_date=day, lines=[line(tax_rate="0", tax_category="Z")])
    for day, revenue in {
        "2026-01-09": None,
        "2026-01-10": "100.00",
        "2026-02-09": "100.00",
        "2026-02-10": "200.00",
    }.items():
        found = got(tenant, f"/v1/reports/trial-balance?as_of={day}")
        assert found["as_of"] == day
        assert [one["credit"] for one in found["lines"] if one["account"] == "revenue"] == (
            [revenue] if revenue else []
        )


def test_nobody_sees_the_books_of_another(tenant: Tenant, other: Tenant) -> None:
    tenant.invoice()
    assert got(other, "/v1/reports/trial-balance")["lines"] == []
    assert got(other, "/v1/reports/tax-summary")["groups"] == []
