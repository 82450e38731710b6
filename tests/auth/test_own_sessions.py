"""One's own sessions and password: who has them, how they are ended, and that this holds at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient

from billing_api.auth import passwords, service
from billing_api.auth.models import User
from billing_api.database import enter, find, transaction
from tests.factories import PASSWORD, Tenant, login, refresh
from tests.live_service import LiveService
from tests.statements import recorded

NEW = "a ladder of nine green moons"
WIDE = f"\uff41{PASSWORD[1:]}"
"""The same password, as another keyboard may type it."""


def logged_in(client: FlaskClient, email: str, password: str = PASSWORD, **headers: str) -> dict[str, str]:
    answer = login(client, email, password, headers=headers)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json['access_token']}", "refresh": answer.json["refresh_token"]}


def status(client: FlaskClient, grant: dict[str, str]) -> int:
    return client.get("/v1/me", headers={"Authorization": grant["Authorization"]}).status_code


def refreshed(client: FlaskClient, grant: dict[str, str]) -> int:
    return refresh(client, grant["refresh"]).status_code


def session_of(client: FlaskClient, grant: dict[str, str]) -> str:
    me = client.get("/v1/me", headers={"Authorization": grant["Authorization"]})
    return str(me.json["credential"]["session_id"])


def test_who_i_am_takes_one_round_trip(app: Flask, tenant: Tenant) -> None:
    with recorded(app) as seen:
        assert tenant.get("/v1/me").status_code == 200
    assert len(seen) == 1


def test_a_user_sees_where_they_are_logged_in(client: FlaskClient, tenant: Tenant) -> None:
    other = logged_in(client, tenant.email, **{"User-Agent": "Telephone/1.0"})
    listed = tenant.get("/v1/me/sessions").json["data"]
    assert len(listed) == 2
    newest = listed[0]
    assert newest["id"] == session_of(client, other)
    assert (newest["user_agent"], newest["address"], newest["carrier"]) == ("Telephone/1.0", "127.0.0.1", "body")
    assert tenant.get(newest["links"]["self"]).json == newest
    assert newest["created_at"] <= newest["last_used_at"] < newest["expires_at"]


def test_a_colleagues_sessions_are_their_own(tenant: Tenant) -> None:
    colleague = tenant.colleague("owner")
    (theirs,) = colleague.get("/v1/me/sessions").json["data"]
    assert theirs["id"] not in tenant.get("/v1/me/sessions").text
    assert tenant.get(theirs["links"]["self"]).status_code == tenant.delete(theirs["links"]["self"]).status_code == 404
    assert colleague.get("/v1/me").status_code == 200


def test_an_ended_session_is_over_at_once_and_is_listed_no_more(client: FlaskClient, tenant: Tenant) -> None:
    other = logged_in(client, tenant.email)
    path = f"/v1/me/sessions/{session_of(client, other)}"
    assert tenant.delete(path).status_code == 204
    assert (status(client, other), refreshed(client, other)) == (401, 401)
    assert tenant.delete(path).status_code == 404
    assert len(tenant.get("/v1/me/sessions").json["data"]) == 1


def test_all_other_sessions_end_together(client: FlaskClient, tenant: Tenant) -> None:
    others = [logged_in(client, tenant.email) for _ in range(3)]
    assert tenant.delete("/v1/me/sessions").status_code == 204
    assert {status(client, one) for one in others} == {401}
    assert tenant.get("/v1/me").status_code == 200


def test_a_new_password_ends_every_session_and_begins_one(client: FlaskClient, tenant: Tenant) -> None:
    other = logged_in(client, tenant.email)
    answer = tenant.put("/v1/me/password", {"current_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 200, answer.text
    assert (status(client, other), refreshed(client, other)) == (401, 401)
    assert tenant.get("/v1/me").status_code == 401
    fresh = {"Authorization": f"Bearer {answer.json['access_token']}", "refresh": answer.json["refresh_token"]}
    assert (status(client, fresh), refreshed(client, fresh)) == (200, 200)
    assert login(client, tenant.email).status_code == 401
    assert status(client, logged_in(client, tenant.email, NEW)) == 200


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"current_password": "another", "new_password": NEW}, "/current_password", "wrong-password"),
        ({"current_password": PASSWORD, "new_password": "short"}, "/new_password", "wrong-length"),
        ({"current_password": PASSWORD}, "/new_password", "required"),
        ({"current_password": PASSWORD, "new_password": PASSWORD}, "/new_password", "password-unchanged"),
        ({"current_password": PASSWORD, "new_password": WIDE}, "/new_password", "password-unchanged"),
    ],
)
def test_a_refused_change_of_password_changes_nothing(
    client: FlaskClient, tenant: Tenant, body: dict[str, str], pointer: str, code: str
) -> None:
    answer = tenant.put("/v1/me/password", body)
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json["errors"]] == [(pointer, code)]
    assert tenant.get("/v1/me").status_code == 200
    assert status(client, logged_in(client, tenant.email)) == 200


def test_nobody_who_is_logged_out_changes_a_password(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor have they it compared: without a session no hash is run."""
    assert tenant.post("/v1/auth/logout").status_code == 204
    monkeypatch.setattr(passwords, "matches", None)
    answer = tenant.put("/v1/me/password", {"current_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 401


def test_a_login_that_was_begun_with_the_old_password_is_refused(
    app: Flask, client: FlaskClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is changed between the look at its hash and the session: the check under the lock sees it."""
    matches = passwords.matches

    def and_meanwhile(stored: str | None, password: str) -> bool:
        with app.app_context(), transaction():
            enter(tenant.organization_id)
            find(User, tenant.user_id, lock=True).password_hash = passwords.digest(NEW)
        return matches(stored, password)

    monkeypatch.setattr(service.passwords, "matches", and_meanwhile)
    answer = login(client, tenant.email)
    assert (answer.status_code, answer.json["code"]) == (401, "invalid-credentials")


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_no_session_survives_a_change_of_password_that_meets_logins(
    app: Flask, live: LiveService, tenant: Tenant, rounds: int
) -> None:
    """Whoever logs in with the old password at the same moment is refused, or logged out with all the others."""
    colleague = tenant.colleague("viewer")
    present = PASSWORD
    for number in range(rounds):
        begin = Barrier(5)
        new = f"{PASSWORD} {number}"
        access = _login(live, colleague.email, present)[1]

        def change(new: str = new, present: str = present, access: str = access, begin: Barrier = begin) -> str:
            begin.wait()
            body = {"current_password": present, "new_password": new}
            answer = live.send("PUT", "/v1/me/password", body, {"Authorization": f"Bearer {access}"})
            assert answer.status == 200, answer.content
            return str(answer.json["access_token"])

        def enter_with(password: str = present, begin: Barrier = begin) -> tuple[int, str]:
            begin.wait()
            return _login(live, colleague.email, password)

        with ThreadPoolExecutor(5) as pool:
            changed, *entered = pool.submit(change), *(pool.submit(enter_with) for _ in range(4))
            kept = changed.result()
            seen = [one.result() for one in entered]
        for code, token in seen:
            assert code in {200, 401}
            if code == 200:
                assert live.send("GET", "/v1/me", None, {"Authorization": f"Bearer {token}"}).status == 401
        assert live.send("GET", "/v1/me", None, {"Authorization": f"Bearer {kept}"}).status == 200
        present = new


def _login(live: LiveService, email: str, password: str) -> tuple[int, str]:
    answer = live.send("POST", "/v1/auth/login", {"email": email, "password": password})
    return answer.status, answer.json.get("access_token", "")
