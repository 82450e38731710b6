"""The tax of a period, by the documents and by the books."""

from typing import Any

import time_machine

from billing_api.embedded import Addresses
from tests.factories import Tenant, line, login, sign_up
from tests.reports.deeds import USA, act, got, void
from tests.schema import as_superuser
from tests.spoilt import spoil

NORMAL, REDUCED = line(), line(tax_rate="7", quantity="1")
FREE = line(tax_category="E", tax_rate="0", exemption_reason="Education")


def summary(tenant: Tenant, query: str = "?from=2026-01-01&to=2026-12-31") -> dict[str, Any]:
    return got(tenant, f"/v1/reports/tax-summary{query}")


def groups(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("currency", "category", "rate", "name", "taxable_amount", "tax_amount")
    return [(*(group[name] for name in names), len(group["documents"])) for group in found["groups"]]


def test_every_tax_has_its_documents_also_where_it_is_nothing(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    first = tenant.invoice(customer_id=customer, lines=[NORMAL, REDUCED, FREE])
    second = tenant.invoice(customer_id=customer, lines=[NORMAL, line(quantity="-1")])
    tenant.invoice(customer_id=customer, lines=[FREE], currency="USD")
    tenant.draft(customer_id=customer)
    found = summary(tenant)
    assert groups(found) == [
        ("EUR", "E", "0", None, "100.00", "0.00", 1),
        ("EUR", "S", "19", None, "150.00", "28.50", 2),
        ("EUR", "S", "7", None, "50.00", "3.50", 1),
        ("USD", "E", "0", None, "100.00", "0.00", 1),
    ]
    assert [(one["number"], one["taxable_amount"], one["tax_amount"]) for one in found["groups"][1]["documents"]] == [
        (first["number"], "100.00", "19.00"),
        (second["number"], "50.00", "9.50"),
    ]
    assert found["totals"] == [
        {"currency": "EUR", "tax_amount": "32.00", "tax_payable": "32.00", "difference": "0.00"},
        {"currency": "USD", "tax_amount": "0.00", "tax_payable": "0.00", "difference": "0.00"},
    ]


def test_several_taxes_on_a_line_stand_apart_by_their_names(tenant: Tenant) -> None:
    taxes = [{"category": "S", "rate": "9.975", "name": "QST"}, {"category": "S", "rate": "5", "name": "GST"}]
    plain = {"description": "Work", "quantity": "1", "unit_price": "300.00"}
    tenant.invoice(currency="CAD", lines=[{**plain, "taxes": taxes}])
    assert groups(summary(tenant)) == [
        ("CAD", "S", "9.975", "QST", "300.00", "29.93", 1),
        ("CAD", "S", "5", "GST", "300.00", "15.00", 1),
    ]


def test_a_void_is_taken_back_on_its_own_day(app: Any) -> None:
    tenant = sign_up(app, **USA)
    with time_machine.travel("2026-03-30T12:00:00Z", tick=True):
        invoice = again(tenant).invoice(lines=[NORMAL, FREE])
        tenant.invoice(lines=[FREE, line(tax_category="Z", tax_rate="0", quantity="-2")])
    # It is still March in New York.
    with time_machine.travel("2026-04-01T03:00:00Z", tick=True):
        march = summary(again(tenant), "")
        assert (march["from"], march["to"]) == ("2026-03-01", "2026-03-31")
    with time_machine.travel("2026-04-02T12:00:00Z", tick=True):
        void(again(tenant), invoice)
        april = summary(tenant, "")
    assert groups(march) == [
        ("EUR", "E", "0", None, "200.00", "0.00", 2),
        ("EUR", "S", "19", None, "100.00", "19.00", 1),
        ("EUR", "Z", "0", None, "-100.00", "0.00", 1),
    ]
    assert groups(april) == [
        ("EUR", "E", "0", None, "-100.00", "0.00", 1),
        ("EUR", "S", "19", None, "-100.00", "-19.00", 1),
    ]
    assert {one["type"] for group in april["groups"] for one in group["documents"]} == {"invoice_void"}
    assert [(one["tax_payable"], one["difference"]) for one in march["totals"]] == [("19.00", "0.00")]
    assert [(one["tax_payable"], one["difference"]) for one in april["totals"]] == [("-19.00", "0.00")]


def test_credit_notes_take_back_what_they_credit(tenant: Tenant) -> None:
    invoice = tenant.invoice(lines=[NORMAL, REDUCED, FREE])
    one = {"invoice_line_id": invoice["lines"][0]["id"], "quantity": "1"}
    note = act(tenant, "/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned", "lines": [one]})
    found = summary(tenant)
    assert groups(found)[1:] == [
        ("EUR", "S", "19", None, "50.00", "9.50", 2),
        ("EUR", "S", "7", None, "50.00", "3.50", 1),
    ]
    documents = {shown["number"]: shown for shown in found["groups"][1]["documents"]}
    assert documents[note["number"]]["type"] == "credit_note"
    assert (documents[note["number"]]["taxable_amount"], documents[note["number"]]["tax_amount"]) == ("-50.00", "-9.50")
    act(tenant, "/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"})
    found = summary(tenant)
    assert {(group["taxable_amount"], group["tax_amount"]) for group in found["groups"]} == {("0.00", "0.00")}
    assert [(one["tax_payable"], one["difference"]) for one in found["totals"]] == [("0.00", "0.00")]


def test_the_books_are_held_against_each_tax_by_itself(tenant: Tenant, addresses: Addresses) -> None:
    tenant.invoice(lines=[NORMAL, REDUCED])
    assert [(one["rate"], one["tax_payable"], one["difference"]) for one in summary(tenant)["groups"]] == [
        ("19", "19.00", "0.00"),
        ("7", "3.50", "0.00"),
    ]
    spoil(tenant)
    with as_superuser(addresses) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ledger_postings SET tax_rate = 5 WHERE organization_id = %s AND tax_rate = 7",
            [str(tenant.organization_id)],
        )
    found = summary(tenant)
    assert [(one["rate"], one["tax_payable"], one["difference"]) for one in found["groups"]] == [
        ("19", "19.00", "0.00"),
        ("7", "0.00", "3.50"),
        ("5", "3.50", "-3.50"),
    ]
    # Over all taxes nothing is to be seen of it.
    assert [(one["tax_payable"], one["difference"]) for one in found["totals"]] == [("22.50", "0.00")]


def again(tenant: Tenant) -> Tenant:
    """The same user at another time, with a token of that time."""
    tenant.access_token = login(tenant.client, tenant.email).json["access_token"]
    return tenant
