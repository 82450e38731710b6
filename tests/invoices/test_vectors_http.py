"""Examples of the arithmetic through the API, the first eight from complaints about other systems."""

from typing import Any

import pytest

from tests.factories import Tenant


def row(quantity: str, price: str, rate: str = "19", **values: Any) -> dict[str, Any]:
    return {"description": "Work", "quantity": quantity, "unit_price": price, "tax_rate": rate, **values}


def taxed(price: str, *taxes: tuple[str, str]) -> dict[str, Any]:
    several = [{"name": name, "rate": rate} for name, rate in taxes]
    return {"description": "Work", "quantity": "1", "unit_price": price, "taxes": several}


def groups(*rows: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"rate": rate, "taxable_amount": taxable, "tax_amount": tax} for rate, taxable, tax in rows]


GST, QST = ("GST", "5"), ("QST", "9.975")

VECTORS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fifty lines are taxed together": ({"lines": [row("1", "241.67", "20")] * 50}, {"tax_total": "2416.70"}),
    "138.66 at 19 %": ({"lines": [row("1", "138.66")]}, {"total": "165.01"}),
    "two taxes on 300": ({"lines": [taxed("300", GST, QST)]}, {"total": "344.93"}),
    "two taxes on 140": ({"lines": [taxed("140", GST, QST)]}, {"total": "160.97"}),
    "an advance taken off": ({"lines": [row("1", "8500"), row("1", "-7500")]}, {"total": "1190.00"}),
    "the same by a negative quantity": ({"lines": [row("1", "8500"), row("-1", "7500")]}, {"total": "1190.00"}),
    "a line allowance of 100 %": (
        {"lines": [row("2.25", "64.22", allowances=[{"percent": "100"}])]},
        {
            "total": "0.00",
            "lines": [{"amount": "144.50", "allowance_total": "144.50", "net": "0.00"}],
        },
    ),
    "an allowance of the document": (
        {"lines": [row("3", "45", "21")], "allowances": [{"amount": "60", "tax_category": "S", "tax_rate": "21"}]},
        {"total": "90.75", "allowance_total": "60.00"},
    ),
    "the same without a category": (
        {"lines": [row("3", "45", "21")], "allowances": [{"amount": "60"}]},
        {"total": "90.75", "allowances": [{"amount": "60.00", "parts": [
            {"category": "S", "rate": "21", "name": None, "amount": "60.00"}]}]},
    ),
    "four lines at 20 %": (
        {"lines": [row("1", price, "20") for price in ("68.33", "68.33", "57.50", "85.00")]}, {"total": "334.99"}
    ),
    "a percentage of the rounded line": (
        {"lines": [row("1.5", "2.23", allowances=[{"percent": "10"}])]},
        {"lines": [{"amount": "3.35", "allowance_total": "0.34", "net": "3.01"}]},
    ),
    "an allowance split over two rates": (
        {"lines": [row("1", "199.99"), row("1", "45.50", "7")], "allowances": [{"percent": "3"}]},
        {
            "allowances": [{"amount": "7.36", "percent": "3", "parts": [
                {"category": "S", "rate": "19", "name": None, "amount": "6.00"},
                {"category": "S", "rate": "7", "name": None, "amount": "1.36"},
            ]}],
            "tax_breakdown": groups(("19", "193.99", "36.86"), ("7", "44.14", "3.09")),
            "total": "278.08",
        },
    ),
    "9.99 with tax in it": (
        {"lines": [row("1", "9.99")], "prices_include_tax": True},
        {"tax_breakdown": groups(("19", "8.39", "1.60")), "total": "9.99", "lines": [{"net": "8.39", "gross": "9.99"}]},
    ),
    "a discount of 5.00 with tax in it": (
        {
            "lines": [row("1", "9.99")] * 3 + [row("1", "9.00", "7")],
            "prices_include_tax": True,
            "allowances": [{"amount": "5.00"}],
        },
        {
            "allowances": [{"parts": [
                {"category": "S", "rate": "19", "name": None, "amount": "3.85"},
                {"category": "S", "rate": "7", "name": None, "amount": "1.15"},
            ]}],
            "tax_breakdown": groups(("19", "21.95", "4.17"), ("7", "7.34", "0.51")),
            "total": "33.97",
        },
    ),
    "two taxes within 99.99": (
        {"lines": [taxed("99.99", GST, QST)], "prices_include_tax": True},
        {
            "tax_total": "13.02",
            "subtotal": "86.97",
            "tax_breakdown": [{"name": "GST", "tax_amount": "4.35"}, {"name": "QST", "tax_amount": "8.67"}],
        },
    ),
    "three taxes of their own": (
        {"lines": [taxed("10.50", ("state", "6.25"), ("county", "1"), ("town", "1"))]},
        {"tax_total": "0.88"},
    ),
    "the same as one rate": ({"lines": [row("1", "10.50", "8.25")]}, {"tax_total": "0.87"}),
    "cash in Swiss francs": (
        {"currency": "CHF", "lines": [row("3", "33.27", "8.1")], "cash_rounding_increment": "0.05"},
        {
            "subtotal": "99.81", "tax_total": "8.08", "total": "107.89", "rounding_amount": "0.01",
            "payable_amount": "107.90", "cash_rounding_increment": "0.05",
        },
    ),
    "yen": (
        {"currency": "JPY", "lines": [row("1.5", "333", "10"), row("2", "148", "8")]},
        {
            "lines": [{"net": "500"}, {"net": "296"}],
            "tax_breakdown": groups(("10", "500", "50"), ("8", "296", "24")),
            "total": "870",
        },
    ),
    "Kuwaiti dinars": (
        {"currency": "KWD", "lines": [row("7", "0.1435", "5")]},
        {"subtotal": "1.005", "tax_total": "0.050", "total": "1.055"},
    ),
    "half a cent below zero": ({"lines": [row("1", "-2.50", "7")]}, {"tax_total": "-0.18"}),
    "an allowance beside line allowances": (
        {
            "lines": [row("3", "33.33", allowances=[{"percent": "10"}]), row("1", "50.00")],
            "allowances": [{"amount": "20.00"}],
        },
        {"tax_breakdown": groups(("19", "119.99", "22.80")), "total": "142.79"},
    ),
    "a hundred times three cents": ({"lines": [row("100", "0.03")]}, {"subtotal": "3.00", "tax_total": "0.57"}),
}  # fmt: skip


def holds(answer: Any, expected: Any) -> Any:
    """The part of the answer that the example speaks of."""
    if isinstance(expected, dict):
        return {name: holds(answer[name], inner) for name, inner in expected.items()}
    if isinstance(expected, list):
        assert len(answer) == len(expected)
        return [holds(one, inner) for one, inner in zip(answer, expected, strict=True)]
    return answer


@pytest.mark.parametrize(("body", "expected"), VECTORS.values(), ids=VECTORS.keys())
def test_an_example_comes_out_of_the_preview(shop: Tenant, body: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = shop.post("/v1/invoices/preview", body)
    assert answer.status_code == 200, answer.text
    assert holds(answer.json, expected) == expected


@pytest.fixture(scope="module")
def buyer(shop: Tenant) -> str:
    customer: str = shop.customer()["id"]
    return customer


@pytest.mark.parametrize(("body", "expected"), VECTORS.values(), ids=VECTORS.keys())
def test_a_draft_read_back_holds_the_same_figures(
    shop: Tenant, buyer: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    draft = shop.draft(customer_id=buyer, **body)
    read = shop.get(f"/v1/invoices/{draft['id']}").json
    assert holds(read, expected) == expected
    assert read == draft


def test_the_order_of_lines_changes_no_total(shop: Tenant) -> None:
    for body, _ in VECTORS.values():
        forth = shop.post("/v1/invoices/preview", body).json
        back = shop.post("/v1/invoices/preview", {**body, "lines": body["lines"][::-1]}).json
        for name in ("total", "tax_total", "tax_breakdown", "payable_amount"):
            assert forth[name] == back[name]


def test_the_mirror_of_a_document_has_mirrored_figures(shop: Tenant) -> None:
    def mirrored(amount: str) -> str:
        return amount.removeprefix("-") if amount.startswith("-") or not amount.strip("0.") else f"-{amount}"

    for body, _ in VECTORS.values():
        turned = {**body, "lines": [{**one, "quantity": mirrored(one["quantity"])} for one in body["lines"]]}
        turned["allowances"] = [
            {**one, **({"amount": mirrored(one["amount"])} if "amount" in one else {})}
            for one in body.get("allowances", [])
        ]
        figures, mirror = (shop.post("/v1/invoices/preview", one).json for one in (body, turned))
        for name in ("subtotal", "allowance_total", "tax_total", "total", "payable_amount"):
            assert mirror[name] == mirrored(figures[name]), (body, name)


def test_tax_in_another_currency(tenant: Tenant) -> None:
    tenant.patch("/v1/organization", {"tax_currency": "GBP"})
    body = {
        "currency": "USD",
        "lines": [row("1", "1234.56", "20")],
        "exchange_rate": {"rate": "0.7912", "date": "2026-01-02", "source": "ECB"},
    }
    answer = tenant.post("/v1/invoices/preview", body).json
    assert answer["tax_total"] == "246.91"
    assert (answer["tax_currency"], answer["tax_total_in_tax_currency"]) == ("GBP", "195.36")
    assert answer["tax_breakdown"][0]["tax_amount_in_tax_currency"] == "195.36"
    assert answer["exchange_rate"] == {"rate": "0.7912", "date": "2026-01-02", "source": "ECB"}
    same = tenant.post("/v1/invoices/preview", {**body, "currency": "GBP"}).json
    assert (same["tax_currency"], same["tax_total_in_tax_currency"]) == (None, None)
