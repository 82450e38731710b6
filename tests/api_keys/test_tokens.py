"""An API key as OAuth 2 client: what it is given for its secret, and how it is refused (RFC 6749)."""

import base64
import datetime as dt
from typing import Any

import jwt
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import clock
from tests.api_keys.test_keys import PATH, made
from tests.factories import Tenant, sign_up

TOKEN = "/v1/auth/token"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def owner(app: Flask) -> Tenant:
    return sign_up(app)


@pytest.fixture(scope="module")
def key(owner: Tenant) -> dict[str, Any]:
    return made(owner, "customers:read", "customers:write")


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


def asked(client: FlaskClient, form: Any, headers: dict[str, str] | None = None) -> TestResponse:
    answer = client.post(TOKEN, data=form, headers=headers or {})
    assert answer.headers["Cache-Control"] == "no-store"
    return answer


def of_key(key: dict[str, Any]) -> dict[str, str]:
    return {**GRANT, "client_id": key["id"], "client_secret": key["secret"]}


def bearer(client: FlaskClient, token: str, path: str = "/v1/customers") -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize("way", ["header", "form"])
def test_a_client_gets_a_token_for_its_secret(client: FlaskClient, key: dict[str, Any], way: str) -> None:
    answer = asked(client, GRANT, basic(key["id"], key["secret"])) if way == "header" else asked(client, of_key(key))
    assert answer.status_code == 200, answer.text
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 900)
    assert answer.json["scope"] == "customers:read customers:write"
    assert "refresh_token" not in answer.json
    token = answer.json["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == claims["client_id"] == key["id"]
    assert (bearer(client, token), bearer(client, token, "/v1/invoices")) == (200, 403)
    written = client.post("/v1/customers", json={"name": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert written.status_code == 201


def test_a_client_may_ask_for_less(client: FlaskClient, key: dict[str, Any]) -> None:
    answer = asked(client, {**of_key(key), "scope": "customers:read"})
    assert answer.json["scope"] == "customers:read"
    written = client.post(
        "/v1/customers", json={"name": "x"}, headers={"Authorization": f"Bearer {answer.json['access_token']}"}
    )
    assert written.status_code == 403


def test_a_parameter_in_the_address_is_named(client: FlaskClient, key: dict[str, Any]) -> None:
    told = client.post("/v1/auth/token?x=1", data=of_key(key)).json["error_description"]
    assert told == "A query parameter is wrong. x: There is no such parameter here."


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "another secret": ({"client_secret": "bk_" + "a" * 43}, 401, "invalid_client"),
    "a secret that is none": ({"client_secret": "x"}, 401, "invalid_client"),
    "another client": ({"client_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"}, 401, "invalid_client"),
    "a client that is none": ({"client_id": "é"}, 401, "invalid_client"),
    "no client": ({"client_id": None}, 401, "invalid_client"),
    "no secret": ({"client_secret": None}, 401, "invalid_client"),
    "another grant": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "no grant": ({"grant_type": None}, 400, "invalid_request"),
    "a scope that it does not have": ({"scope": "customers:read invoices:read"}, 400, "invalid_scope"),
    "a scope that there is not": ({"scope": "everything"}, 400, "invalid_scope"),
    "a NUL": ({"scope": "\0"}, 400, "invalid_request"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_told_as_oauth_has_it(client: FlaskClient, key: dict[str, Any], case: str) -> None:
    changed, status, error = REFUSED[case]
    form = {name: value for name, value in {**of_key(key), **changed}.items() if value is not None}
    answer = asked(client, form)
    assert (answer.status_code, answer.json["error"]) == (status, error), answer.text
    assert answer.json.keys() == {"error", "error_description"}
    assert answer.mimetype == "application/json"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert answer.headers["Pragma"] == "no-cache"
    assert all(" " <= sign <= "~" and sign not in '"\\' for sign in answer.json["error_description"])


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic x", "Basic !!!", "Basic " + base64.b64encode(b"no-colon").decode(), "Bearer x", "Basic /w=="],
)
def test_a_header_that_cannot_be_read_is_an_invalid_client(client: FlaskClient, authorization: str) -> None:
    answer = asked(client, GRANT, {"Authorization": authorization})
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("named", ["id", "secret", "both", "another"])
def test_a_client_proves_itself_once(client: FlaskClient, key: dict[str, Any], named: str) -> None:
    """To name itself in the form too proves nothing twice, where it is the same name."""
    another = {**GRANT, "client_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"}
    forms = {"id": {**of_key(key)}, "secret": {**of_key(key)}, "both": of_key(key), "another": another}
    forms["id"].pop("client_secret")
    forms["secret"].pop("client_id")
    answer = asked(client, forms[named], basic(key["id"], key["secret"]))
    told = (answer.status_code, answer.json.get("error"))
    assert told == ((200, None) if named == "id" else (400, "invalid_request"))
    told_places = answer.json.get("error_description", "")
    assert ("client_id: " in told_places) == (named == "another")
    assert ("client_secret: " in told_places) == (named in {"secret", "both"})


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("invoices:read customers:read", "The client does not have the scope invoices:read."),
        ("users:read nothing:such", "The client does not have the scopes nothing:such and users:read."),
        ("bk_1234567890", "The client does not have this scope."),
    ],
)
def test_a_scope_that_a_client_lacks_is_named(client: FlaskClient, key: dict[str, Any], scope: str, told: str) -> None:
    answer = asked(client, {**of_key(key), "scope": scope})
    assert answer.json == {"error": "invalid_scope", "error_description": told}


def test_what_is_no_form_is_an_invalid_request(client: FlaskClient, key: dict[str, Any]) -> None:
    twice = f"grant_type=client_credentials&grant_type=x&client_id={key['id']}&client_secret={key['secret']}"
    kind = "application/x-www-form-urlencoded"
    for body, content_type in (
        ("{}", "application/json"), (twice, kind), (b"grant_type=%ff", kind), (b"\xff", kind), ("a=1&" * 200, kind),
    ):  # fmt: skip
        answer = client.post(TOKEN, data=body, content_type=content_type)
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_parameters_that_nobody_knows_are_passed_over(client: FlaskClient, key: dict[str, Any]) -> None:
    assert asked(client, {**of_key(key), "audience": "x", "resource": "y"}).status_code == 200


def test_a_token_dies_with_its_key(client: FlaskClient, owner: Tenant) -> None:
    key = made(owner)
    token = asked(client, of_key(key)).json["access_token"]
    assert bearer(client, token) == 200
    owner.delete(f"{PATH}/{key['id']}")
    assert bearer(client, token) == 401
    answer = asked(client, of_key(key))
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")


def test_a_token_does_not_outlive_its_key(client: FlaskClient, owner: Tenant) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        ends = clock.now() + dt.timedelta(minutes=1)
        key = made(owner, expires_at=ends.isoformat().replace("+00:00", "Z"))
        answer = asked(client, of_key(key))
        assert answer.json["expires_in"] == 60
        time.shift(dt.timedelta(seconds=61))
        assert bearer(client, answer.json["access_token"]) == 401


def test_a_token_for_a_service_is_not_refreshed_into_a_session(client: FlaskClient, key: dict[str, Any]) -> None:
    token = asked(client, of_key(key)).json["access_token"]
    assert client.post("/v1/auth/refresh", json={"refresh_token": token}).status_code in {401, 422}
    me = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json
    assert (me["user"], me["credential"]["client_id"], me["credential"]["session_id"]) == (None, key["id"], None)
