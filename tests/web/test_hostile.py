"""Hostile bodies, headers, paths and queries against every operation of the URL map.

Whatever is sent: no fault of the service, no page of HTML, no word from its inside; each refusal is a problem with the
id of its request; and the database never has to refuse a value that a schema let through.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing_api.web.errors import unforeseen_data
from tests import sharing
from tests.factories import PASSWORD, Tenant, line
from tests.web.attacks import VALUES, Attack, attacks
from tests.web.refusals import problem_of

PAGES = re.compile(r"/docs.*|/problems/.*|/metrics")
"""What is meant for people, or for Prometheus, and is not JSON when it succeeds."""
DOORS = ("/v1/auth/sign-up", "/v1/auth/login", "/v1/auth/refresh")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@dataclass(frozen=True)
class Operation:
    """A method of a rule, with the members that its body knows."""

    method: str
    rule: str
    members: tuple[str, ...]

    @property
    def can_be_tried(self) -> bool:
        return self.method != "GET" and self.rule.startswith("/v1/") and "/auth/" not in self.rule

    def is_aim_of(self, attack: Attack) -> bool:
        """Whether this attack makes sense here: a body where one is read, a path where it has a part to choose."""
        if attack.segment is not None:
            return "<" in self.rule
        return self.method != "GET" or attack.body is None or bool(attack.headers)


def operations(app: Flask) -> list[Operation]:
    """Every operation of the URL map, so that none is forgotten."""
    document = app.extensions["api"].document
    return [
        Operation(method, rule.rule, _members(document, PARAMETER.sub(r"{\1}", rule.rule), method))
        for rule in app.url_map.iter_rules()
        for method in sorted(METHODS & (rule.methods or set()))
    ]


def _members(document: dict[str, Any], path: str, method: str) -> tuple[str, ...]:
    operation = document["paths"].get(path, {}).get(method.lower(), {})
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        return tuple(document["components"]["schemas"].get(name, {}).get("properties", {}))
    return ()


@dataclass
class Target:
    """A tenant with one of everything, whose operations are attacked."""

    tenant: Tenant
    visitor: Tenant
    """Who may be logged out; after a logout of the tenant all else would meet a closed door."""
    customer: str
    invoice: str
    slowest: tuple[float, str] = (0, "")
    """How many seconds the slowest answer took, and what it answered."""

    def send(self, operation: Operation, attack: Attack) -> TestResponse:
        known = {"customer_id": self.customer, "invoice_id": self.invoice, "external_id": "x", "code": "not-found"}
        path = PARAMETER.sub(
            lambda match: known.get(match[1], "x") if attack.segment is None else attack.segment, operation.rule
        )
        who = self.visitor if operation.rule.endswith("/logout") else self.tenant
        # Nothing that succeeds may change the target for the attacks after it.
        query = "dry_run=true" if not attack.query and operation.can_be_tried else attack.query
        started = time.perf_counter()
        answer = self.tenant.client.open(
            f"{path}?{query}" if query else path,
            method=operation.method,
            data=attack.body if operation.method != "GET" else None,
            headers={"Content-Type": attack.content_type, **who.headers, **attack.headers},
        )
        taken = time.perf_counter() - started
        self.slowest = max(self.slowest, (taken, f"{operation.method} {operation.rule}: {attack.name}"))
        return answer


tenant = sharing.tenant


@pytest.fixture
def target(tenant: Tenant) -> Target:
    customer = tenant.put("/v1/customers/by-external-id/x", {"name": "x"}).json["id"]
    return Target(tenant, tenant.colleague("viewer"), customer, tenant.draft(customer_id=customer)["id"])


@pytest.fixture(
    params=[20, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids="one in {}".format
)
def share(request: pytest.FixtureRequest) -> int:
    """One pair of attack and operation in so many is sent; each attack meets several operations all the same."""
    share: int = request.param
    return share


@pytest.fixture(autouse=True)
def _nothing_unforeseen(app: Flask) -> Iterator[None]:
    """The last resort, a value that only the database refuses, is not needed by any test here."""
    before = unforeseen_data._value.get()
    yield
    assert unforeseen_data._value.get() == before


@pytest.fixture(autouse=True)
def _still_inside(tenant: Tenant) -> Iterator[None]:
    """No attack has closed the door before those that came after it."""
    yield
    assert tenant.get("/v1/me").status_code == 200


OF_OAUTH = {"/v1/auth/token"}
"""Refuses in a form of its own (RFC 6749)."""


def told_as_oauth(answer: TestResponse) -> None:
    assert answer.mimetype == "application/json"
    assert answer.json.keys() == {"error", "error_description"}


def check(operation: Operation, name: str, answer: TestResponse) -> None:
    """What holds for every answer. The name of the attack is told where it does not."""
    told = f"{operation.method} {operation.rule}: {name}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, told
    assert "X-Evil" not in answer.headers, told
    assert "evil.example" not in str(answer.headers), told
    assert answer.headers["X-Request-Id"], told
    if answer.status_code >= 400:
        try:
            # Where the host cannot be read, nobody knows yet which operation is meant.
            is_nowhere = name.startswith("Host:") and answer.status_code == 400 and "code" in answer.json
            told_as_oauth(answer) if operation.rule in OF_OAUTH and not is_nowhere else problem_of(answer)
        except AssertionError as error:
            raise AssertionError(told) from error
    elif answer.status_code not in {204, 304} and not PAGES.fullmatch(operation.rule):
        assert answer.mimetype == "application/json", told
        json.loads(answer.data)


def test_there_are_enough_attacks_and_no_operation_is_left_out(app: Flask) -> None:
    assert len(list(attacks())) + len(VALUES) >= 200
    found = operations(app)
    assert {operation.rule for operation in found} == {rule.rule for rule in app.url_map.iter_rules()}
    assert any("lines" in operation.members for operation in found)
    assert any("password" in operation.members for operation in found)


def test_no_attack_upsets_any_operation(app: Flask, target: Target, share: int) -> None:
    count = 0
    for number, operation in enumerate(operations(app)):
        aimed = [attack for attack in attacks() if operation.is_aim_of(attack)]
        for attack in aimed[number % share :: share]:
            check(operation, attack.name, target.send(operation, attack))
            count += 1
    print(f"{count} attacks, the slowest answer after {target.slowest[0]:.2f} s: {target.slowest[1]}")
    assert count * share > 15_000


def test_no_value_in_any_member_upsets_any_operation(app: Flask, target: Target, share: int) -> None:
    honest = {"lines": [line()], "customer_id": target.customer, "name": "x"}
    for number, operation in enumerate(operations(app)):
        if operation.rule.startswith("/v1/auth/"):
            continue  # They have a test of their own.
        rest = {name: value for name, value in honest.items() if name in operation.members}
        pairs = list(product(operation.members, VALUES.items()))
        for member, (name, value) in pairs[number % share :: share]:
            body = json.dumps({**rest, member: value}).encode()
            check(operation, f"{member} = {name}", target.send(operation, Attack(name, body)))
    print(f"The slowest answer came after {target.slowest[0]:.2f} s: {target.slowest[1]}")


@pytest.mark.parametrize(
    ("part", "schema"), [("lines", "LineInput"), ("allowances", "AdjustmentInput"), ("charges", "AdjustmentInput")]
)
def test_no_value_in_any_member_of_a_part_upsets_a_draft(
    app: Flask, target: Target, share: int, part: str, schema: str
) -> None:
    members = app.extensions["api"].document["components"]["schemas"][schema]["properties"]
    whole = line() if part == "lines" else {"amount": "1.00"}
    operation = Operation("POST", "/v1/invoices", ("lines",))
    pairs = list(product(members, VALUES.items()))
    for member, (name, value) in pairs[:: max(1, share // 3)]:
        body = {"customer_id": target.customer, "lines": [line()], part: [{**whole, member: value}]}
        answer = target.send(operation, Attack(name, json.dumps(body).encode()))
        check(operation, f"{part}/{member} = {name}", answer)


@pytest.mark.parametrize("rule", DOORS)
def test_no_value_upsets_the_doors(app: Flask, rule: str) -> None:
    """Sign-up hashes a password for each body that is good otherwise, so each of its members is attacked in a bad one;
    a login hashes for each address that it can look for, so few of those are sent."""
    client = app.test_client()
    operation = next(operation for operation in operations(app) if operation.rule == rule)
    good = {"email": "a@example.com", "password": PASSWORD, "refresh_token": "rt_x", "name": "x", "currency": "?"}
    rest = {name: value for name, value in good.items() if name in operation.members}
    few = {"NUL", "a surrogate", "a statement"}
    for member, (name, value) in product(operation.members, VALUES.items()):
        if rule.endswith("/login") and isinstance(value, str) and name not in few:
            continue
        answer = client.post(rule, data=json.dumps({**rest, member: value}), content_type="application/json")
        check(operation, f"{member} = {name}", answer)
        assert answer.status_code in {400, 401, 422}, (member, name)


NOWHERE = """
//v1//customers /v1//customers /v1/customers/ /v1 /v1/ /V1/customers /. /.. /%2e%2e/ /v1/customers/../me /index.php
/.git/config /static/x /docs/%2e%2e/%2e%2e/config.py /docs/../x /%00 /%ff /\\ /v1/customers;x /v1/customers%20
/v1/customers/%2f http://evil.example/ /docs//evil.example //evil.example /%0d%0aX-Evil:1
"""


@pytest.mark.parametrize("path", [*NOWHERE.split(), "/" + "a" * 8000], ids=lambda path: path[:40])
def test_a_path_that_leads_nowhere_is_a_problem_and_never_a_redirect(tenant: Tenant, path: str) -> None:
    raw = unquote_to_bytes(path).decode("latin-1")
    for method in METHODS:
        # Past the client of the tests, which would take `//x` for the name of a host.
        answer = tenant.client.open(
            "/",
            method=method,
            environ_overrides={"PATH_INFO": raw, "HTTP_HOST": "evil.example"},
            headers=tenant.headers,
        )
        assert answer.status_code in {400, 404, 405}, (method, answer.text[:200])
        problem_of(answer)
        assert not {"Location", "X-Evil"} & set(answer.headers.keys())


def test_slashes_before_a_path_count_as_one_and_lead_to_no_other_host(tenant: Tenant) -> None:
    tenant.customer()
    tenant.customer()
    target = {"PATH_INFO": "//v1/customers", "QUERY_STRING": "limit=1", "HTTP_HOST": "evil.example"}
    answer = tenant.client.get("/", environ_overrides=target, headers=tenant.headers)
    assert answer.status_code == 200
    assert answer.headers["Link"].startswith("</v1/customers?")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW", "A" * 500, "<script>"])
def test_a_method_of_which_nobody_has_heard_is_405(tenant: Tenant, method: str) -> None:
    for path in ("/", "/v1/me", "/v1/customers", "/health/live", "/problems/not-found"):
        answer = tenant.client.open(path, method=method, headers=tenant.headers)
        assert answer.status_code == 405
        problem_of(answer)
        assert {"HEAD", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))
        assert method not in answer.headers["Allow"]
