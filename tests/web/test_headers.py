"""What every answer carries: an id, security headers, CORS for exact origins, and what else its method promises."""

import dataclasses
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import create_app
from billing_api.database import db
from config import Config
from tests import sharing
from tests.contract.operations import Operation, document, operations
from tests.factories import Tenant
from tests.web.refusals import refused

__all__ = ["document", "operations"]

ORIGIN = "https://app.example.com"
FOREIGN = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://APP.example.com",
    "null",
    "",
    "*",
    "https://app.example.com/",
    ORIGIN + " ",
    f"{ORIGIN}, https://evil.example",
]
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
PLACES = [
    "/",
    "/health/live",
    "/v1/me",
    "/v1/customers",
    "/v1/nothing",
    "/nothing",
    "/problems/not-found",
    "/docs",
    "/openapi.json",
]

tenant = sharing.tenant


def rebuilt(config: Config, **settings: object) -> Iterator[Flask]:
    """Another application on the same database, with other settings."""
    app = create_app(dataclasses.replace(config, **settings))  # type: ignore[arg-type]  # each is of its field's type
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def hosted(config: Config, app: Flask) -> Iterator[Flask]:
    """An application that is served under one name, behind one proxy."""
    yield from rebuilt(config, trusted_hosts=("billing.example.com", ".tenants.example.com"), trusted_proxies=1)


OF_THEIR_OWN = {
    ("/docs", "Content-Security-Policy"),
    ("/problems/not-found", "Content-Security-Policy"),
    ("/openapi.json", "Cache-Control"),
}


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "TRACE"])
def test_every_answer_is_safe_in_a_browser(tenant: Tenant, method: str, path: str) -> None:
    answer = tenant.call(method, path)
    for name, value in SECURITY.items():
        if (path, name) in OF_THEIR_OWN:
            assert answer.headers[name]
        else:
            assert answer.headers[name] == value
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert not {"Set-Cookie", "X-Powered-By"} & set(answer.headers.keys())


@pytest.mark.parametrize(
    "path", ["/v1/me", "/v1/customers", "/v1/nothing", "/docs/", "/openapi.json", "/problems/not-found"]
)
@pytest.mark.parametrize("asked", [{}, {"Origin": ORIGIN}, {"Accept": "text/csv"}, {"Accept_Encoding": "gzip"}])
def test_no_header_stands_twice(tenant: Tenant, path: str, asked: dict[str, str]) -> None:
    """Plant the flaw by putting beside the others a security header that the view has set itself."""
    for method in ("GET", "HEAD", "OPTIONS", "BREW"):
        names = [name.lower() for name, _ in tenant.call(method, path, **asked).headers]
        assert len(names) == len({*names}), names


@pytest.mark.parametrize("given", ["a", "A.b_c-9", "x" * 128, "44275792-8916-48c8-a63e-5e8615978b2c"])
def test_a_request_id_comes_back_and_stands_in_the_problem(tenant: Tenant, given: str) -> None:
    assert tenant.get("/v1/me", X_Request_Id=given).headers["X-Request-Id"] == given
    answer = tenant.get("/v1/nothing", X_Request_Id=given)
    assert refused(answer, 404)["request_id"] == answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", [None, "", " ", "a b", "x" * 129, "\xe9", "<script>", "a,b", "{}", "a\x0b", '"'])
def test_what_is_no_request_id_is_replaced_by_a_new_one(tenant: Tenant, given: str | None) -> None:
    headers = {} if given is None else {"X_Request_Id": given}
    ids = {tenant.get("/v1/me", **headers).headers["X-Request-Id"] for _ in range(2)}
    assert len(ids) == 2
    assert {uuid.UUID(id).version for id in ids} == {7}


def test_an_event_knows_the_request_that_made_it(tenant: Tenant) -> None:
    tenant.post("/v1/customers", {"name": "x"}, X_Request_Id="the-request")
    assert tenant.get("/v1/events").json["data"][-1]["request_id"] == "the-request"


@pytest.mark.parametrize("path", ["/v1/me", "/v1/customers", "/v1/nothing", "/health/live"])
def test_a_listed_origin_may_read_the_answer_and_the_headers_that_it_needs(tenant: Tenant, path: str) -> None:
    answer = tenant.get(path, Origin=ORIGIN)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    needed = {"ETag", "Idempotency-Replayed", "Link", "Location", "RateLimit", "X-Request-Id", "Retry-After", "Dry-Run"}
    assert needed <= exposed
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Origin" in answer.headers["Vary"]


def test_a_browser_may_read_why_nobody_was_let_in(client: FlaskClient) -> None:
    answer = client.get("/v1/me", headers={"Origin": ORIGIN})
    refused(answer, 401)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_another_origin_is_told_nothing(tenant: Tenant, origin: str, method: str) -> None:
    answer = tenant.call(method, "/v1/me", Origin=origin, Access_Control_Request_Method="GET")
    assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Origin" in answer.headers["Vary"]


def test_a_preflight_needs_no_credential_and_admits_all_that_the_document_asks_for(
    client: FlaskClient, operations: list[Operation]
) -> None:
    """Plant the flaw by taking a word out of `_ALLOWED_HEADERS`, or PUT out of the methods."""
    schemes = operations[0].document["components"]["securitySchemes"].values()
    credentials = {scheme["name"] for scheme in schemes if scheme.get("in") == "header"}
    for one in operations:
        asked = {name for name, given in one.parameters().items() if given["in"] == "header"}
        asked |= {
            "Authorization",
            "Content-Type",
            "X-Request-Id",
            "X-CSRF-Token",
            "traceparent",
            "tracestate",
            *credentials,
        }
        headers = {
            "Origin": ORIGIN,
            "Accept": "*/*",
            "Access-Control-Request-Method": one.method,
            "Access-Control-Request-Headers": ",".join(sorted(name.lower() for name in asked)),
        }
        answer = client.options(one.path.replace("{", "").replace("}", ""), headers=headers)
        assert (answer.status_code, answer.data) == (204, b""), one
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert one.method in answer.headers["Access-Control-Allow-Methods"].split(", "), one
        allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert {name.lower() for name in asked} <= set(allowed), one
        assert answer.headers["Access-Control-Max-Age"] == "600"
        assert "Origin" in answer.headers["Vary"]


def test_a_page_may_read_every_header_that_the_document_names(tenant: Tenant, document: dict[str, Any]) -> None:
    exposed = set(tenant.get("/v1/me", Origin=ORIGIN).headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == document["components"]["headers"].keys() | {"Allow"}


def test_what_an_address_allows_is_told_whatever_is_accepted(tenant: Tenant) -> None:
    """Plant the flaw by negotiating the form of an answer that has none."""
    for accept in ("text/html", "application/json", "*/*"):
        answer = tenant.call("OPTIONS", "/v1/customers", Accept=accept, Origin=ORIGIN)
        assert (answer.status_code, answer.data) == (204, b"")
        assert {"GET", "POST", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))


def test_accept_patch_is_told_where_patches_are_taken(tenant: Tenant) -> None:
    patches = "application/merge-patch+json, application/json"
    customer = tenant.customer()["links"]["self"]
    for answer in (tenant.get(customer), tenant.call("OPTIONS", customer), tenant.patch(customer, {"name": ""})):
        assert answer.headers["Accept-Patch"] == patches
    for path in ("/v1/customers", "/v1/me/sessions", "/", "/nothing"):
        assert "Accept-Patch" not in tenant.get(path).headers


def test_a_new_object_is_named_by_a_path_without_a_host(tenant: Tenant) -> None:
    made = tenant.post("/v1/customers", {"name": "x"}, Host="evil.example")
    assert made.headers["Location"] == made.json["links"]["self"] == f"/v1/customers/{made.json['id']}"
    assert tenant.get(made.headers["Location"]).json == made.json


def from_host(app: Flask, host: str, **headers: str) -> TestResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().get("/", headers={"Host": host, **given})


@pytest.mark.parametrize(
    "host", ["billing.example.com", "BILLING.example.com:443", "a.tenants.example.com", "127.0.0.1:8000", "localhost"]
)
def test_a_host_of_the_list_is_served(hosted: Flask, host: str) -> None:
    assert from_host(hosted, host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "billing.example.com.evil.example",
        "evilbilling.example.com",
        "x.billing.example.com",
        "",
        "billing.example.com@evil.example",
        "evil.example#billing.example.com",
        "billing.example.com\\.evil.example",
        "127.0.0.1.evil.example",
        "[::1]",
        "10.0.0.1",
    ],
)
def test_another_host_is_refused(hosted: Flask, host: str) -> None:
    answer = from_host(hosted, host)
    refused(answer, 400, "unknown-host")
    assert "evil" not in answer.text
    assert "evil" not in str(answer.headers)


def test_a_forwarded_host_counts_from_a_trusted_proxy_only(hosted: Flask, app: Flask) -> None:
    refused(from_host(hosted, "localhost", X_Forwarded_Host="evil.example"), 400)
    assert from_host(hosted, "proxy.internal", X_Forwarded_Host="billing.example.com").status_code == 200
    assert from_host(app, "localhost", X_Forwarded_Host="evil.example").status_code == 200


def test_no_address_anywhere_is_made_from_the_host(tenant: Tenant) -> None:
    tenant.customer()
    invoice = tenant.draft()["links"]["self"]
    for path in ("/", "/v1/me", "/v1/customers?limit=1", invoice, "/v1/nothing", "/docs", "/openapi.json"):
        answer = tenant.get(path, Host="evil.example", X_Forwarded_Host="evil.example")
        assert "evil.example" not in answer.text + str(answer.headers)
    next_page = tenant.get("/v1/customers?limit=1").headers["Link"]
    assert re.fullmatch(r'</v1/customers\?limit=1&cursor=[A-Za-z0-9._-]+>; rel="next"', next_page)
