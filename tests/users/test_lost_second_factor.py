"""Somebody has lost their authenticator and their recovery codes: a colleague takes the second factor away."""

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.embedded import Addresses
from tests import sharing
from tests.factories import PASSWORD, Tenant
from tests.schema import connected
from tests.statements import recorded

shared = sharing.tenant


def place(person: Tenant) -> str:
    return f"/v1/users/{person.user_id}"


def taken_away(by: Tenant, person: Tenant) -> TestResponse:
    return by.delete(f"{place(person)}/second-factor")


def login(client: FlaskClient, person: Tenant) -> TestResponse:
    return client.post("/v1/auth/login", json={"email": person.email, "password": PASSWORD})


def has_one(asks: Tenant, person: Tenant) -> bool:
    shown = asks.get(place(person)).json
    assert asks.get(f"/v1/users?email={person.email}").json["data"] == [shown]
    return bool(shown["has_second_factor"])


def test_the_password_alone_lets_them_in_again_and_every_session_ends(
    client: FlaskClient, shared: Tenant, addresses: Addresses
) -> None:
    admin, person = shared.colleague("admin"), shared.colleague("viewer")
    before = admin.get(place(person))
    person.second_factor()
    assert has_one(admin, person)
    assert admin.get(place(person)).headers["ETag"] != before.headers["ETag"], "no 304 hides that they have one now"
    assert login(client, person).json["code"] == "second-factor-required"
    assert taken_away(admin, person).status_code == 204
    assert person.get("/v1/me").status_code == 401
    assert login(client, person).json["scope"] != ""
    assert not has_one(admin, person)
    with connected(addresses.owner) as cursor:
        cursor.execute("SELECT count(*) FROM second_factors WHERE user_id = %s", [str(person.user_id)])
        assert cursor.fetchone() == (0,)
    noted = shared.get("/v1/audit-log?action=user.second_factor_removed").json["data"][0]
    assert (noted["actor"]["id"], noted["object"]["id"]) == (str(admin.user_id), str(person.user_id))


def test_where_one_is_demanded_they_take_up_another_first(client: FlaskClient, tenant: Tenant) -> None:
    person = tenant.colleague("viewer")
    person.second_factor()
    tenant.second_factor()
    assert tenant.patch("/v1/organization", {"require_second_factor": True}).status_code == 200
    assert taken_away(tenant, person).status_code == 204
    assert login(client, person).json["scope"] == ""


def test_nobody_takes_their_own_away(client: FlaskClient, shared: Tenant) -> None:
    person = shared.colleague("owner")
    person.second_factor()
    refused = taken_away(person, person)
    assert (refused.status_code, refused.json["code"]) == (409, "own-second-factor")
    assert has_one(shared, person)
    assert person.get("/v1/me").status_code == 200


def test_it_takes_all_scopes_that_the_person_has(shared: Tenant) -> None:
    owner, admin = shared.colleague("owner"), shared.colleague("admin")
    owner.second_factor()
    refused = taken_away(admin, owner)
    assert (refused.status_code, refused.json["code"]) == (403, "role-out-of-reach")
    assert has_one(shared, owner)


def test_one_that_is_only_begun_is_none(shared: Tenant) -> None:
    person = shared.colleague("viewer")
    for prepare in (lambda: None, person.begin_second_factor):
        prepare()
        refused = taken_away(shared, person)
        assert (refused.status_code, refused.json["code"]) == (409, "second-factor-not-enrolled")
        assert not has_one(shared, person)
    assert person.get("/v1/me").status_code == 200


def test_the_list_says_who_has_one_in_one_round_trip(app: Flask, shared: Tenant) -> None:
    shared.colleague("viewer").second_factor()
    with recorded(app) as seen:
        listed = shared.get("/v1/users?limit=100").json["data"]
    assert {one["has_second_factor"] for one in listed} == {True, False}
    assert len(seen) == 1
