"""What schemathesis must be told about this service: who calls, and rules of business."""

import itertools
import os
import re
import uuid
from typing import Any
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies as st

from tests.contract.givers import (
    GIVEN,
    OTHER,
    OWNER,
    buyer,
    give_buyer,
    give_customer,
    give_example,
    give_session,
    logged_in,
    newcomer,
)
from tests.contract.plainly import plain

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
        "issue-date-before-last-number",
        "only-with-invoice-id", "quantity-and-amount", "quantity-exceeds-remaining", "amount-exceeds-remaining",
        "quantity-not-creditable", "amount-not-creditable", "credit-exceeds-invoice", "credit-reverses-sign",
        "base-quantity-not-positive", "components-mismatch", "currency-required", "customer-archived",
        "customer-not-found", "due-before-issue", "exemption-not-allowed", "exchange-rate-not-positive",
        "increment-not-positive", "invoice-not-found", "invoice-not-ready", "issue-date-in-future",
        "mutually-exclusive", "name-not-confirmed", "net-terms-too-long", "period-runs-backwards", "product-archived",
        "product-currency-mismatch", "product-not-found", "product-price-mode-mismatch", "price-mismatch",
        "price-missing", "tax-duplicate", "tax-name-required", "tax-rate-archived", "tax-rate-not-found",
        "tax-rate-not-allowed", "tax-rate-required", "taxes-twice", "too-many-decimals", "total-mismatch",
        # Of a calendar, the list of time zones, the state of what is patched, and what no mail can reach.
        "not-a-date", "out-of-range", "not-a-choice", "required", "not-an-email",
        # Of the pattern of a number series: which tokens it has, how often, and how long its numbers get.
        "pattern-character", "pattern-counter", "pattern-needs-year", "pattern-token-unknown", "pattern-too-long",
        # Of check digits.
        "not-an-iban", "tax-id-invalid",
        # Of a person's own account.
        "password-too-weak", "password-too-long", "password-unchanged",
        "expiry-in-past", "wrong-password", "wrong-code", "invalid-invitation", "invalid-password-reset",
    }
)  # fmt: skip
"""Codes of faults that a body can have although it fits its schema."""
CLOSING = "POST /v1/organization/close"

schemathesis.openapi.format("time-zone", st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})))


ENDING = [
    "auth_change_password", "auth_end_other_sessions", "second_factor_begin", "second_factor_verify",
    "second_factor_renew_recovery_codes", "second_factor_disable",
]  # fmt: skip
REFORMED = ["number_series_update", "organization_update"]


@schemathesis.auth().skip_for(operation_id=["auth_logout", "oauth_issue", *ENDING, *REFORMED])
class Owner:
    """The owner of a tenant, whom nearly all cases speak for."""

    email = OWNER

    def get(self, case: Any, context: Any) -> str:
        token: str = logged_in(case.operation.base_url, self.email)["access_token"]
        return token

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(refresh_interval=None).apply_to(operation_id="auth_logout")
class Leaving(Owner):
    """Logging out is meant, so each case of it ends a session that was opened for it, and not the one of all others."""


@schemathesis.auth().apply_to(operation_id=REFORMED)
class Reforming(Owner):
    """Changing the organization is meant too, such as to one that demands If-Match of everybody, or to numbers that
    soon get too long: in a tenant of its own, so that every other operation meets the one that it was promised."""

    email = OTHER


@schemathesis.auth(refresh_interval=None).apply_to(operation_id=ENDING)
class Newcomer(Owner):
    """What ends all sessions of a user, or counts wrong passwords and codes, is done by one whom nobody else speaks
    for."""

    def get(self, case: Any, context: Any) -> str:
        token: str = newcomer(case.operation.base_url)["access_token"]
        return token


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Leave out what only the service can make: cursors, and the version that stands now. Deleting is meant."""
    if case.method == "DELETE" and case.query:
        case.query.pop("dry_run", None)
    mind_paths(case)
    mind_demands(case)
    mind_doors(case)
    if not is_positive(case):
        return
    case.headers.pop("If-Match", None)
    if case.method != "GET" or not case.headers.get("If-None-Match", "").endswith(('"', "*")):
        # Of the quotes in the pattern nothing is left in what is made for it.
        case.headers.pop("If-None-Match", None)
    if case.operation.label in {"PATCH /v1/organization", "PATCH /v1/number-series/{series_id}"}:
        # It may have been made to demand one by the case before.
        case.headers["If-Match"] = "*"
    if "Idempotency-Key" in case.headers:
        # Short ones come to mind twice, here or in another run, and stand for the request before.
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key'][:200]}-{uuid.uuid4()}"
    mind_query(case)
    case.body = plain(case.body)
    give(case)


def give(case: Any) -> None:
    """To every second case, and to all until one is granted, what nobody can guess; a chain of requests brings its own
    ids, and comes to its second link only where something was made."""
    is_turn = next(_turns)
    if case.meta.phase.name == "stateful":
        if is_turn and case.method == "POST":
            give_example(case)
            give_buyer(case)
        return
    is_in_vain = place(case) not in _granted
    if is_in_vain:
        give_example(case)
    if is_in_vain or is_turn or case.operation.label in ALWAYS_GIVEN:
        for name, give_it in GIVEN.items():
            if name == case.operation.label or name in case.path_parameters:
                give_it(case)
        give_buyer(case)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Keep in mind where something was granted."""
    if is_positive(case) and response.status_code < 400:
        _granted.add(place(case))


def place(case: Any) -> tuple[str, str]:
    """The operation in its phase, of which the run tells whether all that fits the schema was refused there."""
    return case.operation.label, case.meta.phase.name


def mind_query(case: Any) -> None:
    """Cursors only the service can make; and to close the organization would end the run, so it is only tried."""
    if case.query:
        case.query.pop("cursor", None)
        case.query = plain(dict(case.query))
    if case.operation.label == CLOSING:
        case.query = {**(case.query or {}), "dry_run": "true"}


def mind_paths(case: Any) -> None:
    """`preview` and `bulk`, found in links, are no ids; the buyer, found in answers, is kept for all others."""
    for name, value in case.path_parameters.items():
        if name.endswith("_id") and value in {"preview", "bulk"}:
            case.path_parameters[name] = str(uuid.uuid4())
    if case.method != "GET" and case.path_parameters.get("customer_id") == buyer(case.operation.base_url)[1]:
        give_customer(case)
    ended = case.path_parameters.get("session_id", "") if case.method == "DELETE" else ""
    if re.fullmatch("[0-9a-f-]{36}", ended):
        # It may be the one that speaks for all others.
        give_session(case)


def mind_doors(case: Any) -> None:
    """Ten wrong passwords close an address, and that of the owner stands in answers."""
    is_known = isinstance(case.body, dict) and case.body.get("email") in (os.environ[OWNER], os.environ[OTHER])
    if case.operation.label == "POST /v1/auth/login" and is_known:
        case.body["email"] = f"{uuid.uuid4()}@example.com"


def mind_demands(case: Any) -> None:
    """From the moment at which a second factor is demanded nothing else would open to who asks."""
    if case.operation.label == "PATCH /v1/organization" and isinstance(case.body, dict):
        case.body.pop("require_second_factor", None)


ALWAYS_GIVEN = {
    "PUT /v1/me/password", "POST /v1/me/second-factor", "POST /v1/me/second-factor/recovery-codes",
    "POST /v1/me/second-factor/disable",
}  # fmt: skip
"""Where a wrong password counts, and ten of them close the address of whoever asks."""
_turns = itertools.cycle([True, False])
_granted: set[tuple[str, str]] = set()


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Of several items each is refused by itself, and some operations need no body; schemathesis thinks otherwise."""
    needs_none = case.operation.label.rpartition("/")[2] in {"preview", "finalize", "apply-balance", "me"}
    is_taken = case.operation.label.endswith("/bulk") or (needs_none and not response.request.body)
    return not (is_taken and response.status_code < 300 and type(failure).__name__ == "AcceptedNegativeData")


@schemathesis.check
def a_refusal_of_valid_data_names_a_rule(ctx: Any, response: Any, case: Any) -> None:
    """What fits its schema may be refused only by a rule that no schema can state."""
    if response.status_code not in {400, 422} or not is_positive(case) or case.path == "/v1/auth/token":
        return
    codes = {fault["code"] for fault in response.json()["errors"]}
    assert codes, response.text
    assert codes <= RULES, f"{codes - RULES} should be in the schema"


def is_positive(case: Any) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive
