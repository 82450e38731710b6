"""Credit notes and credit that meet at one moment, on the running service: nothing is credited or applied twice."""

import functools
from collections import Counter
from decimal import Decimal

import pytest

from tests.credit_notes.crediting import again, balances, credit, priced
from tests.factories import Tenant
from tests.live_service import LiveService, together
from tests.races import Ledger, statuses

THREADS = 16


def credit_most_at_once(live: LiveService, tenant: Tenant) -> Counter[int]:
    """Sixteen credits of six of ten: one is issued, the rest are told that four remain.

    Plant the flaw by finding the invoice without its lock: then nothing but its version refuses the others, with 412.
    """
    invoice = tenant.invoice(**priced("10 x 10.00 @ 19"))
    wish = {"invoice_line_id": invoice["lines"][0]["id"], "quantity": "6"}
    body = {"invoice_id": invoice["id"], "reason": "Returned", "lines": [wish]}
    replies = together([functools.partial(live.send, "POST", "/v1/credit-notes", body, tenant.headers)] * THREADS)
    assert statuses(replies) == {201: 1, 422: THREADS - 1}, [reply.content for reply in replies]
    faults = [reply.json["errors"] for reply in replies if reply.status == 422]
    assert {(fault["code"], fault["pointer"]) for (fault,) in faults} == {
        ("quantity-exceeds-remaining", "/lines/0/quantity")
    }
    left = again(tenant, invoice)
    assert (left["lines"][0]["creditable_quantity"], left["amount_credited"]) == ("4", "71.40")
    return statuses(replies)


def credit_all_at_once(live: LiveService, tenant: Tenant) -> None:
    """Eight credits of all that remains: one takes it, and the rest find nothing."""
    invoice = tenant.invoice()
    body = {"invoice_id": invoice["id"], "reason": "Returned"}
    replies = together([functools.partial(live.send, "POST", "/v1/credit-notes", body, tenant.headers)] * 8)
    assert statuses(replies) == {201: 1, 409: 7}
    assert {reply.json["code"] for reply in replies if reply.status == 409} == {"invoice-not-creditable"}


def apply_one_credit_to_many(live: LiveService, tenant: Tenant, count: int = 8) -> None:
    """One credit and as many invoices as would each take it: together they get no more than there is.

    Plant the flaw by reading the sources without their lock.
    """
    customer = tenant.customer()["id"]
    paid = tenant.invoice(customer_id=customer)
    tenant.post(f"/v1/invoices/{paid['id']}/payments", {"amount": "119.00"})
    note = credit(tenant, paid)
    invoices = [tenant.invoice(customer_id=customer, **priced("1 x 50.00 @ 19")) for _ in range(count)]
    calls = [
        functools.partial(live.send, "POST", f"/v1/invoices/{one['id']}/apply-balance", None, tenant.headers)
        for one in invoices
    ]
    replies = together(calls)
    assert statuses(replies) == {200: 2, 409: count - 2}, [reply.content for reply in replies]
    assert {reply.json["code"] for reply in replies if reply.status == 409} == {"nothing-available"}
    spent = tenant.get(note["links"]["self"]).json
    assert (spent["amount_allocated"], spent["amount_available"], spent["status"]) == ("119.00", "0.00", "used")
    applied = [again(tenant, one) for one in invoices]
    assert sum(Decimal(one["amount_credited"]) for one in applied) == Decimal("119.00")
    held = balances(tenant, note["id"], *(one["id"] for one in invoices))
    assert held["accounts_receivable", None, None, None] == sum(Decimal(one["amount_due"]) for one in applied)


def check_numbers(ledger: Ledger) -> None:
    """Credit notes are numbered without gap or double."""
    query = "SELECT sequence_value FROM credit_notes WHERE organization_id = %s ORDER BY 1"
    numbers = [value for (value,) in ledger.rows(query)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_of_many_credits_at_once_no_more_is_issued_than_was_invoiced(
    live: LiveService, tenant: Tenant, ledger: Ledger, rounds: int
) -> None:
    for _ in range(rounds):
        credit_most_at_once(live, tenant)
        credit_all_at_once(live, tenant)
    check_numbers(ledger)


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_of_one_credit_many_invoices_get_no_more_than_there_is(live: LiveService, tenant: Tenant, rounds: int) -> None:
    for _ in range(rounds):
        apply_one_credit_to_many(live, tenant)


def test_a_credit_and_a_payment_that_meet_settle_the_invoice_once(live: LiveService, tenant: Tenant) -> None:
    """Whoever comes second finds nothing due: the payment is refused, or the credit is available."""
    for _ in range(3):
        invoice = tenant.invoice()
        body = {"invoice_id": invoice["id"], "reason": "Returned"}
        credited, paid = together(
            [
                functools.partial(live.send, "POST", "/v1/credit-notes", body, tenant.headers),
                functools.partial(
                    live.send, "POST", f"/v1/invoices/{invoice['id']}/payments", {"amount": "119.00"}, tenant.headers
                ),
            ]
        )
        assert (credited.status, paid.status) in {(201, 201), (201, 409)}
        available = credited.json["amount_available"]
        assert available == ("119.00" if paid.status == 201 else "0.00")
        assert again(tenant, invoice)["status"] == "paid"
