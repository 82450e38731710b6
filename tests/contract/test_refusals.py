"""The OpenAPI document names for each operation the refusals that it can give, and shows each of them."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from billing_api.errors import tree
from billing_api.web.fault_codes import FAULT_CODES
from tests.contract.operations import Operation, document, lacking, operations
from tests.contract.test_document import CHANGES, OF_OAUTH, WITHOUT_VERSION, is_deed

__all__ = ["document", "operations"]


def test_every_refusal_is_a_problem_with_an_example_for_each_of_its_codes(operations: list[Operation]) -> None:
    codes: dict[int, set[str]] = {}
    for kind in tree():
        codes.setdefault(kind.status, set()).add(kind.code)

    def faults(one: Operation) -> Iterator[str]:
        refusals = {status: answer for status, answer in one.answers().items() if status >= 400}
        for status, answer in refusals.items():
            if list(answer["content"]) != ["application/problem+json"]:
                yield f"{status}: application/problem+json alone"
                continue
            media = answer["content"]["application/problem+json"]
            if media["schema"] != {"$ref": "#/components/schemas/Problem"}:
                yield f"{status}: the schema of problems"
            shown = {code: one.resolved(example)["value"] for code, example in media["examples"].items()}
            if not shown.keys() & codes[status] or shown.keys() - FAULT_CODES.keys() - codes[status]:
                yield f"{status}: {sorted(shown)}"
            yield from (code for code, value in shown.items() if (value["code"], value["status"]) != (code, status))
            named = one.document["components"]["schemas"]["Problem"]["properties"].keys()
            yield from (f"{code}: what its members are" for code in shown if shown[code].keys() - named)
            if status == 422 and not shown["validation-failed"]["errors"]:
                yield "422: an example with its faults"
        headers = {401: "WWW-Authenticate", 403: "WWW-Authenticate", 409: "Retry-After", 503: "Retry-After"}
        for status in headers.keys() & refusals.keys():
            if headers[status] not in refusals[status]["headers"]:
                yield f"{status}: {headers[status]}"
        yield from (f"{status}" for status in expected_refusals(one) - refusals.keys())

    assert lacking([one for one in operations if one.path not in OF_OAUTH], faults) == []


SLOW_DOORS = {
    "POST /v1/auth/sign-up", "POST /v1/auth/login", "POST /v1/auth/accept-invitation",
    "POST /v1/auth/password-reset/confirm", "PUT /v1/me/password", "POST /v1/me/second-factor",
    "POST /v1/me/second-factor/recovery-codes", "POST /v1/me/second-factor/disable",
}  # fmt: skip
"""Where a password is hashed."""
FIXES = {("PUT", "/v1/tax-rates/{tax_rate_id}"), ("PATCH", "/v1/tax-rates/{tax_rate_id}")}
"""What cannot change once it is in use."""

TOLD_ELSEWHERE = {
    "expectation-failed", "forbidden", "import-differs", "invalid-client", "invalid-scope", "method-not-allowed",
    "organization-closed", "transfer-coding-unknown", "unsupported-grant-type",
}  # fmt: skip
"""At `/metrics`, by a command, in the form of OAuth 2, where there is no operation, or to what is hardly HTTP."""


def shown_by(one: Operation) -> set[str]:
    """The codes that an operation says it can refuse with."""
    contents = [answer.get("content", {}) for answer in one.answers().values()]
    return {code for content in contents for code in content.get("application/problem+json", {}).get("examples", {})}


def test_every_code_is_one_of_an_operation_and_none_is_one_of_all_but_those_of_the_edge(
    app: Flask, operations: list[Operation]
) -> None:
    """Plant the flaw by looking past what a function encloses, or past the registers of the house."""
    shown = [shown_by(one) for one in operations if one.path.startswith("/v1/") and one.path not in OF_OAUTH]
    assert {kind.code for kind in tree() if kind.__module__.startswith("billing_api.")} - set[str]().union(*shown) <= (
        TOLD_ELSEWHERE
    )
    edge = {"headers-too-large", "held-by-another", "internal-error", "malformed-request", "not-acceptable",
            "rate-limited", "service-unavailable", "unknown-parameter", "unreadable-request"}  # fmt: skip
    assert set[str].intersection(*shown) == edge
    by_name = {one.said["operationId"]: shown_by(one) for one in operations}
    assert "customer-has-drafts" in by_name["customers_anonymize"], "what another resource has registered"
    assert "customer-in-use" in by_name["customers_delete"], "what the row of another table forbids"
    assert "customer-email-taken" in by_name["customers_create"]
    assert not [code for code in by_name["tax_rates_create"] if code.startswith(("customer", "invoice", "payment"))]


BOUNDS: dict[str, Callable[[Operation], bool]] = {
    "idempotency-key-.*": lambda one: "Idempotency-Key" in one.parameters(),
    "csrf-token-mismatch": lambda one: one.method != "GET" and (guarded(one) or one.path == "/v1/auth/refresh"),
    "too-many-waiting": lambda one: f"{one.method} {one.path}" in SLOW_DOORS,
    "second-factor-enrolment-required": lambda one: "x-required-scope" in one.said,
    "insufficient-scope": lambda one: "x-required-scope" in one.said,
    "several-credentials": lambda one: guarded(one),
    "document-is-frozen": lambda one: one.method != "GET" and one.said["tags"][0] in {
        "invoices", "payments", "credit_notes",
    } and not one.path.endswith("/preview"),
    "(customer|product|tax-rate)-in-use": lambda one: one.method == "DELETE" or (one.method, one.path) in FIXES,
    "customer-(email|external-id)-taken": lambda one: is_written(one, "/v1/customers"),
    "product-external-id-taken": lambda one: is_written(one, "/v1/products"),
    "invitation-pending": lambda one: is_written(one, "/v1/invitations"),
    "email-registered": lambda one: one.path in {"/v1/auth/sign-up", "/v1/auth/accept-invitation"},
    "forbidden": lambda one: one.path == "/metrics",
    "out-of-range": lambda one: "limit" in one.parameters(),
}  # fmt: skip
"""Which operations can refuse with a code at most, by what a client can see of them."""
FILLED = {"idempotency-key-.*", "too-many-waiting", "several-credentials", "second-factor-enrolment-required",
          "csrf-token-mismatch", "insufficient-scope", "forbidden"}  # fmt: skip
"""Those of them with which all of these operations can refuse."""


def guarded(one: Operation) -> bool:
    return bool(one.said["security"]) and one.path.startswith("/v1/")


def is_written(one: Operation, collection: str) -> bool:
    """Whether it makes an object of this collection, or gives one its members."""
    own = re.fullmatch(f"{collection}(|/bulk|/by-external-id/.*|/[^/]+)", one.path)
    return own is not None and (one.method in {"PUT", "PATCH"} or (one.method == "POST" and "{" not in one.path))


@pytest.mark.parametrize("codes", BOUNDS)
def test_an_operation_names_no_refusal_that_it_can_never_give(operations: list[Operation], codes: str) -> None:
    """Plant the flaw by having `web.declared` yield a refusal at every door, or let any member meet a constraint."""
    problems = [one for one in operations if one.path not in OF_OAUTH]
    naming = {
        f"{one.method} {one.path}" for one in problems if any(re.fullmatch(codes, code) for code in shown_by(one))
    }
    able = {f"{one.method} {one.path}" for one in problems if BOUNDS[codes](one)}
    assert naming
    assert naming - able == set()
    assert codes not in FILLED or able == naming


def expected_refusals(one: Operation) -> set[int]:
    """What an operation can refuse with, as its method, its address and its body have it."""
    expected = {400, 500}
    if one.path.startswith("/v1/"):
        expected |= {406, 503}
    if "{" in one.path:
        expected |= {404}
    if "requestBody" in one.said:
        expected |= {413, 415, 422}
    if one.said.get("security") and one.path.startswith("/v1/") and one.path not in WITHOUT_VERSION:
        if one.method in CHANGES or is_deed(one):
            expected |= {412, 428}
        if one.method in CHANGES | {"POST"} and "{" in one.path:
            expected |= {409}
        if "Idempotency-Key" in one.parameters():
            expected |= {409, 422}
    return expected
