"""The people of an organization: who may change whom, what holds at once, and that an owner is always left."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.domain.access import ROLES
from billing_api.embedded import Addresses
from billing_api.users import service
from tests import sharing
from tests.factories import PASSWORD, Tenant, login, refresh
from tests.meddling import one_within_the_other
from tests.money_races import outcome_of
from tests.schema import connected

shared = sharing.tenant
HANGING = {"invitations", "sessions", "password_resets", "second_factors"}
"""Tables whose rows belong to a person; refresh tokens hang on sessions, recovery codes on second factors."""


def place(person: Tenant) -> str:
    return f"/v1/users/{person.user_id}"


def refused(answer: TestResponse, status: int, code: str) -> list[str | None]:
    """The pointers of a refusal."""
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    return [fault["pointer"] for fault in answer.json["errors"]]


def ids(answer: TestResponse) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {one["id"] for one in answer.json["data"]}


def test_people_are_found_by_role_status_and_address(tenant: Tenant) -> None:
    viewer, gone = tenant.colleague("viewer"), tenant.colleague("accountant", "disabled")
    everybody = {str(one.user_id) for one in (tenant, viewer, gone)}
    assert ids(tenant.get("/v1/users")) == everybody
    assert ids(tenant.get("/v1/users?role=viewer,accountant")) == everybody - {str(tenant.user_id)}
    assert ids(tenant.get("/v1/users?status=disabled")) == {str(gone.user_id)}
    assert ids(tenant.get(f"/v1/users?email={viewer.email.upper()}")) == {str(viewer.user_id)}
    first = tenant.get("/v1/users?limit=2&sort=created_at")
    assert [one["id"] for one in first.json["data"]] == [str(tenant.user_id), str(viewer.user_id)]
    rest = tenant.get(first.headers["Link"].partition(">")[0][1:])
    assert ids(rest) == {str(gone.user_id)}
    one = tenant.get(place(viewer))
    assert one.json["links"]["self"] == place(viewer)
    assert one.headers["ETag"] == '"1"'


def test_a_change_needs_the_version_that_was_read(shared: Tenant) -> None:
    viewer = shared.colleague("viewer")
    assert shared.patch(place(viewer), {"name": "x"}, If_Match='"7"').status_code == 412
    answer = shared.patch(place(viewer), {"name": "Grace"}, If_Match='"1"')
    assert (answer.status_code, answer.json["name"], answer.headers["ETag"]) == (200, "Grace", '"2"')
    assert shared.delete(place(viewer), If_Match='"1"').status_code == 412
    (event,) = [
        one
        for one in shared.get("/v1/events?limit=100&type=user.updated").json["data"]
        if one["object"]["id"] == str(viewer.user_id)
    ]
    assert (event["changed"], event["data"]) == (["name"], {})


def test_a_new_role_and_a_disabled_user_hold_for_the_next_request(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("accountant")
    assert person.get("/v1/customers").status_code == 200
    assert shared.patch(place(person), {"role": "viewer"}).status_code == 200
    assert person.get("/v1/customers").status_code == 401
    lowered = refresh(client, person.refresh_token).json
    assert "customers:write" not in lowered["scope"]
    assert shared.patch(place(person), {"status": "disabled"}).status_code == 200
    tokens = [lowered["refresh_token"], person.refresh_token]
    bearer = {"Authorization": f"Bearer {lowered['access_token']}"}
    for status, logs_in in (("disabled", 401), ("active", 200)):
        assert shared.patch(place(person), {"status": status}).status_code == 200
        # Whoever may come in again comes in by the door: no session of before is alive.
        assert client.get("/v1/me", headers=bearer).status_code == 401
        assert [refresh(client, token).status_code for token in tokens] == [401, 401]
        assert login(client, person.email).status_code == logs_in
    unknown = login(client, "nobody@example.com")
    shared.patch(place(person), {"status": "disabled"})
    assert login(client, person.email).json["code"] == unknown.json["code"]


def test_sessions_would_come_to_life_again_if_disabling_did_not_end_them(
    client: FlaskClient, shared: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above does not sleep."""
    person = shared.colleague("viewer")
    monkeypatch.setattr(service.sessions, "end_all", lambda *_: None)
    for status in ("disabled", "active"):
        shared.patch(place(person), {"status": status})
    assert refresh(client, person.refresh_token).status_code == 200


BEYOND = [
    ({"role": "owner"}, "viewer", ["/role"]),
    ({"role": "viewer"}, "owner", ["/role"]),
    ({"status": "disabled"}, "owner", ["/status"]),
    ({"name": "x"}, "owner", ["/name"]),
]


@pytest.mark.parametrize(("change", "role", "pointers"), BEYOND)
def test_nobody_gives_takes_or_touches_a_role_beyond_their_own(
    shared: Tenant, change: dict[str, str], role: str, pointers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, person = shared.colleague("admin"), shared.colleague(role)
    assert refused(admin.patch(place(person), change), 403, "role-out-of-reach") == pointers
    if role == "owner":
        assert refused(admin.delete(place(person)), 403, "role-out-of-reach") == []
    monkeypatch.setattr(service, "_reaches", lambda *_: True)
    assert admin.patch(place(person), change).status_code == 200, "without the rule it would be done"


def test_nobody_raises_their_own_role(shared: Tenant) -> None:
    for role in ("viewer", "accountant", "admin"):
        person = shared.colleague(role)
        higher = [one for one in ROLES if ROLES[one] > ROLES[role]]
        answers = [person.patch(place(person), {"role": one}) for one in higher]
        assert {answer.status_code for answer in answers} == {403}
        assert person.get("/v1/me").json["user"]["role"] == role


def test_a_key_reaches_as_far_as_its_scopes(client: FlaskClient, shared: Tenant) -> None:
    person, scopes = shared.colleague("viewer"), sorted(ROLES["viewer"] | {"users:write"})
    for given, told in ((["users:write"], 403), (scopes, 200)):
        key = shared.post("/v1/api-keys", {"name": "x", "scopes": given}).json["secret"]
        answer = client.patch(place(person), json={"name": "By key"}, headers={"X-API-Key": key})
        assert answer.status_code == told, answer.text
        raised = client.patch(place(person), json={"role": "accountant"}, headers={"X-API-Key": key})
        refused(raised, 403, "role-out-of-reach")


@pytest.mark.parametrize("change", [{"role": "admin"}, {"status": "disabled"}, None])
def test_the_last_owner_stays(tenant: Tenant, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.colleague("owner", "disabled")
    method = "PATCH" if change else "DELETE"
    key = tenant.post("/v1/api-keys", {"name": "x", "scopes": sorted(ROLES["owner"])}).json["secret"]
    refused(tenant.call(method, place(tenant), change), 409, "last-owner")
    by_key = tenant.app.test_client().open(place(tenant), method=method, json=change, headers={"X-API-Key": key})
    refused(by_key, 409, "last-owner")
    monkeypatch.setattr(service, "_refuse_last_owner", lambda *_, **__: None)
    assert tenant.call(method, place(tenant), change).status_code < 300, "without the rule it would be done"


def test_of_two_owners_who_remove_each_other_at_once_one_is_left(tenant: Tenant) -> None:
    for method, change in (("DELETE", None), ("PATCH", {"role": "viewer"}), ("PATCH", {"status": "disabled"})):
        pair = [tenant, tenant.colleague("owner")]
        barrier = Barrier(2)

        def deed(one: int, pair: list[Tenant] = pair, barrier: Barrier = barrier, call: Any = (method, change)) -> int:
            barrier.wait(10)
            return pair[one].call(call[0], place(pair[1 - one]), call[1]).status_code

        with ThreadPoolExecutor(2) as pool:
            told = sorted(pool.map(deed, range(2)))
        assert told[0] in {200, 204}
        assert told[1] in {401, 409}
        tenant = next(one for one in pair if one.get("/v1/users?role=owner&status=active").status_code == 200)
        assert ids(tenant.get("/v1/users?role=owner&status=active")) == {str(tenant.user_id)}


LOWERED = [("PATCH", {"role": "viewer"}), ("PATCH", {"status": "disabled"}), ("DELETE", None)]
DEEDS = [("PATCH", "", {"role": "accountant"}), ("DELETE", "", None), ("DELETE", "/second-factor", None)]


def done_at_the_last_moment(tenant: Tenant, how: tuple[str, Any], deed: tuple[str, str, Any]) -> str:
    """What comes of a deed that an admin sends while they are being lowered, which one credential can do at once."""
    admin, person = tenant.colleague("admin"), tenant.colleague("viewer")
    person.second_factor()
    (method, change), (verb, part, body) = how, deed
    calls = (method, place(admin), change), (verb, f"{place(person)}{part}", body)
    lowered, done = one_within_the_other(admin, calls, "(UPDATE|DELETE FROM) users")
    assert outcome_of(lowered) == "done"
    return outcome_of(done)


@pytest.mark.parametrize("how", LOWERED)
@pytest.mark.parametrize("deed", DEEDS)
def test_who_was_lowered_at_the_same_moment_does_nothing_more(
    tenant: Tenant, how: tuple[str, Any], deed: tuple[str, str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert done_at_the_last_moment(tenant, how, deed) == "unauthenticated"
    monkeypatch.setattr(service, "_still_holds", lambda *_: True)
    assert done_at_the_last_moment(tenant, how, deed) == "done", "without the second look it would be done"


def test_a_removed_person_leaves_nothing_behind_and_frees_the_address(
    client: FlaskClient, shared: Tenant, addresses: Addresses
) -> None:
    person = shared.colleague("admin")
    assert client.post("/v1/auth/password-reset", json={"email": person.email}).status_code == 202
    assert person.post("/v1/customers", {"name": "Theirs"}).status_code == 201
    person.second_factor()
    assert shared.delete(place(person)).status_code == 204
    assert shared.get(place(person)).status_code == 404
    assert person.get("/v1/me").status_code == 401
    assert login(client, person.email).status_code == 401
    assert refresh(client, person.refresh_token).status_code == 401
    with connected(addresses.owner) as cursor:
        for table in sorted(HANGING):
            cursor.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", [str(person.user_id)])  # noqa: S608 - our own
            assert cursor.fetchone() == (0,), table
        cursor.execute("SELECT count(*) FROM events WHERE events::text LIKE %s", [f"%{person.email}%"])
        assert cursor.fetchone() == (0,)
    done = [one for one in shared.get("/v1/events?limit=100").json["data"] if one["actor"]["id"] == str(person.user_id)]
    assert "customer.created" in {one["type"] for one in done}
    again = shared.post("/v1/invitations", {"email": person.email, "role": "viewer"})
    assert again.status_code == 201, again.text


def test_the_attempts_of_a_removed_person_are_forgotten_with_them(
    client: FlaskClient, shared: Tenant, addresses: Addresses
) -> None:
    """They name nobody, but would stand in the way of whoever has the address next."""

    def counted() -> set[bytes]:
        with connected(addresses.owner) as cursor:
            cursor.execute("SELECT subject FROM login_attempts")
            return {bytes(subject) for (subject,) in cursor}

    person, before = shared.colleague("viewer"), counted()
    person.second_factor()
    assert login(client, person.email, code="000000").status_code == 401
    wrong = {"current_password": "wrong", "new_password": PASSWORD}
    assert person.put("/v1/me/password", wrong).status_code == 422
    assert len(counted() - before) == 3, "those at the door, those of who is in, and those of codes"
    assert shared.delete(place(person)).status_code == 204
    assert counted() == before


def test_all_that_hangs_on_a_person_is_known(addresses: Addresses) -> None:
    """Who adds a table here lets `auth.service.remove` empty it, or the resource itself (`users.on_removed`)."""
    with connected(addresses.owner) as cursor:
        cursor.execute("SELECT conrelid::regclass::text FROM pg_constraint WHERE confrelid = 'users'::regclass")
        assert {name for (name,) in cursor} == HANGING


def test_people_change_their_own_name_and_nothing_else(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("viewer")
    answer = person.patch("/v1/me", {"name": "Ada King"})
    assert (answer.status_code, answer.json["user"]["name"]) == (200, "Ada King")
    assert refused(person.patch("/v1/me", {"role": "owner"}), 422, "unknown-member") == ["/role"]
    key = shared.post("/v1/api-keys", {"name": "x", "scopes": ["events:read"]}).json["secret"]
    assert refused(client.patch("/v1/me", json={"name": "x"}, headers={"X-API-Key": key}), 403, "needs-person") == []


def test_a_login_that_meets_the_removal_of_its_user_is_refused_like_any_other(
    client: FlaskClient, shared: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = shared.colleague("viewer")
    matches = service.auth.passwords.matches

    def judged(stored: str | None, password: str) -> bool:
        assert shared.delete(place(person)).status_code == 204
        return matches(stored, password)

    monkeypatch.setattr(service.auth.passwords, "matches", judged)
    refused(login(client, person.email), 401, "invalid-credentials")
