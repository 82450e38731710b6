"""A tenant to whom everything has happened that the invariants speak of."""

from typing import Any

from flask import Flask

from tests.factories import Tenant, line, sign_up
from tests.reports.deeds import USA, act, pay, pay_in, void


def lived_in(app: Flask) -> Tenant:
    """A tenant with documents of every kind and in every status, and a neighbour with a few."""
    tenant = sign_up(app, **USA)
    customer = tenant.customer(external_id="C-1")["id"]
    parts = {"allowances": [{"percent": "1"}, {"amount": "2.00", "tax_category": "S", "tax_rate": "19"}]}
    parts["charges"] = [{"amount": "3.00"}]
    tenant.customer()
    for day in ("2026-01-10", "2026-02-10"):
        tenant.invoice(customer_id=customer, issue_date=day)
    rich = [line(allowances=[{"amount": "1.00"}], charges=[{"percent": "2"}]), line(tax_rate="7"), _free()]
    first = tenant.invoice(customer_id=customer, lines=rich, prepaid_amount="1.00", rounding_amount="0.05", **parts)
    tenant.invoice(customer_id=customer, lines=rich, prices_include_tax=True, **parts)
    tenant.draft(customer_id=customer, lines=rich, **parts)
    tenant.draft(customer_id=customer, lines=rich, prices_include_tax=True, **parts)
    second, third, fourth, fifth = (tenant.invoice(customer_id=customer, net_terms_days=14) for _ in range(4))
    tenant.invoice(customer_id=customer, lines=[line(quantity="-3")])
    payment = pay(tenant, first, "20.00")
    pay(tenant, second, "150.00", overpayment="balance")
    returned = pay(tenant, third, "119.00")
    act(tenant, f"/v1/payments/{returned['id']}/reverse", {"reason": "Sent back"})
    act(tenant, f"/v1/invoices/{third['id']}/mark-uncollectible")
    pay(tenant, third, "19.00")
    void(tenant, fourth)
    act(tenant, f"/v1/invoices/{fifth['id']}/apply-balance", {"amount": "50.00"})
    parts_of_rate = [{"name": "State", "rate": "6.25"}, {"name": "County", "rate": "2"}]
    rate = tenant.tax_rate(name="Sales tax", rate="8.25", components=parts_of_rate)["id"]
    named = {"description": "Work", "quantity": "1", "unit_price": "9.00", "tax_rate_id": rate}
    joining = {"amount": "1.50", "tax_category": "S", "tax_rate": "8.25"}
    combined = tenant.invoice(customer_id=customer, lines=[named], charges=[joining])
    _round(tenant, customer)
    _revise(tenant, customer)
    spare = pay_in(tenant, customer, "40.00")
    act(tenant, f"/v1/payments/{spare['id']}/refunds", {"amount": "15.00", "method": "card"})
    pay_in(tenant, customer, "700", "JPY")
    sixth = tenant.invoice(customer_id=customer, lines=rich, rounding_amount="0.05", **parts)
    line_id = sixth["lines"][0]["id"]
    act(tenant, "/v1/credit-notes", {**_credit(sixth), "lines": [{"invoice_line_id": line_id, "quantity": "1"}]})
    act(tenant, "/v1/credit-notes", {**_credit(sixth), "settlement": "balance"})
    seventh = tenant.invoice(customer_id=customer)
    pay(tenant, seventh, "119.00")
    credited = act(tenant, "/v1/credit-notes", {**_credit(seventh), "settlement": "balance"})
    act(tenant, f"/v1/credit-notes/{credited['id']}/refunds", {"amount": "19.00", "method": "card"})
    _credit_parts(tenant, customer, rich)
    part = {"invoice_line_id": combined["lines"][0]["id"], "net_amount": "5.00"}
    act(tenant, "/v1/credit-notes", {**_credit(combined), "lines": [part]})
    assert payment["amount_available"] == "0.00"
    assert tenant.patch("/v1/organization", {"tax_currency": "GBP"}).status_code == 200
    exchange = {"rate": "0.7912", "date": "2026-01-02"}
    tenant.draft(customer_id=customer, exchange_rate=exchange, lines=[line(), line(tax_rate="7")])
    neighbour = sign_up(app)
    pay(neighbour, neighbour.invoice(), "19.00")
    neighbour.customer()
    return tenant


def _credit_parts(tenant: Tenant, customer: str, rich: list[dict[str, Any]]) -> None:
    """Credits of what no line shares and of prices that include tax; and a draft that is no more."""
    freight = {"amount": "10.00", "tax_category": "S", "tax_rate": "7"}
    shipped = tenant.invoice(customer_id=customer, charges=[freight], allowances=[{**freight, "amount": "2.00"}])
    charge, allowance = shipped["charges"][0]["id"], shipped["allowances"][0]["id"]
    parts = [{"id": charge, "net_amount": "4.00"}, {"id": allowance, "net_amount": "-1.00"}]
    act(tenant, "/v1/credit-notes", {**_credit(shipped), "charges": parts})
    gross = tenant.invoice(customer_id=customer, lines=rich, prices_include_tax=True)
    part = {"invoice_line_id": gross["lines"][0]["id"], "net_amount": "20.00"}
    act(tenant, "/v1/credit-notes", {**_credit(gross), "lines": [part]})
    assert tenant.delete(f"/v1/invoices/{tenant.draft(customer_id=customer)['id']}").status_code == 204


def _round(tenant: Tenant, customer: str) -> None:
    """Amounts of three decimals and of none, some of which are halves before they are rounded; and great ones, whose
    taxes are nearly halves."""
    prices = {"0.1435": "7", "0.0015": "1", "0.0025": "-1"}
    lines = [line(quantity=many, unit_price=price, base_quantity="3") for price, many in prices.items()]
    tenant.invoice(customer_id=customer, currency="KWD", lines=[line(unit_price="0.0005", quantity="-1"), *lines])
    tenant.invoice(customer_id=customer, currency="JPY", lines=[line(unit_price="333", quantity="1.5")])
    for price, includes_tax in (("9000000004999.50", False), ("9000000000760.31", True)):
        great = line(unit_price=price, quantity="1", tax_rate="10.0001")
        tenant.invoice(customer_id=customer, lines=[great], prices_include_tax=includes_tax)


def _revise(tenant: Tenant, customer: str) -> None:
    """Invoices that others took the place of, one of them no more; and one with two taxes in its price."""
    several = [line(tax_rate=None, taxes=[{"rate": "5", "name": "GST"}, {"rate": "9.975", "name": "QST"}])]
    tenant.invoice(customer_id=customer, lines=several, prices_include_tax=True, charges=[{"amount": "3.00"}])
    sent, given_up = tenant.invoice(customer_id=customer), tenant.invoice(customer_id=customer)
    act(tenant, f"/v1/invoices/{sent['id']}/mark-sent")
    act(tenant, f"/v1/invoices/{sent['id']}/revise", {"reason": "A wrong price"})
    draft = act(tenant, f"/v1/invoices/{given_up['id']}/revise", {"reason": "A wrong price"})
    assert tenant.delete(f"/v1/invoices/{draft['id']}").status_code == 204
    voided = tenant.invoice(customer_id=customer)
    act(tenant, f"/v1/invoices/{voided['id']}/revise", {"reason": "A wrong price"})


def _credit(invoice: dict[str, Any]) -> dict[str, Any]:
    return {"invoice_id": invoice["id"], "reason": "Returned"}


def _free() -> dict[str, str]:
    return {"description": "Course", "quantity": "1", "unit_price": "10.00", "tax_category": "E", "tax_rate": "0",
            "exemption_reason": "Education"}  # fmt: skip
