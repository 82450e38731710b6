"""Makers of what tests need, through the API, as its users would; every value can be overridden."""

import datetime as dt
import functools
import itertools
import json
import re
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from pyotp import TOTP
from werkzeug.test import TestResponse

from billing_api.auth import passwords
from billing_api.auth.models import User
from billing_api.auth.service import open_session
from billing_api.database import db, enter, find, transaction
from billing_api.domain.emails import fold
from billing_api.mail import service as outbox
from billing_api.mail.models import Mail
from billing_api.organizations import service as organizations
from billing_api.sealing import unseal
from billing_api.unit_of_work import Actor
from billing_api.web import tokens
from tests.moulds import Mould

PASSWORD = "a long enough password"
FACTOR = "/v1/me/second-factor"
SELLER = {
    "legal_name": "Analytical Engines GmbH",
    "address": {"line1": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"},
    "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}],
}
BUYER_ADDRESS = {"line1": "Königsworther Platz 1", "postal_code": "30167", "city": "Hannover", "country": "DE"}

_numbers = itertools.count(1)


@dataclass
class Authenticator:
    """What a user proves to have: codes by the clock, and those on paper."""

    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many steps later."""
        return TOTP(self.secret).at(dt.datetime.now(dt.UTC), counter_offset=steps)


@dataclass
class Tenant:
    """Somebody with a credential: calls as they would make them, and makers of what they own."""

    app: Flask
    organization_id: uuid.UUID
    user_id: uuid.UUID
    email: str
    access_token: str
    refresh_token: str
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """A request with this tenant's token; header names are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, json=body, headers={**self.headers, **given})

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.call("POST", path, body, **headers)

    def post_text(self, path: str, text: str, **headers: str) -> TestResponse:
        """A POST of this very text as JSON, in which numbers and surrogates stand as they were written."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = "application/json"
        return self.client.post(path, data=text, content_type=kind, headers={**self.headers, **given})

    def put(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.call("DELETE", path, **headers)

    def customer(self, **values: Any) -> dict[str, Any]:
        """A customer with all that an invoice needs of its buyer."""
        body = {"name": f"Customer {next(_numbers)}", "billing_address": BUYER_ADDRESS, **values}
        return created(self.post("/v1/customers", body))

    def tax_rate(self, **values: Any) -> dict[str, Any]:
        """A tax rate: 19 %, under a name of its own."""
        body = {"name": f"VAT {next(_numbers)}", **({} if "category" in values else {"rate": "19"}), **values}
        return created(self.post("/v1/tax-rates", body))

    def product(self, **values: Any) -> dict[str, Any]:
        """A product for 50.00, whose tax is left to the line unless it is given."""
        body = {"name": f"Product {next(_numbers)}", "unit_price": "50.00", **values}
        return created(self.post("/v1/products", body))

    def draft(self, **values: Any) -> dict[str, Any]:
        """A draft of one line; without `customer_id` for a new customer."""
        return created(self.post("/v1/invoices", self.invoice_body(**values)))

    def invoice(self, **values: Any) -> dict[str, Any]:
        """An issued invoice."""
        return self.draft(finalize=True, **values)

    def payment(self, invoice: dict[str, Any], **values: Any) -> dict[str, Any]:
        """A payment of an issued invoice: all that is due, unless an amount is given."""
        body = {"amount": invoice["amount_due"], "method": "bank_transfer", **values}
        return created(self.post(f"/v1/invoices/{invoice['id']}/payments", body))

    def mail(self, text: str = "a text", *, recipient: str = "", subject: str = "A subject") -> uuid.UUID:
        """A mail that waits in the outbox; to an address of its own unless one is given."""
        recipient = recipient or f"reader{next(_numbers)}@example.com"
        with self.app.app_context(), transaction():
            enter(self.organization_id)
            return outbox.post("test", recipient, subject, text).id

    def begin_second_factor(self) -> Authenticator:
        """A second factor that waits for its first code."""
        return Authenticator(created(self.post(FACTOR, {"password": PASSWORD}))["secret"])

    def second_factor(self) -> Authenticator:
        """A second factor by the code of the step before, so that the codes of now and of the next are left."""
        device = self.begin_second_factor()
        for _ in range(2):
            # Refused where the step ended meanwhile.
            answer = self.post(f"{FACTOR}/verify", {"code": device.code(-1)})
            if answer.status_code == 200:
                break
        assert answer.status_code == 200, answer.text
        device.recovery_codes = answer.json["recovery_codes"]
        return device

    def invoice_body(self, **values: Any) -> dict[str, Any]:
        if "customer_id" not in values:
            values["customer_id"] = self.customer()["id"]
        return {"lines": [line()], **values}

    def colleague(self, role: str, status: str = "active") -> "Tenant":
        """Another user of the same organization, made in the database, which is quicker than to invite them."""
        email = f"user{next(_numbers)}-{uuid.uuid4().hex[:8]}@example.com"
        with self.app.app_context():
            with transaction():
                enter(self.organization_id)
                user = User(email=email, email_key=fold(email), name=role, password_hash=_hash(), role=role)
                db.session.add(user)
                db.session.flush()
                grant = open_session(email, dt.timedelta(days=1))
                token = tokens.mint(user.organization_id, user.id, grant.session.id, role)
            if status != "active":
                with transaction():
                    enter(self.organization_id)
                    find(User, user.id, lock=True).status = status
        return Tenant(self.app, self.organization_id, user.id, email, token, grant.refresh_token)


def letters(tenant: Tenant, recipient: str) -> list[dict[str, str]]:
    """The mails to an address that wait in the tenant's outbox, the newest last, as their reader will see them."""
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        query = sa.select(Mail).where(Mail.organization_id == tenant.organization_id, Mail.letter.is_not(None))
        waiting = db.session.scalars(query.order_by(Mail.created_at, Mail.id)).all()
        found = [json.loads(unseal(mail.letter or "", "mail")) for mail in waiting]
    return [letter for letter in found if letter["recipient"] == recipient]


def mailed(tenant: Tenant, recipient: str) -> str:
    """The token in the newest mail to an address."""
    (token,) = re.findall(r"\b(?:inv|pr)_[\w-]{43}", letters(tenant, recipient)[-1]["text"])
    return str(token)


@functools.cache
def _hash() -> str:
    return passwords.digest(PASSWORD)


def line(**values: Any) -> dict[str, Any]:
    """A line: 2 x 50.00 at 19 %."""
    return {"description": "Work", "quantity": "2", "unit_price": "50.00", "tax_rate": "19", **values}


def sign_up(app: Flask, *, is_ready: bool = True, **values: Any) -> Tenant:
    """A new organization; when it `is_ready`, with all that an invoice needs of its seller.

    It comes in by the front door, unless it is like one that did: then it is cast in the same mould.
    """
    if not is_ready or values:
        return _sign_up(app, is_ready=is_ready, **values)
    if "mould" not in app.extensions:
        first = _sign_up(app, is_ready=True)
        with app.app_context():
            app.extensions["mould"] = Mould(first.organization_id)
        return first
    with app.app_context():
        cast = app.extensions["mould"].cast()
        token = tokens.mint(cast.organization_id, cast.user_id, cast.session_id, "owner")
    return Tenant(app, cast.organization_id, cast.user_id, cast.email, token, cast.refresh_token)


def _sign_up(app: Flask, *, is_ready: bool, **values: Any) -> Tenant:
    email = f"owner{next(_numbers)}-{uuid.uuid4().hex[:8]}@example.com"
    body = {
        "organization_name": "Analytical Engines",
        "country": "DE",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "name": "Ada Lovelace",
        "email": email,
        "password": PASSWORD,
        **values,
    }
    grant = created(app.test_client().post("/v1/auth/sign-up", json=body))
    tenant = Tenant(
        app,
        uuid.UUID(grant["organization"]["id"]),
        uuid.UUID(grant["user"]["id"]),
        body["email"],
        grant["access_token"],
        grant["refresh_token"],
    )
    if is_ready:
        # Not by a request, of which hundreds of tests would make the same.
        with app.app_context(), transaction():
            enter(tenant.organization_id, Actor("user", tenant.user_id))
            organizations.edit(lambda _: SELLER)
    return tenant


def login(
    client: FlaskClient, email: str, password: str = PASSWORD, *, headers: dict[str, str] | None = None, **members: str
) -> TestResponse:
    """The answer to a login; `code` is a member that who has a second factor gives besides."""
    return client.post("/v1/auth/login", json={"email": email, "password": password, **members}, headers=headers)


def refresh(client: FlaskClient, token: str) -> TestResponse:
    """The answer to a refresh token."""
    return client.post("/v1/auth/refresh", json={"refresh_token": token})


def created(answer: TestResponse) -> dict[str, Any]:
    """The object that was created; a refusal fails the test with its text."""
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json
    return body


def told(answer: TestResponse) -> tuple[int, str]:
    """The status of an answer, and the code of a refusal."""
    return answer.status_code, (answer.json or {}).get("code", "")


def renewed(tenant: Tenant) -> Tenant:
    """The tenant with a token that is good at this hour."""
    grant = refresh(tenant.client, tenant.refresh_token).json
    return replace(tenant, access_token=grant["access_token"], refresh_token=grant["refresh_token"])
