"""Whatever an invoice is made of, credited in whatever parts and order: at the end nothing is left, to the cent, in no
tax group and in no account."""

import os
import uuid
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.credit_notes.crediting import again, balances, group_sums
from tests.factories import Tenant, created, sign_up

STRESS = bool(os.environ.get("STRESS"))
GST_AND_QST = {"taxes": [{"rate": "5", "name": "GST"}, {"rate": "9.975", "name": "QST"}]}
GST = {"taxes": [{"rate": "5", "name": "GST"}]}
TAXES = st.sampled_from([{"tax_rate": "19"}, {"tax_rate": "7"}, {"tax_category": "Z"}, GST_AND_QST, GST])
PLACES = {"EUR": 2, "JPY": 0, "KWD": 3}
REFUSED = {
    "credit-exceeds-invoice",
    "credit-reverses-sign",
    "quantity-not-creditable",
    "amount-not-creditable",
    "credit-comes-to-nothing",
}


def text(units: int, places: int) -> str:
    return f"{Decimal(units).scaleb(-places):f}"


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Invoices of several rates, with discount lines, allowances, charges, and prices with and without tax."""
    code = draw(st.sampled_from(list(PLACES)))
    places = PLACES[code]
    lines = []
    for at in range(draw(st.integers(1, 5))):
        quantity = draw(st.sampled_from(["1", "3", "0.5", "7", "-1"] if at else ["4", "9", "2.25"]))
        price = text(draw(st.integers(0, 3000) if at else st.integers(3000, 20000)), 2 if places else 0)
        own = [{"percent": str(draw(st.integers(1, 30)))}] if draw(st.booleans()) else []
        lines.append({"description": "L", "quantity": quantity, "unit_price": price, "allowances": own, **draw(TAXES)})
    charge = {"amount": text(draw(st.integers(1, 900)), places), "tax_category": "S",
              "tax_rate": draw(st.sampled_from(["19", "7", "5"]))}  # fmt: skip
    return {
        "currency": code,
        "lines": lines,
        "prices_include_tax": draw(st.booleans()),
        "allowances": [{"percent": str(draw(st.integers(1, 12)))}] if draw(st.booleans()) else [],
        "charges": [charge] if draw(st.booleans()) else [],
        "cash_rounding_increment": draw(st.sampled_from([None, "5"])),
    }


def choose(data: st.DataObject, invoice: dict[str, Any], places: int) -> dict[str, Any]:
    """A part of a line, or of a charge that stands alone, as the invoice shows what is left of them."""
    charges = [one for one in invoice["charges"] if one["creditable_amount"] is not None]
    if charges and data.draw(st.integers(0, 3)) == 0:
        return {"charges": [{"id": charges[0]["id"]}]}
    line = invoice["lines"][data.draw(st.integers(0, len(invoice["lines"]) - 1))]
    share = data.draw(st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal(1)]))
    wish = {"invoice_line_id": line["id"]}
    if data.draw(st.booleans()):
        quantity = (Decimal(line["creditable_quantity"]) * share).quantize(Decimal("0.000001"))
        return {"lines": [{**wish, "quantity": f"{quantity:f}"}]}
    amount = (Decimal(line["creditable_net"]) * share).quantize(Decimal(1).scaleb(-places))
    return {"lines": [{**wish, "net_amount": f"{amount:f}"}]}


def credit_at_random(tenant: Tenant, body: dict[str, Any], data: st.DataObject) -> int:
    """Issue, pay perhaps, credit in random parts and then the rest; returns how many credit notes it took."""
    answer = tenant.post("/v1/invoices", tenant.invoice_body(finalize=True, customer_id=customer_of(tenant), **body))
    assume(answer.status_code == 201 and answer.json["amount_creditable"].strip("0.") != "")
    invoice = answer.json
    left, notes, places = invoice, [], PLACES[body["currency"]]
    for _ in range(data.draw(st.integers(1, 4))):
        wish = {"invoice_id": invoice["id"], "reason": "R", **choose(data, left, places)}
        tried = tenant.post("/v1/credit-notes", wish)
        if tried.status_code == 422:
            assert {fault["code"] for fault in tried.json["errors"]} <= REFUSED, tried.text
        elif tried.status_code != 409:
            notes.append(created(tried))
        left = again(tenant, invoice)
        credited = sum((Decimal(note["payable_amount"]) for note in notes), Decimal(0))
        assert Decimal(left["amount_creditable"]) == Decimal(invoice["amount_creditable"]) - credited
        assert all(Decimal(group["tax_amount"]) >= 0 for note in notes for group in note["tax_breakdown"]
                   if Decimal(group["taxable_amount"]) > 0)  # fmt: skip
    alone = (one["creditable_amount"] or "0" for one in (*left["allowances"], *left["charges"]))
    remaining = [*alone, *(line["creditable_net"] for line in left["lines"]), left["amount_creditable"]]
    if any(Decimal(amount) for amount in remaining):
        notes.append(created(tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Rest"})))
    check_end(tenant, invoice, notes)
    return len(notes)


def check_end(tenant: Tenant, invoice: dict[str, Any], notes: list[dict[str, Any]]) -> None:
    end = again(tenant, invoice)
    assert (end["status"], Decimal(end["amount_due"]), Decimal(end["amount_creditable"])) == ("paid", 0, 0)
    alone = (one["creditable_amount"] or "0" for one in (*end["allowances"], *end["charges"]))
    assert not any(Decimal(amount) for amount in (*alone, *(line["creditable_net"] for line in end["lines"])))
    assert sum(Decimal(note["payable_amount"]) for note in notes) == Decimal(invoice["payable_amount"])
    sums, whole = group_sums(*notes), group_sums(invoice)
    assert {key: value for key, value in sums.items() if any(value)} == {
        key: value for key, value in whole.items() if any(value)
    }
    assert balances(tenant, invoice["id"], *(note["id"] for note in notes)) == {}


def customer_of(tenant: Tenant, known: dict[uuid.UUID, str] = {}) -> str:  # noqa: B006 - one for each tenant
    if tenant.organization_id not in known:
        known[tenant.organization_id] = tenant.customer()["id"]
    return known[tenant.organization_id]


@given(body=bodies(), data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_invoice_credited_in_random_parts_ends_at_nothing(
    shop: Tenant, body: dict[str, Any], data: st.DataObject
) -> None:
    credit_at_random(shop, body, data)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_invoices_credited_in_random_parts_end_at_nothing(app: Flask) -> None:
    counts, tenants = list[int](), [sign_up(app)]

    @given(body=bodies(), data=st.data())
    @settings(max_examples=2000 if STRESS else 200, deadline=None, suppress_health_check=list(HealthCheck))
    def run(body: dict[str, Any], data: st.DataObject) -> None:
        if len(counts) // 100 == len(tenants):
            # A token lasts for a quarter of an hour.
            tenants.append(sign_up(app))
        counts.append(credit_at_random(tenants[-1], body, data))

    run()
    print(f"{len(counts)} invoices, {sum(counts)} credit notes")
