"""The books as they are read, and as the database keeps them."""

import uuid
from typing import Any

import psycopg2
import pytest

from billing_api.embedded import Addresses
from tests.factories import Tenant, line
from tests.ledger.books import entries
from tests.schema import connected
from tests.web.refusals import refused


def test_an_entry_says_what_was_posted_for_which_document(tenant: Tenant) -> None:
    invoice = tenant.invoice(
        lines=[line(), line(tax_rate="7"), line(tax_category="AE", tax_rate=None)],
        customer_id=tenant.customer(tax_ids=[{"type": "eu_vat", "value": "FR40303265045"}])["id"],
        prepaid_amount="10.00",
        rounding_amount="0.04",
    )
    (entry,) = entries(tenant)
    assert (entry["type"], entry["object"]) == ("invoice_issued", {"type": "invoice", "id": invoice["id"]})
    assert (entry["entry_date"], entry["currency"]) == (invoice["issue_date"], "EUR")
    assert entry["links"] == {
        "object": invoice["links"]["self"], "customer": f"/v1/customers/{invoice['customer_id']}",
    }  # fmt: skip
    shown = [(one["account"], one["debit"], one["credit"], one["tax_rate"]) for one in entry["postings"]]
    assert shown == [
        ("accounts_receivable", "316.04", "0.00", None),
        ("prepayments", "10.00", "0.00", None),
        ("revenue", "0.00", "300.00", None),
        ("tax_payable", "0.00", "19.00", "19"),
        ("tax_payable", "0.00", "7.00", "7"),
        ("rounding", "0.00", "0.04", None),
    ]
    assert entry["postings"][0]["invoice_id"] == invoice["id"]


def test_entries_are_found_by_what_they_say(tenant: Tenant) -> None:
    invoice = tenant.invoice(issue_date="2026-01-31")
    later = tenant.invoice(issue_date="2026-02-01", currency="USD")
    tenant.payment(invoice)
    assert len(entries(tenant)) == 4
    assert [entry["object"]["id"] for entry in entries(tenant, currency="USD")] == [later["id"]]
    assert len(entries(tenant, customer_id=invoice["customer_id"])) == 3
    assert [one["type"] for one in entries(tenant, object_id=invoice["id"])] == ["invoice_issued", "credit_applied"]
    assert len(entries(tenant, entry_date_from="2026-02-01", entry_date_to="2026-02-01")) == 1
    assert entries(tenant, object_id=str(uuid.uuid4())) == []
    dates = [entry["entry_date"] for entry in entries(tenant, sort="entry_date")]
    assert dates == sorted(dates)
    refused(tenant.get("/v1/ledger/entries?account=cash"), 400)


def test_an_invoice_of_nothing_leaves_no_entry(tenant: Tenant) -> None:
    tenant.invoice(lines=[line(quantity="0")])
    assert entries(tenant) == []


def test_an_invoice_of_very_many_taxes_is_posted_whole(tenant: Tenant) -> None:
    """All of its postings go in one statement: at its end the database demands that they balance."""
    lines = [line(taxes=[{"rate": f"1.{n:03}{m}"} for m in range(10)], tax_rate=None) for n in range(1, 301)]
    for one in lines:
        del one["tax_rate"]
    tenant.invoice(lines=lines)
    (entry,) = entries(tenant)
    assert len(entry["postings"]) == 2 + 300 * 10


STATEMENTS = [
    "UPDATE ledger_postings SET amount = amount + 1",
    "UPDATE ledger_entries SET entry_date = entry_date + 1",
    "DELETE FROM ledger_postings",
    "DELETE FROM ledger_entries",
    "UPDATE refunds SET amount = amount - 1",
    "DELETE FROM refunds",
    "UPDATE allocations SET amount = amount - 1",
    "UPDATE allocations SET invoice_id = gen_random_uuid()",
    "UPDATE sources SET amount = amount + 1, amount_available = amount_available + 1",
    "UPDATE sources SET customer_id = gen_random_uuid()",
    "UPDATE payments SET method = 'cash'",
    "INSERT INTO ledger_postings (organization_id, id, entry_id, position, account, amount) "
    "SELECT organization_id, gen_random_uuid(), id, 99, 'revenue', 1 FROM ledger_entries LIMIT 1",
]


@pytest.mark.parametrize("role", ["service", "owner"])
def test_what_stands_in_the_books_stays(tenant: Tenant, addresses: Addresses, role: str) -> None:
    payment = tenant.payment(tenant.invoice(), amount="200.00", overpayment="balance")
    assert tenant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": "1.00"}).status_code == 201
    with connected(getattr(addresses, role)) as cursor:
        cursor.execute("SELECT set_config('app.organization_id', %s, false)", [str(tenant.organization_id)])
        for statement in STATEMENTS:
            with pytest.raises((psycopg2.errors.CheckViolation, psycopg2.errors.InsufficientPrivilege)):
                touched(cursor, statement, str(tenant.organization_id))


def touched(cursor: Any, statement: str, organization: str) -> None:
    """Run it on the rows of this tenant alone; the owner sees those of all."""
    if statement.startswith("INSERT"):
        statement = statement.replace(" LIMIT", f" WHERE organization_id = '{organization}' LIMIT")
    else:
        statement += f" WHERE organization_id = '{organization}'"
    cursor.execute(statement)
    assert cursor.rowcount > 0, statement


def test_an_allocation_is_released_once(tenant: Tenant, addresses: Addresses) -> None:
    payment = tenant.payment(tenant.invoice())
    assert tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "x"}).status_code == 200
    with connected(addresses.owner) as cursor, pytest.raises(psycopg2.errors.CheckViolation):
        touched(cursor, "UPDATE allocations SET released_at = now()", str(tenant.organization_id))
