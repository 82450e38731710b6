"""The credits of the published examples, through HTTP: each to the cent, and nothing left at the end."""

from decimal import Decimal
from typing import Any

import pytest

from tests.credit_notes.crediting import again, balances, credit, group_sums, part, priced
from tests.factories import Tenant, line

Wish = tuple[int, dict[str, str]]
ROUNDED = {"prices_include_tax": True, "cash_rounding_increment": "0.05"}
VECTORS: dict[str, tuple[dict[str, Any], list[tuple[list[Wish], str, str]]]] = {
    "one credit for each of four lines": (
        priced("1 x 68.33 @ 20", "1 x 68.33 @ 20", "1 x 57.50 @ 20", "1 x 85.00 @ 20"),
        [([(0, {})], "68.33", "82.00"), ([(1, {})], "68.33", "81.99"), ([(2, {})], "57.50", "69.00"),
         ([(3, {})], "85.00", "102.00")],
    ),
    "a line allowance and one of the document": (
        {
            "lines": [
                {"description": "A", "quantity": "3", "unit_price": "33.33", "tax_rate": "19",
                 "allowances": [{"percent": "10"}]},
                {"description": "B", "quantity": "1", "unit_price": "50.00", "tax_rate": "19"},
            ],
            "allowances": [{"amount": "20.00"}],
        },
        [([(0, {"quantity": "1"})], "25.71", "30.59"), ([(1, {})], "42.86", "51.01"),
         ([(0, {"quantity": "2"})], "51.42", "61.19")],
    ),
    "a third and a third and a third": (
        priced("3 x 3.33333333 @ 0", lines=[
            {"description": "A", "quantity": "3", "unit_price": "10.00", "base_quantity": "3", "tax_category": "Z"}]),
        [([(0, {"quantity": "1"})], "3.33", "3.33"), ([(0, {"quantity": "1"})], "3.34", "3.34"),
         ([(0, {"quantity": "1"})], "3.33", "3.33")],
    ),
    "by amount, and then the rest": (
        priced("2 x 50.00 @ 19"),
        [([(0, {"net_amount": "12.34"})], "12.34", "14.68"), ([(0, {"net_amount": "0.01"})], "0.01", "0.02"),
         ([], "87.65", "104.30")],
    ),
    "prices that include tax": (
        priced("3 x 9.99 @ 19", "1 x 9.00 @ 7", prices_include_tax=True, allowances=[{"amount": "5.00"}]),
        [([(0, {"quantity": "1"})], "7.32", "8.71"), ([(1, {})], "7.34", "7.85"), ([(0, {"quantity": "2"})], "14.63",
         "17.41")],
    ),
    "yen": (
        priced("1.5 x 333 @ 10", "2 x 148 @ 8", currency="JPY"),
        [([(0, {"quantity": "0.5"})], "167", "184"), ([(1, {"quantity": "1"})], "148", "160"), ([], "481", "526")],
    ),
    "Kuwaiti dinars": (
        priced("7 x 0.1435 @ 5", currency="KWD"),
        [([(0, {"quantity": "3"})], "0.431", "0.453"), ([(0, {"quantity": "4"})], "0.574", "0.602")],
    ),
    "rounding returns with the last": (
        priced("3 x 33.27 @ 8.1", currency="CHF", cash_rounding_increment="0.05"),
        [([(0, {"quantity": "1"})], "33.27", "35.96"), ([(0, {"quantity": "2"})], "66.54", "71.94")],
    ),
}  # fmt: skip
"""An invoice, and its credits one after the other: what each takes, its sum without tax, and what it comes to."""


@pytest.mark.parametrize("name", VECTORS)
def test_the_credits_of_an_example_are_exact_and_leave_nothing(shop: Tenant, name: str) -> None:
    body, steps = VECTORS[name]
    invoice = shop.invoice(**body)
    notes = []
    for wishes, net, payable in steps:
        note = credit(shop, invoice, *(part(invoice, at, **wish) for at, wish in wishes))
        assert (note["total_without_tax"], note["payable_amount"]) == (net, payable)
        notes.append(note)
    assert group_sums(*notes) == group_sums(invoice)
    left = again(shop, invoice)
    assert (left["status"], left["settled_by"], float(left["amount_due"])) == ("paid", "credit", 0)
    assert all(float(line["creditable_quantity"]) == float(line["creditable_net"]) == 0 for line in left["lines"])
    assert balances(shop, invoice["id"], *(note["id"] for note in notes)) == {}
    refused = shop.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Again"})
    assert (refused.status_code, refused.json["code"]) == (409, "invoice-not-creditable")


def test_a_hundred_small_lines_credited_one_by_one_have_their_tax_in_all(shop: Tenant) -> None:
    invoice = shop.invoice(**priced(*["1 x 0.03 @ 19"] * 100))
    notes = [credit(shop, invoice, part(invoice, at)) for at in range(100)]
    assert {note["tax_total"] for note in notes} == {"0.00", "0.01"}
    assert group_sums(*notes) == group_sums(invoice)
    assert sum(round(100 * float(note["payable_amount"])) for note in notes) == 357
    assert again(shop, invoice)["status"] == "paid"


def test_the_components_of_a_combined_rate_are_credited_to_the_cent(shop: Tenant) -> None:
    parts = [{"name": name, "rate": rate} for name, rate in (("State", "6.25"), ("County", "1"), ("City", "1"))]
    rate = shop.tax_rate(name="Sales tax of three", rate="8.25", components=parts)["id"]
    own = {"description": "Work", "unit_price": "3.50", "tax_rate_id": rate}
    invoice = shop.invoice(lines=[{**own, "quantity": "3"}])
    notes = [credit(shop, invoice, part(invoice, 0, quantity="1")) for _ in range(3)]
    assert [note["tax_total"] for note in notes] == ["0.29", "0.29", "0.29"]
    assert notes[0]["lines"][0]["tax_rate_id"] == rate
    shares = [note["tax_breakdown"][0]["components"] for note in notes]
    sums = [sum(Decimal(each[at]["tax_amount"]) for each in shares) for at in range(3)]
    assert sums == [Decimal("0.66"), Decimal("0.11"), Decimal("0.10")]


def test_credits_in_parts_take_back_the_tax_in_the_second_currency_as_it_was_stated(tenant: Tenant) -> None:
    rate = {"rate": "0.7912", "date": "2026-01-30", "source": "ECB"}
    tenant.patch("/v1/organization", {"tax_currency": "GBP"})
    lines = [line(quantity="1", unit_price="1.00", tax_rate="20") for _ in range(3)] + [
        line(quantity="1", unit_price="0.70", tax_rate="7")
    ]
    invoice = tenant.invoice(lines=lines, exchange_rate=rate)
    assert invoice["tax_total_in_tax_currency"] == "0.51"
    notes = [credit(tenant, invoice, part(invoice, at)) for at in range(4)]
    assert [note["tax_total_in_tax_currency"] for note in notes] == ["0.16", "0.15", "0.16", "0.04"]
    credited = [group for note in notes for group in note["tax_breakdown"]]
    for stated in invoice["tax_breakdown"]:
        shares = [one["tax_amount_in_tax_currency"] for one in credited if one["rate"] == stated["rate"]]
        assert sum(map(Decimal, shares)) == Decimal(stated["tax_amount_in_tax_currency"])
