"""Two tenants, and the database as its owner and as the service see it."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from tests.factories import PASSWORD, Tenant, line, mailed, sign_up
from tests.schema import connected

Pair = tuple[Tenant, Tenant]


@pytest.fixture(scope="module")
def pair(app: Flask) -> Pair:
    """Two tenants who own one of everything."""
    return furnished(app)


def furnished(app: Flask) -> Pair:
    """Two new tenants who own one of everything; what belongs to each carries its mark."""
    owners = sign_up(app, organization_name="alpha-works"), sign_up(app, organization_name="beta-works")
    for mark, owner in zip(("alpha", "beta"), owners, strict=True):
        customer = owner.customer(name=f"{mark}-customer", external_id="C-1", email="shared@example.com")
        product = owner.product(name=f"{mark}-product", tax_rate_id=owner.tax_rate(name=f"{mark}-tax")["id"])
        owner.product(name=f"{mark}-other", tax_rate_id=owner.tax_rate(name=f"{mark}-rest")["id"])
        taken = {"product_id": product["id"], "quantity": "1"}
        parts = {"allowances": [{"percent": "1"}], "lines": [line(allowances=[{"amount": "1.00"}]), taken]}
        owner.draft(customer_id=customer["id"], notes=f"{mark}-note", **parts)
        invoice = owner.invoice(customer_id=customer["id"], notes=f"{mark}-note", **parts)
        payment = owner.payment(invoice, amount="1000.00", overpayment="balance", reference=f"{mark}-reference")
        refund = {"amount": "1.00", "reference": f"{mark}-reference"}
        assert owner.post(f"/v1/payments/{payment['id']}/refunds", refund).status_code == 201
        freight = {"amount": "9.00", "tax_category": "S", "tax_rate": "7"}
        credited = owner.invoice(customer_id=customer["id"], charges=[freight])
        body = {"invoice_id": credited["id"], "reason": f"{mark}-reason"}
        assert owner.post("/v1/credit-notes", body).status_code == 201
        assert owner.post("/v1/api-keys", {"name": f"{mark}-key", "scopes": ["events:read"]}).status_code == 201
        stored = owner.post("/v1/customers", {"name": f"{mark}-stored"}, Idempotency_Key="the-same-key")
        assert stored.status_code == 201
        owner.mail(f"{mark}-text")
        owner.colleague("viewer").second_factor()
        guest = {"email": f"{mark}-guest-{owner.email}", "role": "viewer", "name": f"{mark}-guest"}
        assert owner.post("/v1/invitations", guest).status_code == 201
        accepted = {"token": mailed(owner, guest["email"]), "password": PASSWORD}
        assert owner.client.post("/v1/auth/accept-invitation", json=accepted).status_code == 201
        assert owner.client.post("/v1/auth/password-reset", json={"email": owner.email}).status_code == 202
    return owners


@pytest.fixture
def owner_cursor(addresses: Addresses, app: Flask) -> Iterator[Any]:
    """The owner's, for whom there is no wall. A connection for each test, so that none inherits a transaction."""
    with connected(addresses.owner) as cursor:
        yield cursor


@pytest.fixture
def service_cursor(addresses: Addresses, app: Flask) -> Iterator[Any]:
    with connected(addresses.service) as cursor:
        yield cursor
