"""Guesses at the codes of an authenticator: counted for themselves, whatever else was right."""

import datetime as dt

import pytest
import time_machine
from flask.testing import FlaskClient

from billing_api.auth import lockout
from billing_api.database import transaction
from tests import sharing
from tests.factories import FACTOR, PASSWORD, Tenant, login, mailed, told

tenant = sharing.tenant

NEW = "a ladder of nine green moons"


def reset(client: FlaskClient, tenant: Tenant, user: Tenant) -> None:
    """Another password, set by mail."""
    assert client.post("/v1/auth/password-reset", json={"email": user.email}).status_code == 202
    body = {"token": mailed(tenant, user.email), "password": NEW}
    assert client.post("/v1/auth/password-reset/confirm", json=body).status_code == 204


def open_address(user: Tenant) -> None:
    """The address is open, as after a password by mail."""
    with user.app.app_context(), transaction():
        lockout.forget(user.email)


def test_a_new_password_gives_no_further_guesses_at_the_codes(
    client: FlaskClient, tenant: Tenant, user: Tenant
) -> None:
    """Who reads the user's mails is whom the second factor is there for."""
    device = user.second_factor()
    for _ in range(lockout.WINDOW.most):
        assert told(login(client, user.email, code="000000")) == (401, "second-factor-refused")
    reset(client, tenant, user)
    for code in ("000000", device.code()):
        assert told(login(client, user.email, NEW, code=code)) == (429, "too-many-codes")
    noted = tenant.get(f"/v1/audit-log?action=login.refused&object_id={user.user_id}").json["data"]
    assert [one["data"]["reason"] for one in noted[:3]] == ["too many codes"] * 2 + ["wrong code"]
    assert noted[2]["data"].keys() == {"reason", "closed_until", "codes_closed_until"}
    assert login(client, user.email, NEW, code=device.recovery_codes[0]).status_code == 200
    assert login(client, user.email, NEW, code=device.code()).status_code == 200, "a good one begins the count anew"


def test_a_new_password_gives_no_further_guesses_in_an_open_session(tenant: Tenant, user: Tenant) -> None:
    device = user.second_factor()
    wrong = {"password": PASSWORD, "code": "000000"}
    for _ in range(lockout.WINDOW.most - 1):
        assert told(user.post(f"{FACTOR}/disable", wrong)) == (422, "wrong-code")
    changed = user.put("/v1/me/password", {"current_password": PASSWORD, "new_password": NEW})
    user.access_token = changed.json["access_token"]
    assert told(user.post(f"{FACTOR}/disable", {**wrong, "password": NEW})) == (422, "wrong-code")
    given = {"password": NEW, "code": device.code()}
    assert told(user.post(f"{FACTOR}/disable", given)) == (429, "too-many-codes")
    noted = tenant.get(f"/v1/audit-log?action=user.confirmation_refused&object_id={user.user_id}").json["data"]
    assert [one["data"]["reason"] for one in noted] == ["too many codes"] + ["wrong code"] * lockout.WINDOW.most
    assert noted[1]["data"].keys() == {"reason", "closed_until"}
    assert user.post(f"{FACTOR}/disable", {**given, "code": device.recovery_codes[0]}).status_code == 204


def test_after_a_hundred_wrong_codes_only_one_on_paper_is_looked_at(
    client: FlaskClient, user: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockout, "MOST_IN_ROW", 3)
    device = user.second_factor()
    for _ in range(3):
        open_address(user)
        assert told(login(client, user.email, code="000000")) == (401, "second-factor-refused")
    open_address(user)
    with time_machine.travel(dt.datetime.now(dt.UTC) + lockout.KEPT):
        answer = login(client, user.email, code=device.code())
        assert told(answer) == (429, "too-many-codes")
        assert answer.json["detail"] == "Too many wrong codes. Send a recovery code."
        assert login(client, user.email, code=device.recovery_codes[0]).status_code == 200


def test_another_authenticator_has_guesses_of_its_own(client: FlaskClient, tenant: Tenant, user: Tenant) -> None:
    user.second_factor()
    for _ in range(lockout.WINDOW.most - 1):
        assert told(login(client, user.email, code="000000")) == (401, "second-factor-refused")
    assert tenant.delete(f"/v1/users/{user.user_id}/second-factor").status_code == 204
    user.access_token = login(client, user.email).json["access_token"]
    user.second_factor()
    for _ in range(2):
        assert told(login(client, user.email, code="000000")) == (401, "second-factor-refused")
