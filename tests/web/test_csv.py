"""Lists and reports as comma-separated values."""

import csv
import io
import json
import re
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from billing_api.web.csv import CSV, cell, header, is_tabular
from tests.factories import Tenant, line, sign_up
from tests.reports.deeds import act, pay

TABLES = {
    "/v1/audit-log", "/v1/credit-notes", "/v1/customers", "/v1/events", "/v1/invoices", "/v1/number-series",
    "/v1/ledger/entries", "/v1/payments", "/v1/products", "/v1/refunds", "/v1/tax-rates",
    "/v1/invoices/<uuid:invoice_id>/events", "/v1/customers/<uuid:customer_id>/balance",
    "/v1/customers/<uuid:customer_id>/statement", "/v1/reports/tax-summary", "/v1/reports/trial-balance",
    "/v1/me/sessions", "/v1/api-keys", "/v1/users", "/v1/invitations",
}  # fmt: skip
"""What can be asked for as CSV: every list, every report."""
FORMULAS = ("=1+1", "+49 30 123", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-", "--1", "-1e5", "-.5", "＝1+1")  # noqa: RUF001
NUMBERS = ("-12.00", "-1", "0", "1190.00", "-0.050")


def rows(answer: TestResponse) -> list[dict[str, str]]:
    """The rows as a reader of RFC 4180 takes them; none is longer or shorter than the header."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    read = list(csv.reader(io.StringIO(answer.data.decode(), newline=""), strict=True))
    return [dict(zip(read[0], row, strict=True)) for row in read[1:]]


@pytest.fixture(scope="module")
def seller(app: Flask) -> Tenant:
    """A tenant with one of everything that is listed."""
    tenant = sign_up(app)
    tenant.tax_rate()
    tenant.post("/v1/api-keys", {"name": "A shop", "scopes": ["events:read"]})
    tenant.post("/v1/invitations", {"email": f"guest-{tenant.email}", "role": "viewer"})
    tenant.product()
    customer = tenant.customer(name='=HYPERLINK("evil")', phone="+49 30 1", email="a@example.com")
    invoice = tenant.invoice(customer_id=customer["id"], notes='Two\nlines, "quoted"')
    payment = pay(tenant, invoice, "150.00", overpayment="balance", reference="-4711")
    act(tenant, f"/v1/payments/{payment['id']}/refunds", {"amount": "1.00", "method": "card"})
    act(tenant, "/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"})
    tenant.invoice(customer_id=customer["id"], lines=[line(quantity="-1"), line(tax_rate="7", quantity="0")])
    return tenant


def test_every_list_and_every_report_can_be_asked_for_as_csv(app: Flask) -> None:
    found = set()
    for rule in app.url_map.iter_rules():
        _, schema = getattr(app.view_functions[rule.endpoint], "answers_with", (200, None))
        if is_tabular(schema):
            found.add(rule.rule)
            names = header(schema)
            assert len(names) == len(set(names)) > 4, rule.rule
            assert not [name for name in names if "links" in name], rule.rule
    assert found == TABLES


@pytest.mark.parametrize("path", sorted(TABLES))
def test_csv_says_what_json_says(seller: Tenant, path: str) -> None:
    customer = seller.get("/v1/customers?limit=1").json["data"][0]["id"]
    invoice = seller.get("/v1/invoices?limit=1").json["data"][0]["id"]
    path = path.replace("<uuid:customer_id>", customer).replace("<uuid:invoice_id>", invoice)
    shown, answer = seller.get(path).json, seller.get(path, Accept=CSV)
    assert answer.headers["Content-Type"].startswith(CSV)
    told = list(_items(shown))
    found = rows(answer)
    assert len(found) == len(told) > 0
    for row, item in zip(found, told, strict=True):
        for name, text in row.items():
            assert text == cell(_at(item, name)), name


def _items(shown: dict[str, Any]) -> Any:
    """The items of the one list that makes the rows; of the tax summary each document with its group, and of the books
    each posting with its entry."""
    for item in shown.get("groups") or shown.get("data") or shown.get("lines") or shown["balances"]:
        inner = next((name for name in ("documents", "postings") if name in item), None)
        yield from [{**item, inner: one} for one in item[inner]] if inner else [item]


def _at(item: Any, name: str) -> Any:
    for part in name.split("."):
        item = None if item is None else item.get(part)
    return item


def test_what_people_have_written_is_no_formula(seller: Tenant) -> None:
    (customer,) = rows(seller.get("/v1/customers", Accept=CSV))
    assert (customer["name"], customer["phone"], customer["email"]) == (
        '\'=HYPERLINK("evil")', "'+49 30 1", "a@example.com",
    )  # fmt: skip
    assert customer["billing_address.city"] == "Hannover"
    assert (customer["shipping_address.city"], customer["archived"]) == ("", "false")
    assert (customer["tax_ids"], customer["metadata"]) == ("[]", "{}")
    (payment,) = rows(seller.get("/v1/payments", Accept=CSV))
    assert payment["reference"] == "-4711"
    assert json.loads(payment["allocations"])[0]["amount"] == "119.00"


def test_amounts_below_zero_stay_numbers_and_lines_stay_in_their_cell(seller: Tenant) -> None:
    credit, invoice = rows(seller.get("/v1/invoices", Accept=CSV))
    assert (credit["total"], invoice["total"], invoice["notes"]) == ("-59.50", "119.00", 'Two\nlines, "quoted"')
    assert [one["net"] for one in json.loads(credit["lines"])] == ["-50.00", "0.00"]
    assert "actions" not in invoice
    assert seller.get("/v1/invoices", Accept=CSV).data.count(b"\r\n") == 3


def test_an_empty_list_has_its_header(tenant: Tenant) -> None:
    answer = tenant.get("/v1/payments", Accept=CSV)
    assert rows(answer) == []
    assert answer.data.startswith(b"id,customer_id,status,amount,currency,")


def test_pages_are_those_of_json(seller: Tenant) -> None:
    first = seller.get("/v1/events?limit=2", Accept=CSV)
    assert first.headers["Link"] == seller.get("/v1/events?limit=2").headers["Link"]
    following = re.findall("<(.*)>", seller.get("/v1/invoices?limit=1", Accept=CSV).headers["Link"])[0]
    both = rows(seller.get("/v1/invoices?limit=1", Accept=CSV)) + rows(seller.get(following, Accept=CSV))
    assert both == rows(seller.get("/v1/invoices", Accept=CSV))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", CSV),
        ("text/csv; charset=utf-8; header=present", CSV),
        ("text/*", CSV),
        ("application/json;q=0.5, text/csv", CSV),
        ("text/html, text/csv;q=0.9, */*;q=0.1", CSV),
        ("*/*", "application/json"),
        ("application/json, text/csv;q=0.9", "application/json"),
        ("text/csv, application/json", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
    ],
)
def test_accept_chooses_and_json_stands_where_it_does_not(seller: Tenant, accept: str, kind: str) -> None:
    answer = seller.get("/v1/customers", Accept=accept)
    assert (answer.status_code, answer.mimetype) == (200, kind)
    assert {"Accept", "Origin"} <= set(answer.headers["Vary"].split(", "))


def test_what_is_no_table_is_not_acceptable_as_csv(seller: Tenant) -> None:
    id = seller.get("/v1/customers").json["data"][0]["id"]
    for answer in (
        seller.get(f"/v1/customers/{id}", Accept=CSV),
        seller.post("/v1/customers", {"name": "New"}, Accept=CSV),
        seller.get("/v1/me", Accept=CSV),
        seller.get("/v1/customers", Accept="application/xml"),
    ):
        assert (answer.status_code, answer.mimetype) == (406, "application/problem+json")
    assert answer.json["detail"] == "This address answers in application/json and text/csv."
    assert "Accept" not in seller.get(f"/v1/customers/{id}").headers["Vary"]


def test_a_refusal_is_a_problem_for_whoever_asked_for_csv(seller: Tenant) -> None:
    answer = seller.get("/v1/customers?limit=0", Accept=CSV)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40).filter(lambda text: "\0" not in text))
def test_a_text_comes_back_from_its_cell_and_begins_no_formula(text: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerow([cell(text), "next"])
    (row,) = csv.reader(io.StringIO(written.getvalue(), newline=""), strict=True)
    assert row == [cell(text), "next"]
    assert cell(text) in {text, f"'{text}"}
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", row[0]) or not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
