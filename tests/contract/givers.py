"""Values that schemathesis cannot make up, and only the service can give: passwords, tokens, ids of what is there."""

import functools
import json
import os
import random
import time
import uuid
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.contract.plainly import without_catalogue

OWNER, OTHER = "SCHEMATHESIS_EMAIL", "SCHEMATHESIS_OTHER_EMAIL"
"""The variables of the environment that name the owners of the two tenants."""
READY = "SCHEMATHESIS_READY"
"""The variable that has what comes by mail, and whom only a mail brings, as JSON: lists of what is good once each."""

OF_ISSUED = {
    "payments", "apply-balance", "refunds", "void", "revise", "mark-sent", "mark-uncollectible", "mark-collectible",
}  # fmt: skip
"""What is done with an issued invoice."""

_patient = requests.Session()
"""Asks again when it is told to, as of a door at which too many log in."""
_patient.mount("http://", HTTPAdapter(max_retries=Retry(8, status_forcelist={429, 503}, allowed_methods=None)))


def post(base_url: str, path: str, body: Any, token: str = "") -> Any:
    """A request of our own to the service under test, which must be granted."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = _patient.post(f"{base_url}{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    return answer.json()


def logged_in(base_url: str, email: str = OWNER) -> Any:
    """A new session of the owner whom this variable of the environment names, by the door that all clients use."""
    body = {"email": os.environ[email], "password": os.environ["SCHEMATHESIS_PASSWORD"]}
    return post(base_url, "/v1/auth/login", body)


def founder() -> dict[str, str]:
    """What somebody says of themselves who signs up."""
    body = {"organization_name": "Newcomer", "country": "DE", "currency": "EUR", "name": "Ada Lovelace"}
    return {**body, "email": f"{uuid.uuid4()}@example.com", "password": os.environ["SCHEMATHESIS_PASSWORD"]}


def newcomer(base_url: str) -> Any:
    """The session of somebody who has just signed up."""
    return post(base_url, "/v1/auth/sign-up", founder())


@functools.cache
def ready() -> dict[str, list[str]]:
    """What was made beforehand, as far as it is left."""
    found: dict[str, list[str]] = json.loads(os.environ[READY])
    return found


def give_founder(case: Any) -> None:
    """Somebody who is not there yet."""
    case.body = founder()


def give_stranger(case: Any) -> None:
    """An address, whosever it may be."""
    case.body = {"email": f"{uuid.uuid4()}@example.com"}


def give_guest(case: Any) -> None:
    """Somebody who is not there yet, to be invited."""
    case.body = {"email": f"{uuid.uuid4()}@example.com", "role": "viewer"}


def give_invited(case: Any) -> None:
    """The token of an invitation."""
    if ready()["invitations"]:
        token = ready()["invitations"].pop()
        case.body = {"token": token, "name": "Grace", "password": os.environ["SCHEMATHESIS_PASSWORD"]}


def give_forgotten(case: Any) -> None:
    """The token of a mail to somebody who has forgotten their password."""
    if ready()["resets"]:
        case.body = {"token": ready()["resets"].pop(), "password": str(uuid.uuid4())}


def give_password(case: Any) -> None:
    """The password of somebody."""
    case.body = {"email": os.environ[OWNER], "password": os.environ["SCHEMATHESIS_PASSWORD"]}


def give_name(case: Any) -> None:
    """What the organization is called."""
    case.body = {"name": "Analytical Engines"}


def give_own_password(case: Any) -> None:
    """The password of who asks, beside what else is said."""
    if isinstance(case.body, dict):
        case.body = {**case.body, "password": os.environ["SCHEMATHESIS_PASSWORD"]}


def give_refresh_token(case: Any) -> None:
    """A refresh token that has not been used."""
    case.body = {"refresh_token": logged_in(case.operation.base_url)["refresh_token"]}


def give_draft(case: Any) -> None:
    """A draft that has all that an invoice needs; the others lack something, as a rule, or come to another total."""
    token, customer = buyer(case.operation.base_url)
    line = {"description": "Work", "quantity": "2", "unit_price": "50.00", "tax_rate": "19"}
    deed = case.operation.label.rpartition("/")[2]
    if deed == "refunds":
        line["quantity"] = "-2"
    draft = post(case.operation.base_url, "/v1/invoices", {"customer_id": customer, "lines": [line]}, token)
    case.path_parameters["invoice_id"] = draft["id"]
    if deed in OF_ISSUED:
        post(case.operation.base_url, f"/v1/invoices/{draft['id']}/finalize", None, token)
    if deed in {"payments", "refunds"} and isinstance(case.body, dict):
        case.body = {**case.body, "amount": "1.00"}
    if isinstance(case.body, dict) and "expected_total" in case.body:
        case.body = {**case.body, "expected_total": draft["total"]}


def give_example(case: Any) -> None:
    """A body that works, as the document shows it; what may be there once is left out."""
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {})
    examples = list(content.get("application/json", {}).get("examples", {}).values())
    if examples:
        shown = random.choice(examples)["value"]
        case.body = {name: value for name, value in shown.items() if name not in {"email", "external_id"}}


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


def give_customer(case: Any) -> None:
    """A customer that is still there."""
    token, _ = buyer(case.operation.base_url)
    case.path_parameters["customer_id"] = post(case.operation.base_url, "/v1/customers", {"name": "New"}, token)["id"]


def give_series(case: Any) -> None:
    """A series of who asks."""
    email = OTHER if case.method == "PATCH" else OWNER
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


def give_session(case: Any) -> None:
    """A session of the owner that is still alive."""
    grant = logged_in(case.operation.base_url)
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    found = requests.get(f"{case.operation.base_url}/v1/me", headers=headers, timeout=30)
    case.path_parameters["session_id"] = found.json()["credential"]["session_id"]


def give_user(case: Any) -> None:
    """A colleague to whom it can be done; where none is left the owner, whom nobody can take away."""
    kind = "guarded" if case.operation.label.endswith("/second-factor") else "colleagues"
    if case.method != "GET" and ready()[kind]:
        case.path_parameters["user_id"] = ready()[kind].pop()
        return
    headers = {"Authorization": f"Bearer {buyer(case.operation.base_url)[0]}"}
    found = requests.get(f"{case.operation.base_url}/v1/me", headers=headers, timeout=30)
    case.path_parameters["user_id"] = found.json()["user"]["id"]


def give_invitation(case: Any) -> None:
    """An invitation that is open."""
    token, _ = buyer(case.operation.base_url)
    body = {"email": f"guest-{time.monotonic_ns()}@example.com", "role": "viewer"}
    case.path_parameters["invitation_id"] = post(case.operation.base_url, "/v1/invitations", body, token)["id"]


def give_key(case: Any) -> None:
    """An API key that holds."""
    token, _ = buyer(case.operation.base_url)
    body = {"name": "New", "scopes": ["customers:read"]}
    case.path_parameters["key_id"] = post(case.operation.base_url, "/v1/api-keys", body, token)["id"]


def give_client(case: Any) -> None:
    """A client with its secret, in the form alone: a client proves itself once."""
    case.headers.pop("Authorization", None)
    token, _ = buyer(case.operation.base_url)
    key = post(case.operation.base_url, "/v1/api-keys", {"name": "New", "scopes": ["customers:read"]}, token)
    case.body = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}


def give_present_password(case: Any) -> None:
    """The password of somebody who has just signed up, and another one; nobody logs in with it after that."""
    case.body = {"current_password": os.environ["SCHEMATHESIS_PASSWORD"], "new_password": str(uuid.uuid4())}


GIVEN = {
    "POST /v1/organization/close": give_name,
    "PUT /v1/me/password": give_present_password,
    "invitation_id": give_invitation,
    "key_id": give_key,
    "user_id": give_user,
    "POST /v1/auth/token": give_client,
    "POST /v1/auth/sign-up": give_founder,
    "POST /v1/auth/password-reset": give_stranger,
    "POST /v1/invitations": give_guest,
    "POST /v1/auth/accept-invitation": give_invited,
    "POST /v1/auth/password-reset/confirm": give_forgotten,
    "session_id": give_session,
    "POST /v1/auth/login": give_password,
    "POST /v1/auth/refresh": give_refresh_token,
    "POST /v1/me/second-factor": give_own_password,
    "POST /v1/me/second-factor/recovery-codes": give_own_password,
    "POST /v1/me/second-factor/disable": give_own_password,
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
