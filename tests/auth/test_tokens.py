"""Forged and dead access tokens: none of them opens a door, and all are refused alike."""

import base64
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient

from billing_api import keys
from billing_api.auth.models import User
from billing_api.database import enter, find, transaction
from billing_api.web.tokens import REQUIRED_CLAIMS
from config import Config
from tests.auth.forgery import LINES, TOKENS, Forger
from tests.auth.holders import by_key
from tests.factories import Tenant, sign_up

EXPIRED = "The access token has expired. Refresh it, log in, or exchange the API key again."

NO_TOKEN = "This is no access token: send `Authorization: Bearer <access token>`, or an API key in `X-API-Key`."


@pytest.fixture(scope="module")
def holder(app: Flask) -> Tenant:
    return sign_up(app)


@pytest.fixture(scope="module")
def forger(app: Flask, holder: Tenant) -> Forger:
    return Forger(holder, sign_up(app), app.extensions["keys"].signing[app.extensions["keys"].signer])


def assert_refused(client: FlaskClient, authorization: str) -> None:
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/customers")):
        answer = client.open(path, method=method, headers={"Authorization": authorization})
        assert answer.status_code == 401, f"{method} {path} answers {answer.status_code}: {answer.text}"
        assert answer.headers["WWW-Authenticate"].split()[0] == "Bearer"
        assert answer.mimetype == "application/problem+json"
        assert answer.json["code"] == "unauthenticated"
        assert answer.json["detail"] in {
            "The access token is not valid. Log in, and send `Authorization: Bearer <access token>`.",
            NO_TOKEN,
            EXPIRED,
            "The session of the access token has ended or has another reach now. Refresh it, or log in.",
            "The API key that the access token was exchanged for does not hold any more. Ask for another key.",
        }


def test_the_forgers_own_copy_of_a_token_is_accepted(client: FlaskClient, forger: Forger) -> None:
    """Otherwise the refusals below would prove nothing."""
    answer = client.get("/v1/me", headers={"Authorization": f"Bearer {forger.signed()}"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_written_in_any_letters(client: FlaskClient, forger: Forger, scheme: str) -> None:
    assert client.get("/v1/me", headers={"Authorization": f"{scheme} {forger.good}"}).status_code == 200
    assert_refused(client, f"{scheme} {forger.signed({'org': 'x'})}")


def test_about_150_forgeries_are_tried() -> None:
    assert len(TOKENS) + len(LINES) >= 150


def test_the_claims_that_a_token_needs_are_at_least_these() -> None:
    """The forgeries go through them one by one; one that is no longer asked for would no longer be tried."""
    assert {"exp", "iat", "nbf", "jti", "type", "iss", "aud", "sub"} <= REQUIRED_CLAIMS


@pytest.mark.parametrize("name", TOKENS)
def test_a_forged_token_is_refused(client: FlaskClient, forger: Forger, name: str) -> None:
    assert_refused(client, f"Bearer {TOKENS[name](forger)}")


@pytest.mark.parametrize("scheme", ["Bearer", "Basic", "ApiKey", "Token"])
def test_who_sends_a_key_in_place_of_a_token_is_told_where_it_belongs(
    client: FlaskClient, holder: Tenant, scheme: str
) -> None:
    good = by_key(holder).secret
    for secret in (good, good[::-1], "bk_" + "a" * 43, base64.b64encode(f"{good}:".encode()).decode()):
        answer = client.get("/v1/me", headers={"Authorization": f"{scheme} {secret}"})
        assert (answer.status_code, answer.json["detail"]) == (401, NO_TOKEN), "and not whether it is good"


def test_that_a_token_has_expired_is_told_to_those_alone_who_hold_one_of_ours(
    client: FlaskClient, forger: Forger
) -> None:
    expired = {"exp": forger.claims["iat"] - 1}
    for key, is_told in ((None, True), (Ed25519PrivateKey.generate(), False)):
        token = forger.signed(expired, key=key)
        answer = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json["detail"] == EXPIRED) == (401, is_told)


@pytest.mark.parametrize("name", LINES)
def test_a_header_that_is_not_one_bearer_token_is_refused(client: FlaskClient, forger: Forger, name: str) -> None:
    assert_refused(client, LINES[name](forger))


def test_a_token_elsewhere_than_in_the_header_is_not_looked_at(client: FlaskClient, forger: Forger) -> None:
    client.set_cookie("access_token_cookie", forger.good)
    answer = client.get("/v1/me")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_of_another_deployment_is_refused(
    client: FlaskClient, config: Config, forger: Forger, tmp_path: Path
) -> None:
    """Even one with the same issuer, audience, key id and claims."""
    keys.make(tmp_path / "keys" / f"{forger.header['kid']}.pem")
    theirs = keys.load(replace(config, instance=tmp_path, jwt_keys=tmp_path / "keys"))
    assert theirs.signer == forger.header["kid"]
    assert_refused(client, f"Bearer {forger.signed(key=theirs.signing[theirs.signer])}")


def test_a_logged_out_session_ends_its_token(client: FlaskClient, tenant: Tenant) -> None:
    assert tenant.post("/v1/auth/logout").status_code == 204
    assert_refused(client, tenant.headers["Authorization"])


@pytest.mark.parametrize(
    "change", [{"role": "viewer"}, {"role": "owner"}, {"status": "disabled"}], ids=["lowered", "raised", "disabled"]
)
def test_a_changed_user_is_refused_with_the_old_token(
    app: Flask, client: FlaskClient, tenant: Tenant, change: dict[str, str]
) -> None:
    colleague = tenant.colleague("admin")
    assert colleague.get("/v1/me").status_code == 200
    with app.app_context(), transaction():
        enter(tenant.organization_id)
        user = find(User, colleague.user_id, lock=True)
        for name, value in change.items():
            setattr(user, name, value)
    assert_refused(client, colleague.headers["Authorization"])


def test_others_can_verify_a_token_with_the_published_keys_alone(
    client: FlaskClient, config: Config, tenant: Tenant
) -> None:
    published = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json)
    key = published[jwt.get_unverified_header(tenant.access_token)["kid"]]
    claims = jwt.decode(
        tenant.access_token,
        key,
        algorithms=["EdDSA"],
        audience="billing-api",
        issuer=config.public_url,
        options={"require": sorted(REQUIRED_CLAIMS)},
    )
    assert claims["sub"] == str(tenant.user_id)
    assert claims["exp"] - claims["iat"] == config.access_token_seconds


def test_the_published_keys_hold_nothing_private(client: FlaskClient) -> None:
    for key in client.get("/.well-known/jwks.json").json["keys"]:
        assert key.keys() == {"kty", "crv", "use", "alg", "kid", "x"}
