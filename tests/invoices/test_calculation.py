"""An invoice explains its figures: whoever follows the steps comes to the same, for every invoice and at every time."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.calculation_rules import FUNCTIONS, RULES
from billing_api.domain.totals import Document
from billing_api.embedded import Addresses
from tests.domain.strategies import documents
from tests.factories import Tenant, line
from tests.invoices.test_vectors_http import VECTORS, row
from tests.recomputing import faults, member, results
from tests.schema import connected
from tests.spoilt import spoil
from tests.statements import recorded
from tests.web.refusals import codes, refused

PREVIEW = "/v1/invoices/preview?include=calculation"
FIGURES = ("subtotal", "total_without_tax", "tax_total", "total", "payable_amount", "amount_due")
OPTIONAL = ("allowance_total", "charge_total")


def calculation(tenant: Tenant, invoice: dict[str, Any]) -> dict[str, Any]:
    answer = tenant.get(f"/v1/invoices/{invoice['id']}/calculation")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def shown(invoice: dict[str, Any]) -> Iterator[str]:
    """Pointers to the figures that a calculation must reach."""
    yield from (f"/{name}" for name in FIGURES)
    for at, one in enumerate(invoice["lines"]):
        yield from (f"/lines/{at}/{name}" for name in ("amount", "net"))
        for name in ("allowances", "charges"):
            yield from (f"/lines/{at}/{name}/{n}/amount" for n, _ in enumerate(one[name]))
    for name in ("allowances", "charges"):
        yield from (f"/{name}/{n}/amount" for n, _ in enumerate(invoice[name]))
    for at, _ in enumerate(invoice["tax_breakdown"]):
        yield from (f"/tax_breakdown/{at}/{name}" for name in ("taxable_amount", "tax_amount"))
    places = [("", invoice), *((f"/lines/{at}", one) for at, one in enumerate(invoice["lines"]))]
    yield from (f"{at}/{name}" for at, one in places for name in OPTIONAL if one[name].strip("-0."))


def explains(steps: Sequence[dict[str, Any]], invoice: dict[str, Any]) -> None:
    """Each step can be recomputed, and the steps end at the figures that the invoice shows."""
    assert faults(steps) == []
    found = dict(results(steps))
    assert {pointer: member(invoice, pointer) for pointer in found} == found
    assert set(shown(invoice)) <= found.keys()


@pytest.mark.parametrize(("body", "_"), VECTORS.values(), ids=VECTORS.keys())
def test_every_figure_of_an_example_can_be_recomputed(shop: Tenant, body: dict[str, Any], _: Any) -> None:
    previewed = shop.post(PREVIEW, body).json
    explains(previewed["calculation"]["steps"], previewed)
    assert (previewed["calculation"]["id"], previewed["calculation"]["version"]) == (None, None)
    draft = shop.draft(**body)
    read = calculation(shop, draft)
    explains(read["steps"], draft)
    assert read["steps"] == previewed["calculation"]["steps"]


def adjustment(given: Adjustment) -> dict[str, str]:
    stated = {name: getattr(given, name) for name in ("amount", "percent", "base_amount")}
    if given.tax:
        stated |= {"tax_category": given.tax.category, "tax_rate": given.tax.rate}
    return {
        name: value if isinstance(value, str) else f"{value:f}" for name, value in stated.items() if value is not None
    }


def body_of(of: Document) -> dict[str, Any]:
    """What a client would write to get this document."""
    amounts = {name: getattr(of, name) for name in ("prepaid_amount", "cash_rounding_increment")}
    return {
        "currency": of.currency.code,
        "prices_include_tax": of.prices_include_tax,
        "lines": [
            {
                "description": "x", "quantity": f"{one.quantity:f}", "unit_price": f"{one.unit_price:f}",
                "base_quantity": f"{one.base_quantity:f}",
                "allowances": [adjustment(each) for each in one.allowances],
                "charges": [adjustment(each) for each in one.charges],
                "taxes": [
                    {"category": tax.category, "rate": tax.rate and f"{tax.rate:f}", "name": tax.name}
                    for tax in one.taxes
                ],
            }
            for one in of.lines
        ],
        "allowances": [adjustment(one) for one in of.allowances],
        "charges": [adjustment(one) for one in of.charges],
        **{name: f"{value:f}" for name, value in amounts.items() if value is not None},
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.one_of(documents(), documents(low=0)))
def test_every_figure_of_any_invoice_can_be_recomputed(shop: Tenant, of: Document) -> None:
    answer = shop.post(PREVIEW, body_of(of))
    # Some have nothing to split an allowance over.
    assume(answer.status_code != 422)
    assert answer.status_code == 200, answer.text
    explains(answer.json["calculation"]["steps"], answer.json)


def test_an_issued_invoice_keeps_its_explanation_whatever_becomes_of_its_parties(tenant: Tenant) -> None:
    tenant.patch("/v1/organization", {"tax_currency": "GBP"})
    exempt = tenant.customer(tax_treatment="exempt")
    issued = tenant.invoice(
        customer_id=exempt["id"],
        currency="USD",
        lines=[line(), line(tax_rate="7"), {"description": "x", "quantity": "3", "unit_price": "33.33"}],
        allowances=[{"percent": "3"}],
        exchange_rate={"rate": "0.7912", "date": "2026-01-02"},
    )
    before = calculation(tenant, issued)
    explains(before["steps"], issued)
    rules = [step["rule"] for step in before["steps"]]
    assert {"split-over-taxes", "tax-in-tax-currency", "tax-currency-split"} <= set(rules)
    assert rules[-1] == "amount-due"
    in_pounds = [step for step in before["steps"] if step["rule"].startswith("tax-")][-2]
    assert (in_pounds["currency"], in_pounds["pointer"]) == ("GBP", "/tax_total_in_tax_currency")
    tenant.patch("/v1/organization", {"tax_currency": "JPY", "tax_registered": False, "exemption_reason": "small"})
    tenant.patch(f"/v1/customers/{exempt['id']}", {"tax_treatment": "standard", "currency": "CHF"})
    assert calculation(tenant, issued) == before


def test_a_negative_invoice_that_is_settled_at_once_says_what_is_due(tenant: Tenant) -> None:
    issued = tenant.invoice(lines=[line(quantity="-1")])
    last = calculation(tenant, issued)["steps"][-1]
    assert last["inputs"] == {"payable_amount": "-59.50", "amount_paid": "-59.50", "amount_credited": "0.00"}
    assert (last["rule"], last["result"]) == ("amount-due", issued["amount_due"])


@pytest.mark.parametrize(
    "body",
    [
        {"lines": []},
        {"lines": [], "allowances": [{"amount": "5.00"}], "charges": [{"percent": "5"}]},
        {"lines": [{"description": "x", "quantity": "1", "unit_price": "5"}], "allowances": [{"percent": "10"}]},
        {
            "lines": [row("1", "5"), {"description": "x", "quantity": "1", "unit_price": "5"}],
            "charges": [{"amount": "1"}],
        },
        {"lines": [row("1", "5")], "prices_include_tax": True, "charges": [{"amount": "1", "tax_category": "Z"}]},
        {
            "lines": [
                row("3", "10", allowances=[{"percent": "10", "base_amount": "25"}, {"amount": "1", "percent": "9"}])
            ]
        },
        {"lines": [{**row("1", "5"), "unit_price": None, "gross_price": "6", "price_discount": "0.00000001"}]},
        {"lines": [row("1", "5")], "rounding_amount": "0.03", "prepaid_amount": "1.00"},
    ],
)
def test_what_is_not_finished_or_has_its_own_form_is_explained_as_well(shop: Tenant, body: dict[str, Any]) -> None:
    draft = shop.draft(**body)
    explains(calculation(shop, draft)["steps"], draft)


def test_the_answer_explains_itself(tenant: Tenant) -> None:
    draft = tenant.draft()
    found = calculation(tenant, draft)
    assert (found["id"], found["version"], found["currency"]) == (draft["id"], 1, "EUR")
    assert found["functions"] == FUNCTIONS
    assert [one["rule"] for one in found["rules"]] == list(dict.fromkeys(step["rule"] for step in found["steps"]))
    for one in found["rules"]:
        rule = RULES[one["rule"]]
        assert (one["description"], one["reference"]) == (rule.description, rule.reference)
    invoice = f"/v1/invoices/{draft['id']}"
    assert found["links"] == {"self": f"{invoice}/calculation", "invoice": invoice}
    assert "calculation" not in tenant.post("/v1/invoices/preview", {"lines": [line()]}).json


def test_it_is_spared_to_whom_holds_this_version(tenant: Tenant) -> None:
    draft = tenant.draft()
    path = f"/v1/invoices/{draft['id']}"
    first = tenant.get(f"{path}/calculation")
    assert first.headers["ETag"] == '"1"'
    known = tenant.get(f"{path}/calculation", If_None_Match=first.headers["ETag"])
    assert (known.status_code, known.data) == (304, b"")
    tenant.patch(path, {"prepaid_amount": "19.00"})
    changed = tenant.get(f"{path}/calculation", If_None_Match=first.headers["ETag"])
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json["steps"][-1]["result"] == "100.00"


def test_nobody_else_is_told(tenant: Tenant, other: Tenant) -> None:
    draft = tenant.draft()
    refused(other.get(f"/v1/invoices/{draft['id']}/calculation"), 404)
    refused(tenant.get(f"/v1/invoices/{tenant.organization_id}/calculation"), 404)
    refused(tenant.get("/v1/invoices/preview/calculation"), 404)
    refused(tenant.get(f"/v1/invoices/{draft['id']}/calculation?x=1"), 400)
    assert tenant.delete(f"/v1/invoices/{draft['id']}").status_code == 204
    refused(tenant.get(f"/v1/invoices/{draft['id']}/calculation"), 404)


def test_a_thousand_lines_are_explained_in_as_many_statements_as_one(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    lines = [line(quantity=f"{n % 7 + 1}.5", unit_price=f"{n}.{n % 100:02}") for n in range(1000)]
    small, large = (tenant.draft(customer_id=customer, lines=lines[:n]) for n in (1, 1000))
    sent = []
    for draft in (small, large):
        with recorded(tenant.app) as seen:
            found = calculation(tenant, draft)
        sent.append(len(seen))
        assert faults(found["steps"]) == []
    # The taxes of lines come by five hundred lines a statement.
    assert sent[1] <= sent[0] + 1 <= 7
    explains(found["steps"], large)
    assert len(found["steps"]) == 2 * 1000 + 8


@pytest.mark.parametrize(
    ("table", "flaw"),
    [
        ("invoice_lines", "quantity = quantity + 1"),
        ("invoice_tax_groups", "taxable_amount = taxable_amount + 1"),
        ("invoice_tax_groups", "tax_amount_in_tax_currency = tax_amount_in_tax_currency + 1"),
        ("invoice_adjustments", "amount = amount + 1"),
    ],
)
def test_rows_that_do_not_come_to_their_figures_are_not_explained_away(
    tenant: Tenant, addresses: Addresses, table: str, flaw: str
) -> None:
    spoil(tenant)
    tenant.patch("/v1/organization", {"tax_currency": "GBP"})
    rate = {"rate": "0.7912", "date": "2026-01-02"}
    draft = tenant.draft(currency="USD", exchange_rate=rate, allowances=[{"amount": "1.00"}])
    explains(calculation(tenant, draft)["steps"], draft)
    with connected(addresses.owner) as cursor:
        cursor.execute(f"UPDATE {table} SET {flaw} WHERE invoice_id = %s", [draft["id"]])  # noqa: S608 - as above
        assert cursor.rowcount == 1
    refused(tenant.get(f"/v1/invoices/{draft['id']}/calculation"), 500)


def test_who_expected_another_total_is_told_the_right_one_and_where_it_is_explained(tenant: Tenant) -> None:
    draft = tenant.draft()
    path = f"/v1/invoices/{draft['id']}"
    finer = tenant.post(f"{path}/finalize", {"expected_total": "119.001"})
    assert codes(finer) == {("/expected_total", "too-many-decimals")}
    body = tenant.invoice_body(lines=[line(quantity="1", product_id=draft["id"])], expected_total="59.501")
    assert {code for _, code in codes(tenant.post("/v1/invoices", body))} == {"product-not-found", "too-many-decimals"}
    answer = tenant.post(f"{path}/finalize", {"expected_total": "118.99"})
    problem = refused(answer, 422, "total-mismatch")
    assert (problem["total"], problem["calculation"]) == ("119.00", f"{path}/calculation")
    steps = tenant.get(problem["calculation"]).json["steps"]
    assert next(step for step in steps if step["pointer"] == "/total")["result"] == problem["total"]
    body = tenant.invoice_body(expected_total="118.99")
    for refusal in (
        tenant.post("/v1/invoices", body),
        tenant.post("/v1/invoices/preview", body),
        tenant.put(path, body),
        tenant.patch(path, {"expected_total": "118.99"}),
    ):
        problem = refused(refusal, 422, "total-mismatch")
        assert (problem["total"], problem["calculation"]) == ("119.00", PREVIEW)
    del body["expected_total"]
    steps = tenant.post(problem["calculation"], body).json["calculation"]["steps"]
    assert Decimal(next(step for step in steps if step["pointer"] == "/total")["result"]) == 119
