"""Every refusal has one form, from 400 to 503, and a page that says what it means and what to do."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadRequestKeyError, Gone, ImATeapot, RequestTimeout
from werkzeug.test import TestResponse

from billing_api import create_app
from billing_api.errors import BillingError, Unavailable, tree
from billing_api.web.auth import public
from billing_api.web.parser import flaws
from config import Config
from tests.factories import Tenant, line
from tests.web.refusals import LEAKS, codes, problem_of, refused

CANARY = "canary-4111111111111111"


def kinds() -> list[type[BillingError]]:
    """Every refusal of the service itself."""
    return sorted({kind for kind in tree() if kind.__module__.startswith("billing_api.")}, key=lambda kind: kind.code)


def test_each_code_is_one_refusal_and_has_the_status_of_its_family(app: Flask) -> None:
    found = kinds()
    assert len(found) > 25
    assert len({kind.code for kind in found}) == len(found)
    for kind in found:
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", kind.code), kind
        assert 400 <= kind.status <= 503, kind
        family = kind.__mro__[kind.__mro__.index(BillingError) - 1]
        assert kind.status == family.status, kind
        assert "title" in vars(kind), f"{kind} has the title of its family"
        assert not kind.title.endswith("."), kind


KEPT = {
    "invalid-credentials": "the audit log has who was refused, and why",
    "refresh-token-in-exchange": "how long further twins of this request are waited for",
    "refresh-token-reused": "the end of the session, which is in two hands",
    "second-factor-refused": "the audit log has that somebody knows the password, and no code",
    "second-factor-required": "the audit log has that somebody knows the password",
    "too-many-codes": "the audit log has that somebody knows the password",
    "wrong-code": "the audit log has who was refused",
}
"""What each refusal writes that must stay; every other one undoes all."""


def test_a_refusal_that_keeps_what_it_wrote_is_one_of_these(app: Flask) -> None:
    assert {kind.code for kind in kinds() if kind.keeps} == KEPT.keys()


def test_each_code_has_a_page_for_people_and_for_programs(app: Flask, client: FlaskClient) -> None:
    """Plant the flaw by not saying that the answer varies: a cache would show a program the page."""
    for kind in kinds():
        path = f"/problems/{kind.code}"
        page = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (page.status_code, page.mimetype) == (200, "text/html"), kind
        assert kind.code in page.text
        known = client.get(path, headers={"Accept": "application/json"})
        assert (known.status_code, known.mimetype) == (200, "application/json")
        assert (known.json["code"], known.json["title"], known.json["status"]) == (kind.code, kind.title, kind.status)
        assert len(known.json["detail"]) > 30, kind
        assert all({"Accept", "Origin"} == set(answer.vary) for answer in (page, known)), kind
        assert not LEAKS.search(known.text), kind


@pytest.mark.parametrize(
    "code", ["x", "Not-Found", "billing-error", "%3Cscript%3E", "__init__", "a" * 300, "%F0%9F%98%80"]
)
def test_a_code_that_is_none_has_no_page(client: FlaskClient, code: str) -> None:
    refused(client.get(f"/problems/{code}"), 404, "not-found")


def refusals(tenant: Tenant) -> Iterator[tuple[int, str, TestResponse]]:
    """One request for each status that a client can bring about."""
    customer, draft = tenant.customer(email="taken@example.com")["links"]["self"], tenant.draft()["links"]["self"]
    tenant.post(f"{draft}/finalize")
    text = {"data": "x", "content_type": "text/plain", "headers": tenant.headers}
    big: dict[str, Any] = {"data": b" " * 2_000_000, "content_type": "application/json", "headers": tenant.headers}
    yield 400, "malformed-request", tenant.post_text("/v1/customers", "{")
    yield 400, "unknown-parameter", tenant.get("/v1/customers?x=1")
    yield 400, "malformed-request", tenant.get("/v1/customers?x=1&limit=1&limit=2")
    yield 422, "required", tenant.post("/v1/customers", {})
    yield 400, "several-credentials", tenant.get("/v1/me", X_API_Key="bk_x")
    yield 401, "unauthenticated", tenant.client.get("/v1/me")
    yield 401, "invalid-credentials", tenant.client.post("/v1/auth/login", json={"email": "a@b.de", "password": "x"})
    yield 403, "insufficient-scope", tenant.colleague("viewer").post("/v1/customers", {"name": "x"})
    yield 404, "not-found", tenant.get("/v1/nothing")
    yield 404, "not-found", tenant.get(f"{customer}0")
    yield 405, "method-not-allowed", tenant.post("/v1/me")
    yield 406, "not-acceptable", tenant.get("/v1/me", Accept="application/xml")
    yield 409, "customer-email-taken", tenant.post("/v1/customers", {"name": "x", "email": "TAKEN@example.com"})
    yield 409, "invalid-transition", tenant.patch(draft, {"notes": "x"})
    yield 412, "precondition-failed", tenant.patch(customer, {"name": "x"}, If_Match='"9"')
    yield 413, "payload-too-large", tenant.client.post("/v1/customers", **big)
    yield 415, "unsupported-media-type", tenant.client.post("/v1/customers", **text)
    yield 422, "validation-failed", tenant.post("/v1/customers", {"x": 1})
    yield (
        422,
        "customer-not-found",
        tenant.post("/v1/invoices", {**tenant.invoice_body(), "customer_id": str(tenant.user_id)}),
    )


def test_every_status_has_the_one_form_and_its_own_headers(tenant: Tenant) -> None:
    for status, code, answer in refusals(tenant):
        assert answer.status_code == status, (code, answer.text)
        problem = problem_of(answer)
        assert problem["code"] == code
        assert problem["instance"] == answer.request.path
        assert tenant.client.get(problem["type"]).status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert ("WWW-Authenticate" in answer.headers) == (status in {401, 403})
        assert ("Allow" in answer.headers) == (status == 405)


def test_a_refusal_is_json_whatever_the_client_would_rather_have(tenant: Tenant) -> None:
    for accept in ("text/html", "application/xml", "image/*", "application/json;q=0", "*/*;q=0"):
        for path in ("/v1/me", "/nothing", "/v1/nothing"):
            answer = tenant.client.get(path, headers={"Accept": accept})
            assert answer.status_code in {401, 404, 406}
            problem_of(answer)


def test_a_fault_is_told_at_its_place_however_deep_and_all_of_them_at_once(tenant: Tenant) -> None:
    lines = [line(), line(quantity="x", charges=[{"amount": "1"}, {"amount": "y", "x/~y": 1}]), 7]
    body = {"customer_id": "x", "lines": lines, "billing_period": {"start_date": "2026-02-30"}, "": 1, "metadata": 1}
    answer = tenant.post("/v1/invoices", body)
    problem = refused(answer, 422, "validation-failed")
    assert codes(answer) == {
        ("/customer_id", "not-an-id"),
        ("/lines/1/quantity", "not-a-decimal"),
        ("/lines/1/charges/1/amount", "not-a-decimal"),
        ("/lines/1/charges/1/x~1~0y", "unknown-member"),
        ("/lines/2", "not-an-object"),
        ("/billing_period/start_date", "not-a-date"),
        ("/billing_period/end_date", "required"),
        ("/", "unknown-member"),
        ("/metadata", "not-an-object"),
    }
    assert problem["detail"] == "9 faults in the body."


def test_all_wrong_parameters_are_told_at_once(tenant: Tenant) -> None:
    answer = tenant.get("/v1/customers?a=1&b=2&limit=1&limit=2")
    refused(answer, 400)
    assert codes(answer) == {("a", "unknown-parameter"), ("b", "unknown-parameter"), ("limit", "repeated-parameter")}
    answer = tenant.get("/v1/customers?limit=0&sort=x&updated_since=y")
    refused(answer, 400)
    assert codes(answer) == {("limit", "out-of-range"), ("sort", "not-a-choice"), ("updated_since", "not-an-instant")}


def test_wrong_values_are_told_beside_parameters_that_are_unknown_or_stand_twice(tenant: Tenant) -> None:
    """Plant the flaw by looking at the values only where all names are known. Of a value that stands twice neither is
    judged."""
    answer = tenant.get("/v1/invoices?colour=red&sort=x&limit=0&limit=-1&total_min=1&status=paid")
    refused(answer, 400, "malformed-request")
    assert codes(answer) == {
        ("colour", "unknown-parameter"),
        ("limit", "repeated-parameter"),
        ("sort", "not-a-choice"),
        ("total_min", "currency-required"),
    }
    answer = tenant.post("/v1/customers/bulk?atomic=perhaps&dry_run=perhaps&colour=red", {"items": []})
    refused(answer, 400, "malformed-request")
    assert codes(answer) == {
        ("colour", "unknown-parameter"),
        ("dry_run", "not-a-boolean"),
        ("atomic", "not-a-boolean"),
    }


def test_the_rest_of_a_refusal_says_nothing_of_what_was_sent(tenant: Tenant) -> None:
    """A value that does not fit may be a secret in the wrong place."""
    for body in ({"name": 1, "email": CANARY}, {"name": "x", "locale": CANARY}, {"name": "x", "type": CANARY}):
        answer = tenant.post("/v1/customers", body)
        refused(answer, 422)
        assert CANARY not in answer.text
    assert CANARY not in tenant.get("/v1/me", Authorization=f"Bearer {CANARY}").text
    assert CANARY not in tenant.client.get("/v1/customers", headers={"X-API-Key": CANARY}).text


def test_a_message_without_a_code_still_has_its_place() -> None:
    assert [(fault.pointer, fault.code) for fault in flaws({"a": {0: {"_schema": ["wrong"]}}})] == [
        ("/a/0", "validation-failed")
    ]


class Unforeseen(Exception):
    """What nobody has thought of, with text that must not be seen."""


def _driver(state: str | None) -> OperationalError:
    class Original(psycopg2.OperationalError):
        pgcode = state

    return OperationalError(f"SELECT '{CANARY}'", {"x": CANARY}, Original(CANARY))


FAULTS: dict[str, tuple[Exception, int]] = {
    "unforeseen": (Unforeseen(CANARY), 500),
    "key": (KeyError(CANARY), 500),
    "recursion": (RecursionError(CANARY), 500),
    "memory": (MemoryError(CANARY), 500),
    "value": (ValueError(CANARY), 500),
    "unicode": (UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY), 500),
    "sql": (_driver("42601"), 500),
    "form": (BadRequestKeyError(CANARY), 400),
    "teapot": (ImATeapot(CANARY), 500),
    "gone": (Gone(CANARY), 500),
    "slow": (RequestTimeout(CANARY), 500),
    "away": (_driver(None), 503),
    "shutdown": (_driver("57P01"), 503),
    "full": (_driver("53100"), 503),
    "read-only": (_driver("25006"), 503),
    "locked": (_driver("55P03"), 503),
    "unavailable": (Unavailable("Later.", retry_after=7), 503),
}


@pytest.fixture(scope="module")
def faulty(config: Config) -> Flask:
    """An application with a view that raises what its path names."""
    app = create_app(config)

    @public()
    def fail(name: str) -> None:
        raise FAULTS[name][0]

    app.add_url_rule("/faults/<name>", view_func=fail)
    return app


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_service_tells_nothing_but_where_to_look(
    faulty: Flask, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    answer = faulty.test_client().get(f"/faults/{name}", headers={"X-Request-Id": "look-here"})
    problem = refused(answer, FAULTS[name][1])
    assert CANARY not in answer.text + str(answer.headers)
    if answer.status_code == 500:
        assert (problem["detail"], problem["errors"]) == ("Internal error.", [])
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err
    if answer.status_code >= 500:
        assert '"event":"failure"' in printed.out
        assert '"request_id":"look-here"' in printed.out
        assert "test_problems.py" in printed.out or name == "unavailable"
