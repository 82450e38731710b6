"""What schemathesis must be told about this service: who calls, values that only it can make, and rules of business."""

import functools
import itertools
import os
import time
import uuid
from typing import Any
from zoneinfo import available_timezones

import requests
import schemathesis
from hypothesis import strategies as st

RULES = frozenset(
    {
        # Of a whole document: what it may be depends on its currency, its categories, its parties and each other.
        "allowance-needs-category", "amount-mismatch", "amount-missing", "amount-too-large",
        # Of money: what is due, and what is there.
        "allocation-twice", "allocations-exceed-amount", "amount-exceeds-available", "amount-exceeds-due",
        "amount-not-positive", "credit-comes-to-nothing", "currency-mismatch", "customer-mismatch",
        "date-before-source", "date-in-future",
        # Of credits: what of the invoice remains, and what is the invoice's own.
        "credit-charge-unknown", "credit-line-unknown", "credit-line-twice", "credit-charge-twice",
        "credit-note-negative", "credit-note-not-ready", "issue-date-before-invoice", "not-with-invoice-id",
        "only-with-invoice-id", "quantity-and-amount", "quantity-exceeds-remaining", "amount-exceeds-remaining",
        "quantity-not-creditable", "amount-not-creditable", "credit-exceeds-invoice", "credit-reverses-sign",
        "base-quantity-not-positive", "components-mismatch", "currency-required", "customer-archived",
        "customer-not-found", "due-before-issue", "exemption-not-allowed", "exchange-rate-not-positive",
        "increment-not-positive", "invoice-not-found", "invoice-not-ready", "issue-date-in-future",
        "mutually-exclusive", "net-terms-too-long", "period-runs-backwards", "product-archived",
        "product-currency-mismatch", "product-not-found", "product-price-mode-mismatch", "price-mismatch",
        "price-missing", "tax-duplicate", "tax-name-required", "tax-rate-archived", "tax-rate-not-found",
        "tax-rate-not-allowed", "tax-rate-required", "taxes-twice", "too-many-decimals", "total-mismatch",
        # Of a calendar, the list of time zones, the state of what is patched, and what no mail can reach.
        "not-a-date", "out-of-range", "not-a-choice", "required", "not-an-email",
        # Of the pattern of a number series: which tokens it has, how often, and how long its numbers get.
        "pattern-character", "pattern-counter", "pattern-needs-year", "pattern-token-unknown", "pattern-too-long",
        # Of check digits.
        "not-an-iban", "tax-id-invalid",
    }
)  # fmt: skip
"""Codes of faults that a body can have although it fits its schema."""
OF_ISSUED = {
    "payments", "apply-balance", "refunds", "void", "revise", "mark-sent", "mark-uncollectible", "mark-collectible",
}  # fmt: skip
"""What is done with an issued invoice."""
EXCLUSIVE = [
    ("due_date", "net_terms_days"),
    ("rounding_amount", "cash_rounding_increment"),
    *((name, "taxes") for name in ("tax_rate", "tax_category")),
    *((name, "tax_rate_id") for name in ("tax_rate", "tax_category", "taxes", "category", "rate")),
]
"""Members of which a body may have one."""

schemathesis.openapi.format("time-zone", st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})))


def post(base_url: str, path: str, body: Any, token: str = "") -> Any:
    """A request of our own to the service under test, which must be granted."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(f"{base_url}{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    return answer.json()


def logged_in(base_url: str, email: str = "SCHEMATHESIS_EMAIL") -> Any:
    """A new session of the owner whom this variable of the environment names, by the door that all clients use."""
    body = {"email": os.environ[email], "password": os.environ["SCHEMATHESIS_PASSWORD"]}
    return post(base_url, "/v1/auth/login", body)


@schemathesis.auth().skip_for(operation_id=["auth_logout", "number_series_update", "organization_update"])
class Owner:
    """The owner of a tenant, whom nearly all cases speak for."""

    email = "SCHEMATHESIS_EMAIL"

    def get(self, case: Any, context: Any) -> str:
        token: str = logged_in(case.operation.base_url, self.email)["access_token"]
        return token

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(refresh_interval=None).apply_to(operation_id="auth_logout")
class Leaving(Owner):
    """Logging out is meant, so each case of it ends a session that was opened for it, and not the one of all others."""


@schemathesis.auth().apply_to(operation_id=["number_series_update", "organization_update"])
class Reforming(Owner):
    """Changing the organization is meant too, such as to one that demands If-Match of everybody, or to numbers that
    soon get too long: in a tenant of its own, so that every other operation meets the one that it was promised."""

    email = "SCHEMATHESIS_OTHER_EMAIL"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Leave out what only the service can make: cursors, and the version that stands now. Deleting is meant."""
    if case.method == "DELETE" and case.query:
        case.query.pop("dry_run", None)
    mind_paths(case)
    if not is_positive(case):
        return
    case.headers.pop("If-Match", None)
    if case.method != "GET":
        case.headers.pop("If-None-Match", None)
    if case.operation.label in {"PATCH /v1/organization", "PATCH /v1/number-series/{series_id}"}:
        # It may have been made to demand one by the case before.
        case.headers["If-Match"] = "*"
    if "Idempotency-Key" in case.headers:
        # Short ones come to mind twice, and stand for the request before.
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}-{next(_count)}"
    if case.query:
        case.query.pop("cursor", None)
        case.query = plain(dict(case.query))
    case.body = plain(case.body)
    # A chain of requests brings its own; elsewhere every second case gets what nobody can guess.
    if case.meta.phase.name != "stateful" and next(_turns):
        for name, give in GIVEN.items():
            if name == case.operation.label or name in case.path_parameters:
                give(case)
        give_buyer(case)


def mind_paths(case: Any) -> None:
    """`preview` and `bulk`, found in links, are no ids; the buyer, found in answers, is kept for all others."""
    for name, value in case.path_parameters.items():
        if name.endswith("_id") and value in {"preview", "bulk"}:
            case.path_parameters[name] = str(uuid.uuid4())
    if case.method != "GET" and case.path_parameters.get("customer_id") == buyer(case.operation.base_url)[1]:
        give_customer(case)


def give_password(case: Any) -> None:
    """The password of somebody."""
    case.body = {"email": os.environ["SCHEMATHESIS_EMAIL"], "password": os.environ["SCHEMATHESIS_PASSWORD"]}


def give_refresh_token(case: Any) -> None:
    """A refresh token that has not been used."""
    case.body = {"refresh_token": logged_in(case.operation.base_url)["refresh_token"]}


def give_draft(case: Any) -> None:
    """A draft that has all that an invoice needs; the others lack something, as a rule, or come to another total."""
    token, customer = buyer(case.operation.base_url)
    line = {"description": "Work", "quantity": "2", "unit_price": "50.00", "tax_rate": "19"}
    draft = post(case.operation.base_url, "/v1/invoices", {"customer_id": customer, "lines": [line]}, token)
    case.path_parameters["invoice_id"] = draft["id"]
    if case.operation.label.rpartition("/")[2] in OF_ISSUED:
        post(case.operation.base_url, f"/v1/invoices/{draft['id']}/finalize", None, token)
    if isinstance(case.body, dict) and "expected_total" in case.body:
        case.body = {**case.body, "expected_total": draft["total"]}


def give_payment(case: Any) -> None:
    """A payment that is to the customer's credit."""
    token, customer = buyer(case.operation.base_url)
    body = {"customer_id": customer, "amount": "1000000", "currency": "EUR"}
    case.path_parameters["payment_id"] = post(case.operation.base_url, "/v1/payments", body, token)["id"]


def give_buyer(case: Any) -> None:
    """Somebody to issue to; and nobody foretells the total."""
    if isinstance(case.body, dict) and case.body.get("customer_id"):
        _, customer = buyer(case.operation.base_url)
        case.body = {name: value for name, value in case.body.items() if name != "expected_total"}
        case.body["customer_id"] = customer
        case.body = without_catalogue(case.body)


def without_catalogue(value: Any) -> Any:
    """Nobody guesses the id of a product or a tax rate, and with a wrong one nothing else is looked at."""
    if isinstance(value, list):
        return [without_catalogue(item) for item in value]
    if isinstance(value, dict):
        left = {name: without_catalogue(item) for name, item in value.items()}
        return {name: item for name, item in left.items() if name not in {"product_id", "tax_rate_id"}}
    return value


def give_customer(case: Any) -> None:
    """A customer that is still there."""
    token, _ = buyer(case.operation.base_url)
    case.path_parameters["customer_id"] = post(case.operation.base_url, "/v1/customers", {"name": "New"}, token)["id"]


def give_series(case: Any) -> None:
    """A series of who asks."""
    email = Reforming.email if case.method == "PATCH" else Owner.email
    case.path_parameters["series_id"] = series(case.operation.base_url, email)


@functools.cache
def series(base_url: str, email: str) -> str:
    """A number series of the owner whom this variable of the environment names."""
    headers = {"Authorization": f"Bearer {logged_in(base_url, email)['access_token']}"}
    found = requests.get(f"{base_url}/v1/number-series", headers=headers, timeout=30)
    found.raise_for_status()
    return str(found.json()["data"][0]["id"])


def give_credit_note(case: Any) -> None:
    """A credit note by itself, all of it to the customer's credit."""
    token, customer = buyer(case.operation.base_url)
    line = {"description": "Work", "quantity": "1000", "unit_price": "50.00", "tax_rate": "19"}
    body = {"customer_id": customer, "reason": "Bonus", "lines": [line], "preceding_invoices": [{"number": "A-1"}]}
    case.path_parameters["credit_note_id"] = post(case.operation.base_url, "/v1/credit-notes", body, token)["id"]


def give_credit(case: Any) -> None:
    """An issued invoice, of which all is credited; most of what the schema lets stand beside it would be refused."""
    token, customer = buyer(case.operation.base_url)
    line = {"description": "Work", "quantity": "2", "unit_price": "50.00", "tax_rate": "19"}
    body = {"customer_id": customer, "lines": [line], "finalize": True}
    invoice = post(case.operation.base_url, "/v1/invoices", body, token)
    given = {name: case.body[name] for name in ("reason", "notes", "metadata") if name in case.body}
    case.body = {"reason": "Returned", **given, "invoice_id": invoice["id"]}


def buyer(base_url: str) -> tuple[str, str]:
    """A token of the owner, and a customer to whom invoices can be issued."""
    # A token is good for a quarter of an hour, and a long run takes longer.
    return _buyer(base_url, int(time.monotonic() // 600))


@functools.cache
def _buyer(base_url: str, _span: int) -> tuple[str, str]:
    token = str(logged_in(base_url)["access_token"])
    address = {"line1": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}
    return token, post(base_url, "/v1/customers", {"name": "Difference Works", "billing_address": address}, token)["id"]


def give_product(case: Any) -> None:
    """A product that is still there."""
    token, _ = buyer(case.operation.base_url)
    made = post(case.operation.base_url, "/v1/products", {"name": "New", "unit_price": "1"}, token)
    case.path_parameters["product_id"] = made["id"]


def give_tax_rate(case: Any) -> None:
    """A tax rate that is still there, and that nothing uses."""
    token, _ = buyer(case.operation.base_url)
    body = {"name": "New", "rate": "19"}
    case.path_parameters["tax_rate_id"] = post(case.operation.base_url, "/v1/tax-rates", body, token)["id"]


GIVEN = {
    "POST /v1/auth/login": give_password,
    "POST /v1/auth/refresh": give_refresh_token,
    "customer_id": give_customer,
    "invoice_id": give_draft,
    "payment_id": give_payment,
    "credit_note_id": give_credit_note,
    "POST /v1/credit-notes": give_credit,
    "POST /v1/credit-notes/preview": give_credit,
    "series_id": give_series,
    "product_id": give_product,
    "tax_rate_id": give_tax_rate,
}
_turns, _count = itertools.cycle([True, False]), itertools.count()


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Of several items each is refused by itself, and some operations need no body; schemathesis thinks otherwise."""
    needs_none = case.operation.label.rpartition("/")[2] in {"preview", "finalize", "apply-balance"}
    is_taken = case.operation.label.endswith("/bulk") or (needs_none and not response.request.body)
    return not (is_taken and response.status_code < 300 and type(failure).__name__ == "AcceptedNegativeData")


@schemathesis.check
def a_refusal_of_valid_data_names_a_rule(ctx: Any, response: Any, case: Any) -> None:
    """What fits its schema may be refused only by a rule that no schema can state."""
    if response.status_code not in {400, 422} or not is_positive(case):
        return
    codes = {fault["code"] for fault in response.json()["errors"]}
    assert codes, response.text
    assert codes <= RULES, f"{codes - RULES} should be in the schema"


def is_positive(case: Any) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def plain(value: Any) -> Any:
    """The same as a client would write it: with two decimals at most, and without the second of two members that
    exclude each other; that both are refused is known, and hides what lies behind."""
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        twice = {other for one, other in EXCLUSIVE if value.get(one) is not None and value.get(other) is not None}
        return {name: plain(item) for name, item in value.items() if name not in twice}
    return value
