"""What a method and an Accept header get, at every operation of the document and not at samples."""

import re

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.contract.operations import Operation, document, operations
from tests.factories import Tenant, line, sign_up
from tests.reports.deeds import act, pay
from tests.web.refusals import problem_of, refused

__all__ = ["document", "operations"]

HOMES = {
    "customer_id": "customers", "invoice_id": "invoices", "payment_id": "payments", "credit_note_id": "credit-notes",
    "product_id": "products", "tax_rate_id": "tax-rates", "series_id": "number-series", "refund_id": "refunds",
    "key_id": "api-keys", "user_id": "users", "invitation_id": "invitations", "session_id": "me/sessions",
    "entry_id": "audit-log",
}  # fmt: skip
"""The list in which an id of this name is found."""
FIXED = {"code": "not-found", "external_id": "x"}
ABSENT = "00000000-0000-7000-8000-000000000000"
CHANGING = {"X-Request-Id", "Date", "RateLimit"}
OF_OAUTH = {"/v1/auth/token"}
"""Refuses in a form of its own (RFC 6749)."""
STRANGE = ("TRACE", "CONNECT", "QUERY", "PROPFIND", "BREW", "A" * 500)
JSON, CSV, PROBLEM = "application/json", "text/csv", "application/problem+json"


@pytest.fixture(scope="module")
def seller(app: Flask) -> Tenant:
    """A tenant with one of everything that can be read, and two invoices and events."""
    tenant = sign_up(app)
    tenant.tax_rate()
    tenant.product()
    tenant.post("/v1/api-keys", {"name": "A shop", "scopes": ["events:read"]})
    tenant.post("/v1/invitations", {"email": f"guest-{tenant.email}", "role": "viewer"})
    invoice = tenant.invoice()
    tenant.draft(lines=[line(quantity="3")])
    payment = pay(tenant, invoice, "150.00", overpayment="balance")
    act(tenant, f"/v1/payments/{payment['id']}/refunds", {"amount": "1.00", "method": "card"})
    act(tenant, "/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"})
    return tenant


def place_of(one: Operation, known: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: known.get(part[1], FIXED.get(part[1], ABSENT)), one.path)


def allowed(operations: list[Operation]) -> dict[str, set[str]]:
    """The methods that each address takes."""
    found: dict[str, set[str]] = {}
    for one in operations:
        found.setdefault(place_of(one, {}), {"OPTIONS"}).update(
            {one.method, "HEAD"} if one.method == "GET" else {one.method}
        )
    return found


def of(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in CHANGING}


def test_head_says_of_everything_what_get_says(seller: Tenant, operations: list[Operation]) -> None:
    """Plant the flaw by tagging for GET alone, or by leaving out the link to the next page."""
    listed = {name: seller.get(f"/v1/{home}?limit=1").json["data"] for name, home in HOMES.items()}
    known = {name: items[0]["id"] for name, items in listed.items()}
    met: set[str] = set()
    for one in operations:
        if one.method != "GET":
            continue
        path = place_of(one, known) + ("?limit=1" if "limit" in one.parameters() else "")
        get, head = seller.get(path), seller.call("HEAD", path)
        assert (get.status_code, head.status_code, head.data) == (200, 200, b""), (path, get.text)
        told = [of(get), of(head)]
        if one.path == "/metrics":
            # It counts the request before it.
            for each in told:
                assert each.pop("Content-Length")
        assert told[0] == told[1], path
        met |= told[1].keys()
    assert {"ETag", "Link", "Content-Length", "Accept-Patch", "RateLimit-Policy"} <= met


def test_options_names_exactly_the_methods_of_every_address(app: Flask, operations: list[Operation]) -> None:
    for path, methods in allowed(operations).items():
        answer = app.test_client().options(path)
        assert (answer.status_code, answer.data) == (204, b""), path
        named = answer.headers["Allow"].split(", ")
        assert (set(named), len(named)) == (methods, len(methods)), path
        assert "Content-Type" not in answer.headers


def test_every_other_method_is_405_at_every_address_and_names_those(
    app: Flask, seller: Tenant, operations: list[Operation]
) -> None:
    """Who has no credential is told so too. Plant the flaw by letting Flask add a method to a rule."""
    plain = app.test_client()
    for path, methods in allowed(operations).items():
        others = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", *STRANGE} - methods
        for method in sorted(others):
            for client, headers in ((seller.client, seller.headers), (plain, {})):
                answer = client.open(path, method=method, headers=headers)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["Allow"].split(", ")) == methods, (method, path)
                if method == "HEAD":
                    assert answer.data == b""
                else:
                    problem_of(answer)


ACCEPTED = [
    ("*/*", JSON), ("application/*", JSON), (JSON, JSON), ("APPLICATION/JSON", JSON), ("", JSON),
    ("application/json; charset=utf-8", JSON), ("text/html;q=0.9, application/json;q=0.1", JSON),
    ("text/csv;q=0.1, application/*;q=0.2", JSON), (PROBLEM, JSON), (f"text/html, {PROBLEM};q=0.1", JSON),
    ("text/html", None), ("image/*", None), ("*/*;q=0", None), (f"{JSON};q=0", None), (f"{PROBLEM};q=0", None),
    ("application/xml, text/plain;q=0.5", None), (CSV, CSV), ("text/*", CSV), (f"{JSON};q=0, */*;q=0.5", CSV),
    (f"{JSON};q=0.1, {CSV};q=0.2", CSV),
]  # fmt: skip
"""What is asked for and what it gets; where there is no table, only what JSON is in."""


@pytest.mark.parametrize(("accept", "kind"), ACCEPTED)
def test_accept_chooses_at_every_operation_that_reads(
    seller: Tenant, operations: list[Operation], accept: str, kind: str | None
) -> None:
    """Plant the flaw by matching refusals by a wildcard, so that JSON comes to who has said `application/json;q=0`."""
    for one in operations:
        if one.method != "GET" or "{" in one.path or not one.path.startswith("/v1/"):
            continue
        offered = one.answer(200)["content"].keys()
        answer = seller.get(f"{one.path}{'?limit=1' * ('limit' in one.parameters())}", Accept=accept)
        wanted = kind if kind in offered else JSON if accept == f"{JSON};q=0.1, {CSV};q=0.2" else None
        if wanted is None:
            refused(answer, 406)
        else:
            assert (answer.status_code, answer.mimetype) == (200, wanted), one.path


def test_what_nobody_could_read_is_refused_before_anything_is_done(seller: Tenant, operations: list[Operation]) -> None:
    """Plant the flaw by looking at Accept after the view."""
    before = [seller.get(f"/v1/{home}?limit=100").json["data"] for home in ("events", "customers", "invoices")]
    for one in operations:
        if one.path.startswith("/v1/") and one.path not in OF_OAUTH:
            answer = seller.call(one.method, place_of(one, {}), Accept="text/html;q=0.9, image/*")
            refused(answer, 406)
    assert [seller.get(f"/v1/{home}?limit=100").json["data"] for home in ("events", "customers", "invoices")] == before
