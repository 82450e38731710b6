"""What a customer owes, and has to their credit."""

import datetime as dt

import time_machine

from tests.factories import Tenant, line, refresh
from tests.reports.deeds import act, balance_of, pay, pay_in, void


def test_who_has_bought_nothing_owes_nothing(tenant: Tenant) -> None:
    answer = tenant.get(f"/v1/customers/{tenant.customer()['id']}/balance")
    assert (answer.status_code, answer.json["balances"]) == (200, [])


def test_only_issued_invoices_are_owed_and_each_currency_stands_alone(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    tenant.draft(customer_id=customer)
    tenant.invoice(customer_id=customer)
    first = tenant.invoice(customer_id=customer)
    tenant.invoice(customer_id=customer, currency="JPY", lines=[line(unit_price="50")])
    pay(tenant, first, "20.00")
    nothing = {"overdue": "0.00", "available_credit": "0.00", "uncollectible": "0.00"}
    assert balance_of(tenant, customer) == {
        "EUR": {"receivable": "218.00", "net": "218.00", **nothing},
        "JPY": {
            "receivable": "119",
            "net": "119",
            "overdue": "0",
            "available_credit": "0",
            "uncollectible": "0",
        },
    }
    shown = tenant.get(f"/v1/customers/{customer}/balance?currency=JPY").json["balances"]
    assert [one["currency"] for one in shown] == ["JPY"]


def test_credit_is_taken_off_what_is_owed_without_being_applied(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    invoice = tenant.invoice(customer_id=customer)
    payment = pay_in(tenant, customer, "150.00")
    owed = balance_of(tenant, customer)["EUR"]
    assert (owed["receivable"], owed["available_credit"], owed["net"]) == ("119.00", "150.00", "-31.00")
    act(tenant, f"/v1/invoices/{invoice['id']}/apply-balance")
    owed = balance_of(tenant, customer)["EUR"]
    assert (owed["receivable"], owed["available_credit"], owed["net"]) == ("0.00", "31.00", "-31.00")
    act(tenant, f"/v1/payments/{payment['id']}/refunds", {"amount": "31.00", "method": "card"})
    assert balance_of(tenant, customer) == {}


def test_what_was_given_up_stands_apart(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    pay(tenant, invoice, "19.00")
    act(tenant, f"/v1/invoices/{invoice['id']}/mark-uncollectible")
    owed = balance_of(tenant, invoice["customer_id"])["EUR"]
    assert (owed["receivable"], owed["uncollectible"], owed["net"]) == ("0.00", "100.00", "0.00")


def test_a_void_invoice_is_not_owed(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    void(tenant, invoice)
    assert balance_of(tenant, invoice["customer_id"]) == {}


def test_what_is_due_today_is_overdue_tomorrow(tenant: Tenant) -> None:
    invoice = tenant.invoice(net_terms_days=0)
    pay(tenant, invoice, "19.00")
    assert balance_of(tenant, invoice["customer_id"])["EUR"]["overdue"] == "0.00"
    tomorrow = dt.datetime.fromisoformat(f"{invoice['due_date']}T23:30:00Z")
    # In Berlin it is the next day already.
    with time_machine.travel(tomorrow, tick=False):
        token = refresh(tenant.client, tenant.refresh_token).json
        tenant.access_token = token["access_token"]
        assert balance_of(tenant, invoice["customer_id"])["EUR"]["overdue"] == "100.00"


def test_what_is_overdue_is_so_in_the_zone_of_its_issue_also_after_the_seller_has_moved(tenant: Tenant) -> None:
    invoice = tenant.invoice(net_terms_days=0)
    assert tenant.patch("/v1/organization", {"time_zone": "Pacific/Honolulu"}).status_code == 200
    later = tenant.invoice(customer_id=invoice["customer_id"], net_terms_days=0)
    # Where the seller has moved to, it is still the day on which both are due.
    midnight = dt.datetime.fromisoformat(f"{invoice['due_date']}T23:30:00Z")
    with time_machine.travel(midnight, tick=False):
        token = refresh(tenant.client, tenant.refresh_token).json
        tenant.access_token = token["access_token"]
        shown = [tenant.get(f"/v1/invoices/{one['id']}").json["overdue"] for one in (invoice, later)]
        assert shown == [True, False]
        assert balance_of(tenant, invoice["customer_id"])["EUR"]["overdue"] == invoice["amount_due"]


def test_another_tenants_customer_is_not_there(tenant: Tenant, other: Tenant) -> None:
    for name in ("balance", "statement"):
        answer = other.get(f"/v1/customers/{tenant.customer()['id']}/{name}")
        assert (answer.status_code, answer.json["code"]) == (404, "not-found")
