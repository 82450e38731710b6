"""Ways to what is told of a request as such: its address, its headers, its JSON, its credential."""

import dataclasses
from typing import Any

from werkzeug.test import TestResponse

from billing_api import create_app
from billing_api.database import db
from tests.factories import PASSWORD, Tenant
from tests.problems.scene import Scene, Way, asking, lying

CUSTOMERS = "/v1/customers"
ABSENT = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"


def reused_key(scene: Scene) -> TestResponse:
    assert scene.tenant.post(CUSTOMERS, {"name": "A"}, Idempotency_Key="once").status_code == 201
    return scene.tenant.post(CUSTOMERS, {"name": "B"}, Idempotency_Key="once")


def stale(scene: Scene) -> TestResponse:
    return scene.tenant.patch(scene.tenant.customer()["links"]["self"], {"name": "B"}, If_Match='"9"')


def unguarded(scene: Scene) -> TestResponse:
    tenant = scene.alone()
    assert tenant.patch("/v1/organization", {"require_if_match": True}).status_code == 200
    return tenant.patch(tenant.customer()["links"]["self"], {"name": "B"})


def without_csrf_token(scene: Scene) -> TestResponse:
    page, body = scene.client, {"email": scene.tenant.email, "password": PASSWORD, "session": "cookie"}
    assert page.post("/v1/auth/login", json=body, base_url="https://localhost").status_code == 200
    return page.post(CUSTOMERS, json={"name": "A"}, base_url="https://localhost")


def two_conflicts(scene: Scene) -> TestResponse:
    """Of several kinds, so that the whole has no other name."""
    tenant = scene.alone()
    tenant.customer(email="conflict@example.com", external_id="conflict")
    items = [{"name": "A", "email": "conflict@example.com"}, {"name": "B", "external_id": "conflict"}]
    return tenant.post(f"{CUSTOMERS}/bulk?atomic=true", {"items": items})


def elsewhere(scene: Scene, ask: Any, **settings: Any) -> TestResponse:
    """The answer of a service with other settings on the same database."""
    app = create_app(dataclasses.replace(scene.config, **settings))
    try:
        answer: TestResponse = ask(Tenant(**{**vars_of(scene.tenant), "app": app}))
        return answer
    finally:
        with app.app_context():
            db.engine.dispose()


def vars_of(tenant: Tenant) -> dict[str, Any]:
    return {one.name: getattr(tenant, one.name) for one in dataclasses.fields(tenant) if one.init}


def at_another_host(scene: Scene) -> TestResponse:
    hosts = ("billing.example.com",)
    return elsewhere(scene, lambda there: there.get("/v1/me", Host="evil.example"), trusted_hosts=hosts)


def too_often(scene: Scene) -> TestResponse:
    return elsewhere(scene, lambda there: [there.get("/v1/me") for _ in range(2)][-1], rate_limit=1)


def from_afar(scene: Scene) -> TestResponse:
    return scene.client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"})


WAYS: dict[str, Way] = {
    "conflict": two_conflicts,
    "csrf-token-mismatch": without_csrf_token,
    "cursor-malformed": asking("GET", f"{CUSTOMERS}?cursor=x"),
    "forbidden": from_afar,
    "idempotency-key-malformed": asking("POST", CUSTOMERS, {"name": "A"}, Idempotency_Key="a b"),
    "idempotency-key-reused": reused_key,
    "malformed-request": lying("{"),
    "method-not-allowed": asking("PUT", "/v1/me"),
    "not-acceptable": asking("GET", "/v1/me", Accept="application/xml"),
    "not-found": asking("GET", f"{CUSTOMERS}/{ABSENT}"),
    "payload-too-large": lying(" " * 2_000_000),
    "precondition-failed": stale,
    "precondition-required": unguarded,
    "rate-limited": too_often,
    "repeated-parameter": asking("GET", f"{CUSTOMERS}?limit=1&limit=2"),
    "several-credentials": asking("GET", "/v1/me", X_API_Key="bk_x"),
    "unauthenticated": lambda scene: scene.client.get("/v1/me"),
    "unknown-host": at_another_host,
    "unknown-parameter": asking("GET", f"{CUSTOMERS}?colour=red"),
    "unsupported-media-type": asking("POST", CUSTOMERS, {"name": "A"}, Content_Type="text/plain"),
    "validation-failed": asking("POST", CUSTOMERS, {"colour": "red"}),
}
