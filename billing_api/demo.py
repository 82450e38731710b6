"""A sample to try the service on: an organization, its owner, a catalogue, customers, invoices of several states."""

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from billing_api import clock
from billing_api.auth import passwords
from billing_api.auth import service as auth
from billing_api.auth.models import User
from billing_api.auth.schemas import SignUpInput
from billing_api.auth.sessions import Terms
from billing_api.catalog import product_service as products
from billing_api.catalog import tax_rate_service as tax_rates
from billing_api.catalog.schemas import ProductInput, TaxRateInput
from billing_api.credit_notes import service as credit_notes
from billing_api.credit_notes.bodies import CreditNoteInput
from billing_api.customers import service as customers
from billing_api.customers.schemas import CustomerInput
from billing_api.database import db, find, transaction
from billing_api.errors import NotFound
from billing_api.invoices import service as invoices
from billing_api.invoices.bodies import InvoiceInput
from billing_api.invoices.models import Invoice
from billing_api.keys import kept
from billing_api.organizations import service as organizations
from billing_api.payments import service as payments
from billing_api.payments.schemas import InvoicePaymentInput
from billing_api.web import tokens

EMAIL = "demo@example.com"

_SELLER = {
    "organization_name": "Analytical Engines",
    "country": "DE",
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "name": "Ada Lovelace",
    "email": EMAIL,
}
_LEGAL = {
    "legal_name": "Analytical Engines GmbH",
    "address": {"line1": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"},
    "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}],
    "bank_account": {"account_holder": "Analytical Engines GmbH", "iban": "DE75512108001245126199"},
}
_CUSTOMERS: tuple[dict[str, Any], ...] = (
    {
        "name": "Difference Works Ltd",
        "email": "accounts@difference.example",
        "external_id": "C-1001",
        "billing_address": {"line1": "1 Dorset Street", "city": "London", "postal_code": "W1U 4EE", "country": "GB"},
    },
    {
        "name": "Jacquard & Fils SARL",
        "email": "compta@jacquard.example",
        "external_id": "C-1002",
        "tax_treatment": "reverse_charge",
        "tax_ids": [{"type": "eu_vat", "value": "FR40303265045"}],
        "billing_address": {"line1": "12 rue de la Soie", "city": "Lyon", "postal_code": "69004", "country": "FR"},
    },
    {
        "name": "Leibniz Rechenmaschinen AG",
        "email": "rechnung@leibniz.example",
        "external_id": "C-1003",
        "billing_address": {"line1": "Königsworther Platz 1", "city": "Hannover", "country": "DE"},
    },
)


@dataclass(frozen=True, slots=True)
class Demo:
    """How to get at the sample."""

    email: str
    password: str
    access_token: str
    customer_id: str
    invoice_id: str


def ensure(app: Flask) -> Demo:
    """Make the sample, unless it is there, and open a session on it. The password is random, kept in the instance."""
    with app.app_context():
        password = kept(Path(app.config["BILLING_INSTANCE"]) / "demo_password", secrets.token_urlsafe(12))
        lifetime = dt.timedelta(days=1)
        with transaction():
            try:
                grant = auth.open_session(EMAIL, lifetime)
                _keep_password(grant.user, password)
            except NotFound:
                grant = auth.sign_up(SignUpInput().load({**_SELLER, "password": password}), Terms("body", lifetime))
                _fill()
            newest = sa.select(Invoice).order_by(Invoice.sequence_value.desc().nulls_last()).limit(1)
            invoice = db.session.scalars(newest).first()
            user = grant.user
            token = tokens.mint(user.organization_id, user.id, grant.session.id, grant.role)
            shown = (str(invoice.customer_id), str(invoice.id)) if invoice else ("", "")
        return Demo(EMAIL, password, token, *shown)


def curl_lines(base_url: str, demo: Demo) -> list[str]:
    """Three commands that work when pasted."""
    bearer = f"-H 'Authorization: Bearer {demo.access_token}'"
    body = (
        '{"currency": "EUR", "lines": [{"description": "Work", "quantity": "3", "unit_price": "45", "tax_rate": "21"}]}'
    )
    return [
        f"curl {base_url}/v1/customers {bearer}",
        f"curl {base_url}/v1/invoices/{demo.invoice_id} {bearer}",
        f"curl {base_url}/v1/invoices/preview {bearer} -H 'Content-Type: application/json' -d '{body}'",
    ]


def _keep_password(user: User, password: str) -> None:
    """The instance may have been made anew beside a database that was not."""
    if not passwords.matches(user.password_hash, password):
        find(User, user.id, lock=True).password_hash = passwords.digest(password)


def _fill() -> None:
    organizations.edit(lambda _: _LEGAL)
    british, french, german = (customers.create(CustomerInput().load(values)) for values in _CUSTOMERS)
    today = clock.today("Europe/Berlin")
    consulting = {"description": "Consulting", "unit": "HUR", "quantity": "12.5", "unit_price": "120", "tax_rate": "19"}
    reduced = tax_rates.create(TaxRateInput().load({"name": "Reduced rate", "rate": "7"}))
    manual = _product("Operator's manual", quantity="3", unit_price="45.50", tax_rate_id=str(reduced.id))
    licence = _product("Licence, one year", quantity="1", unit_price="2400")
    late = _invoice(german.id, [consulting, manual], issued=today - dt.timedelta(days=60))
    returned = {"invoice_line_id": str(late.lines[1].id), "quantity": "1"}
    _pay(late, "500.00", today - dt.timedelta(days=10))
    _invoice(german.id, [manual], issued=today - dt.timedelta(days=20), prepaid_amount="146.06")
    settled = _invoice(french.id, [licence], issued=today - dt.timedelta(days=5))
    _pay(settled, "2500.00", today - dt.timedelta(days=1), overpayment="balance")
    _invoice(british.id, [consulting], issued=today, allowances=[{"percent": "5", "reason": "Regular customer"}])
    _invoice(british.id, [consulting, manual])
    credit = {"invoice_id": str(late.id), "reason": "One manual was returned", "lines": [returned]}
    credit_notes.create(CreditNoteInput().load(credit))


def _product(name: str, *, quantity: str, **members: Any) -> dict[str, Any]:
    """A line that takes so much of a new product of the catalogue."""
    made = products.create(ProductInput().load({"name": name, "currency": "EUR", **members}))
    return {"product_id": str(made.id), "quantity": quantity}


def _invoice(
    customer_id: uuid.UUID, lines: list[dict[str, Any]], *, issued: dt.date | None = None, **members: Any
) -> Invoice:
    dates = {"finalize": True, "issue_date": issued.isoformat()} if issued else {}
    return invoices.create(InvoiceInput().load({"customer_id": str(customer_id), "lines": lines, **dates, **members}))


def _pay(invoice: Invoice, amount: str, on: dt.date, **members: Any) -> None:
    body = {"amount": amount, "payment_date": on.isoformat(), "method": "bank_transfer", **members}
    payments.pay(invoice.id, InvoicePaymentInput().load(body))
