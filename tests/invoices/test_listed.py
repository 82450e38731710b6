"""What a list reads is no object of the session, and shows what those show that are read one by one."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from billing_api.database import enter, transaction
from billing_api.invoices import service
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine
from billing_api.invoices.schemas import InvoiceOutput
from billing_api.invoices.shapes import SHOWN, WHOLE
from billing_api.reading import Shape
from tests.factories import Tenant, line, sign_up
from tests.statements import recorded

INVOICES = "/v1/invoices"


def fill(tenant: Tenant) -> None:
    """Invoices that have, among them, every part and every state that an invoice can be in."""
    sales = tenant.post("/v1/tax-rates", {"name": "Sales", "rate": "8.25", "components": [
        {"name": "State", "rate": "6.25"}, {"name": "County", "rate": "1"}, {"name": "City", "rate": "1"},
    ]}).json  # fmt: skip
    lines: list[dict[str, Any]] = [
        line(allowances=[{"amount": "1"}, {"percent": "2", "reason": "x"}], charges=[{"percent": "1"}], sku="S"),
        line(tax_rate=None, taxes=[{"rate": "5", "name": "state"}, {"rate": "2", "name": "town"}]),
        line(tax_category="E", tax_rate=None, exemption_reason="Book", metadata={"a": "1"}),
        {**line(), "tax_rate": None, "tax_rate_id": sales["id"]},
    ]
    about: dict[str, Any] = {
        "allowances": [{"percent": "1"}, {"amount": "1", "tax_category": "S", "tax_rate": "19"}],
        "charges": [{"amount": "4.90", "tax_category": "S", "tax_rate": "19"}],
        "billing_period": {"start_date": "2026-02-01", "end_date": "2026-02-28"},
        "delivery": {"name": "Works", "address": {"country": "FR", "city": "Lyon"}},
        "early_payment_discount": {"percent": "2", "days": 10},
        "metadata": {"order": "A-1"},
    }
    tenant.draft(lines=lines, **about)
    tenant.draft(customer_id=tenant.customer()["id"], currency="JPY", lines=[line(unit_price="1000")])
    paid, credited, gone, lost = (tenant.invoice(lines=lines, **about) for _ in range(4))
    tenant.invoice(lines=[line(tax_rate="19")], prices_include_tax=True, prepaid_amount="1")
    tenant.post("/v1/payments", {"customer_id": paid["customer_id"], "currency": "EUR", "amount": "1"})
    acts: list[tuple[str, dict[str, Any] | None]] = [
        (f"{INVOICES}/{paid['id']}/payments", {"amount": "1.00"}),
        ("/v1/credit-notes", {"invoice_id": credited["id"], "reason": "x"}),
        (f"{INVOICES}/{gone['id']}/void", {"reason": "x"}),
        (f"{INVOICES}/{lost['id']}/mark-uncollectible", None),
    ]
    for path, given in acts:
        answer = tenant.post(path, given)
        assert answer.status_code < 300, answer.text
    assert tenant.patch("/v1/organization", {"tax_currency": "GBP"}).status_code == 200
    rate = {"rate": "0.7912", "date": "2026-01-02", "source": "ECB"}
    tenant.invoice(lines=lines, currency="USD", exchange_rate=rate)


def test_what_is_listed_is_what_is_read_one_by_one(tenant: Tenant) -> None:
    fill(tenant)
    listed = tenant.get(INVOICES).json["data"]
    assert {one["status"] for one in listed} == {"draft", "open", "paid", "void", "uncollectible"}
    assert {one["tax_currency"] for one in listed} == {None, "GBP"}
    for shown in listed:
        whole = tenant.get(f"{INVOICES}/{shown['id']}").json
        assert "actions" in whole
        assert shown == {name: value for name, value in whole.items() if name != "actions"}


def test_plain_objects_have_what_those_of_the_session_have(tenant: Tenant, app: Flask) -> None:
    """Of every column, to the type: they come as texts. Plant the flaw by reading numbers as texts."""
    fill(tenant)
    ids = [uuid.UUID(one["id"]) for one in tenant.get(INVOICES).json["data"]]
    with app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        for plain in WHOLE.several(ids):
            whole = service.read(plain.id)
            assert InvoiceOutput().dump(plain) == InvoiceOutput().dump(whole)
            rows = ([one, *one.lines, *one.tax_breakdown] for one in (plain, whole))
            for one, other in zip(*rows, strict=True):
                for name in [*sa.inspect(type(other)).column_attrs.keys()]:
                    mine, theirs = getattr(one, name), getattr(other, name)
                    assert (mine, type(mine)) == (theirs, type(theirs)), name


def test_a_page_is_read_whole_in_one_statement(tenant: Tenant) -> None:
    """Behind the two that ask how its invoices stand."""
    fill(tenant)
    with recorded(tenant.app) as seen:
        assert tenant.get(INVOICES).status_code == 200
    assert [text.count("FROM invoice_line_taxes") for text, _ in seen] == [0, 0, 1]


def test_what_was_not_read_fails_and_is_not_left_out(app: Flask) -> None:
    """A member without a value would be missing in the answer, and nobody would know."""
    tenant = sign_up(app)
    ids = [uuid.UUID(tenant.invoice()["id"])]
    bare = Shape(Invoice, "invoice_id", lines=Shape(InvoiceLine))
    with app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        (half,), (whole,) = (shape.several(ids) for shape in (bare, SHOWN))
        assert InvoiceOutput().dump(whole)["lines"][0]["taxes"]
        assert half.request["lines"]
        with pytest.raises(LookupError, match=r"Invoice\.request was not read"):
            _ = whole.request
        with pytest.raises(LookupError, match=r"Invoice\.adjustments was not read"):
            _ = half.allowances
        with pytest.raises(LookupError, match=r"was not read"):
            InvoiceOutput().dump(half)
