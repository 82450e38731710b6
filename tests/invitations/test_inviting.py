"""Invitations: mailed to one address, good once, and telling nobody else who has an account where."""

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import clock
from billing_api.embedded import Addresses
from billing_api.invitations import service
from tests import sharing
from tests.factories import PASSWORD, Tenant, created, letters, login, mailed
from tests.schema import connected
from tests.statements import recorded

shared = sharing.tenant
PATH, DOOR = "/v1/invitations", "/v1/auth/accept-invitation"
_count = iter(range(10_000))


def guest(tenant: Tenant) -> str:
    return f"guest{next(_count)}-{tenant.email}"


def invited(tenant: Tenant, email: str, role: str = "viewer", **values: Any) -> dict[str, Any]:
    return created(tenant.post(PATH, {"email": email, "role": role, **values}))


def accept(client: FlaskClient, token: str, **values: Any) -> TestResponse:
    return client.post(DOOR, json={"token": token, "name": "Grace Hopper", "password": PASSWORD, **values})


def refused(answer: TestResponse, status: int, code: str, *pointers: str) -> None:
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert [fault["pointer"] for fault in answer.json["errors"]] == list(pointers)


def test_somebody_comes_in_by_an_invitation(client: FlaskClient, shared: Tenant) -> None:
    email = guest(shared)
    invitation = invited(shared, email, "accountant")
    assert (invitation["status"], invitation["invited_by_id"]) == ("pending", str(shared.user_id))
    answer = accept(client, mailed(shared, email))
    assert answer.status_code == 201, answer.text
    user = answer.json["user"]
    assert (user["email"], user["role"], user["name"]) == (email, "accountant", "Grace Hopper")
    assert answer.json["organization"]["id"] == str(shared.organization_id)
    bearer = {"Authorization": f"Bearer {login(client, email).json['access_token']}"}
    assert client.get("/v1/customers", headers=bearer).status_code == 200
    read = shared.get(invitation["links"]["self"]).json
    assert (read["status"], read["user_id"]) == ("accepted", user["id"])
    refused(shared.delete(read["links"]["self"]), 409, "invitation-accepted")
    refused(shared.post(f"{read['links']['self']}/resend"), 409, "invitation-accepted")
    refused(shared.post(PATH, {"email": email.upper(), "role": "viewer"}), 409, "user-exists", "/email")


def test_the_mail_has_a_token_that_nothing_else_has(
    client: FlaskClient, tenant: Tenant, addresses: Addresses, capfd: pytest.CaptureFixture[str]
) -> None:
    email = guest(tenant)
    answer = tenant.post(PATH, {"email": email, "role": "viewer"}, Idempotency_Key="once")
    token = mailed(tenant, email)
    assert len(token) == 47
    accept(client, token, password="short")
    accept(client, token)
    shown = [answer, tenant.get(PATH), tenant.get("/v1/events?limit=100"), tenant.get("/v1/audit-log")]
    assert not any(token in one.text for one in shown)
    captured = capfd.readouterr()
    assert token not in captured.out + captured.err
    with connected(addresses.owner) as cursor:
        for table in ("invitations", "mails", "events", "audit_entries", "idempotency_keys", "sessions"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{token}%"])  # noqa: S608 - our own
            assert cursor.fetchone() == (0,), table


def test_a_link_leads_to_the_front_end_that_is_set_and_to_no_host_of_a_request(
    app: Flask, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, linked = guest(tenant), guest(tenant)
    created(tenant.post(PATH, {"email": plain, "role": "viewer"}, Host="evil.example.com"))
    (letter,) = letters(tenant, plain)
    assert "evil" not in letter["text"]
    assert "://" not in letter["text"]
    assert f"POST {DOOR}" in letter["text"]
    monkeypatch.setitem(app.config, "BILLING_APP_URL", "https://app.example.com")
    invited(tenant, linked)
    (letter,) = letters(tenant, linked)
    assert re.search(r"\nhttps://app\.example\.com/accept-invitation#token=inv_[\w-]{43}\n", letter["text"])


def test_the_name_of_an_organization_adds_no_line_to_the_mail(tenant: Tenant, addresses: Addresses) -> None:
    """One that stands from a time when names could have several lines."""
    with connected(addresses.owner) as cursor:
        named = "UPDATE organizations SET name = %s WHERE id = %s"
        cursor.execute(named, ["A\r\nBcc: b@example.com\r\n\r\nB", str(tenant.organization_id)])
    email = guest(tenant)
    invited(tenant, email)
    (letter,) = letters(tenant, email)
    assert letter["subject"] == "Invitation to A Bcc: b@example.com B"
    assert "work in A Bcc: b@example.com B, as viewer" in letter["text"]


def test_one_invitation_of_an_address_is_open_at_a_time(client: FlaskClient, shared: Tenant, other: Tenant) -> None:
    email = guest(shared)
    first = invited(shared, email)
    refused(shared.post(PATH, {"email": email.title(), "role": "viewer"}), 409, "invitation-pending", "/email")
    invited(other, email)
    old = mailed(shared, email)
    again = shared.post(f"{first['links']['self']}/resend", If_Match='"1"')
    assert (again.status_code, again.json["status"], again.json["version"]) == (200, "pending", 2)
    refused(accept(client, old), 422, "invalid-invitation", "/token")
    fresh = mailed(shared, email)
    assert shared.delete(first["links"]["self"]).status_code == 204
    refused(accept(client, fresh), 422, "invalid-invitation", "/token")
    assert accept(client, mailed(other, email)).status_code == 201


def test_every_token_that_is_no_good_is_refused_alike(client: FlaskClient, tenant: Tenant) -> None:
    tokens = {"unknown": f"inv_{'a' * 43}"}
    for name in ("used", "revoked", "replaced", "expired", "closed"):
        email = guest(tenant)
        invitation = invited(tenant, email)
        tokens[name] = mailed(tenant, email)
        if name == "used":
            assert accept(client, tokens[name]).status_code == 201
        elif name == "revoked":
            tenant.delete(invitation["links"]["self"])
        elif name == "replaced":
            tenant.post(f"{invitation['links']['self']}/resend")
    late = clock.now() + dt.timedelta(days=7, seconds=5)
    with time_machine.travel(late, tick=False):
        problems = [accept(client, tokens["expired"]).json]
        filtered = {
            one["status"] for one in client.get(f"{PATH}?status=expired", headers=_fresh(client, tenant)).json["data"]
        }
        assert filtered == {"expired"}
    assert tenant.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    problems += [accept(client, token).json for name, token in tokens.items() if name != "expired"]
    told = [{name: value for name, value in one.items() if name != "request_id"} for one in problems]
    assert all(one == told[0] for one in told)
    assert told[0]["code"] == "invalid-invitation"


def _fresh(client: FlaskClient, tenant: Tenant) -> dict[str, str]:
    grant = login(client, tenant.email).json
    return {"Authorization": f"Bearer {grant['access_token']}"}


def test_an_expired_invitation_makes_room_and_lives_again_when_it_is_sent_anew(
    client: FlaskClient, tenant: Tenant
) -> None:
    email, other = guest(tenant), guest(tenant)
    old, kept = invited(tenant, email), invited(tenant, other)
    with time_machine.travel(clock.now() + dt.timedelta(days=8), tick=True):
        bearer = _fresh(client, tenant)
        new = client.post(PATH, json={"email": email, "role": "admin"}, headers=bearer)
        assert new.status_code == 201, new.text
        assert client.get(old["links"]["self"], headers=bearer).status_code == 404
        assert client.post(f"{kept['links']['self']}/resend", headers=bearer).json["status"] == "pending"
        assert accept(client, mailed(tenant, other)).status_code == 201


def test_an_address_with_an_account_elsewhere_is_answered_like_any_other(
    app: Flask, client: FlaskClient, shared: Tenant, other: Tenant
) -> None:
    answers, statements = [], []
    unknown = guest(shared)
    for email in (unknown, other.email):
        with recorded(app) as sent:
            answers.append(shared.post(PATH, {"email": email, "role": "viewer"}))
        statements.append(len(sent))
    shapes = [
        {name: value for name, value in answer.json.items() if name not in {"id", "links", "email"}}
        | {"created_at": 0, "updated_at": 0, "expires_at": 0}
        for answer in answers
    ]
    assert answers[0].status_code == answers[1].status_code == 201
    assert shapes[0] == shapes[1]
    assert sorted(answers[0].headers.keys()) == sorted(answers[1].headers.keys())
    assert statements[0] == statements[1]
    (letter,) = letters(shared, other.email)
    assert "inv_" not in letter["text"]
    assert "an account with this address already" in letter["text"]


def test_an_account_that_was_opened_elsewhere_meanwhile_stands_in_the_way(
    app: Flask, client: FlaskClient, shared: Tenant
) -> None:
    email = guest(shared)
    invited(shared, email)
    body = {"organization_name": "Own", "country": "DE", "currency": "EUR", "name": "Ada", "password": PASSWORD}
    assert client.post("/v1/auth/sign-up", json={**body, "email": email}).status_code == 201
    assert accept(client, mailed(shared, email)).json["code"] == "email-registered"


def test_of_eight_who_accept_at_once_one_comes_in(app: Flask, shared: Tenant) -> None:
    email = guest(shared)
    invited(shared, email)
    token = mailed(shared, email)
    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(lambda _: accept(app.test_client(), token).status_code, range(8)))
    assert told == [201] + [422] * 7
    assert len(shared.get(f"/v1/users?email={email}").json["data"]) == 1


@pytest.mark.parametrize("deed", ["invite", "resend", "revoke"])
def test_nobody_invites_or_deals_with_invitations_above_themselves(
    shared: Tenant, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, email = shared.colleague("admin"), guest(shared)
    path = "" if deed == "invite" else invited(shared, email, "owner")["links"]["self"]

    def attempt() -> TestResponse:
        if deed == "invite":
            return admin.post(PATH, {"email": email, "role": "owner"})
        return admin.post(f"{path}/resend") if deed == "resend" else admin.delete(path)

    refused(attempt(), 403, "role-out-of-reach", "/role")
    monkeypatch.setattr(service.users, "refuse_beyond", lambda *_: None)
    assert attempt().status_code < 300, "without the rule it would be done"


@pytest.mark.parametrize(
    ("change", "left"), [({"status": "disabled"}, set()), ({"role": "viewer"}, {"viewer"}), (None, set())]
)
def test_what_somebody_sent_who_may_not_any_more_is_taken_back(
    client: FlaskClient, tenant: Tenant, change: dict[str, str] | None, left: set[str]
) -> None:
    admin = tenant.colleague("admin")
    emails = {role: guest(tenant) for role in ("viewer", "admin")}
    for role, email in emails.items():
        invited(admin, email, role)
    mine = guest(tenant)
    invited(tenant, mine)
    place = f"/v1/users/{admin.user_id}"
    answer = tenant.patch(place, change) if change else tenant.delete(place)
    assert answer.status_code < 300
    stand = {role for role, email in emails.items() if accept(client, mailed(tenant, email)).status_code == 201}
    assert stand == left
    assert accept(client, mailed(tenant, mine)).status_code == 201


def test_who_was_kept_out_would_come_in_again_if_their_invitations_stood(
    client: FlaskClient, shared: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above does not sleep."""
    admin, email = shared.colleague("admin"), guest(shared)
    invited(admin, email, "admin")
    monkeypatch.setattr(service.users, "_on_reach", [])
    assert shared.patch(f"/v1/users/{admin.user_id}", {"status": "disabled"}).status_code == 200
    assert accept(client, mailed(shared, email)).status_code == 201


@pytest.mark.parametrize("folded", ["as today", "otherwise"])
def test_a_person_who_came_by_an_invitation_takes_it_along(
    client: FlaskClient, shared: Tenant, addresses: Addresses, folded: str
) -> None:
    """Also where addresses were compared by another rule when it was sent."""
    email = guest(shared)
    invitation = invited(shared, email)
    user = accept(client, mailed(shared, email)).json["user"]
    if folded == "otherwise":
        with connected(addresses.owner) as cursor:
            cursor.execute("UPDATE invitations SET email_key = 'x' || email_key WHERE id = %s", [invitation["id"]])
    assert shared.delete(f"/v1/users/{user['id']}").status_code == 204
    assert shared.get(invitation["links"]["self"]).status_code == 404
    with connected(addresses.owner) as cursor:
        for table in ("users", "invitations", "events", "audit_entries"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{email}%"])  # noqa: S608 - our own
            assert cursor.fetchone() == (0,), table


def test_the_name_may_be_left_out_where_the_invitation_has_one(client: FlaskClient, shared: Tenant) -> None:
    named, nameless = guest(shared), guest(shared)
    invited(shared, named, name="Grace")
    invited(shared, nameless)
    refused(accept(client, mailed(shared, nameless), name=None), 422, "required", "/name")
    assert accept(client, mailed(shared, nameless)).status_code == 201, "a refusal does not use it up"
    assert accept(client, mailed(shared, named), name=None).json["user"]["name"] == "Grace"


def test_a_weak_password_does_not_use_the_invitation_up(client: FlaskClient, shared: Tenant) -> None:
    email = guest(shared)
    invited(shared, email)
    refused(accept(client, mailed(shared, email), password="password1234"), 422, "password-too-weak", "/password")
    assert accept(client, mailed(shared, email)).status_code == 201


def test_the_name_of_the_organization_is_no_password(client: FlaskClient, shared: Tenant) -> None:
    email = guest(shared)
    invited(shared, email)
    refused(accept(client, mailed(shared, email), password="Analytical Engines"), 422, "password-too-weak", "/password")
