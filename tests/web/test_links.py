"""Links: from the first page to everything that can be called, and from each object to where it stands."""

from typing import Any

from flask.testing import FlaskClient

from tests.factories import PASSWORD, Tenant

SIGN_UP = {"organization_name": "New", "country": "DE", "currency": "EUR", "name": "Ada", "password": PASSWORD}


def test_the_first_page_leads_to_everything_that_needs_no_id(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"].keys()
    shown = client.get("/").json["links"].values()
    assert {path for path in paths if "{" not in path} <= {*shown, "/"}
    assert {*shown} <= {*paths, "/docs"}
    assert {"/problems/{code}", "/v1/customers/by-external-id/{external_id}"} <= {*shown}
    assert all(path.startswith("/") for path in shown)


def test_who_signs_up_is_told_where_to_find_themselves(client: FlaskClient, tenant: Tenant) -> None:
    answer = client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": f"links-{tenant.email}"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/v1/me"
    assert answer.json["user"]["links"] == {"self": "/v1/me"}
    mine = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert client.get(answer.headers["Location"], headers=mine).json["user"] == answer.json["user"]


def test_an_event_leads_to_itself_and_to_its_object(tenant: Tenant) -> None:
    customer, draft = tenant.customer(), tenant.draft()
    gone = tenant.customer()
    assert tenant.delete(gone["links"]["self"]).status_code == 204
    for event in events(tenant):
        assert tenant.get(event["links"]["self"]).json["data"] == [event]
        if "object" in event["links"] and event["object"]["id"] != gone["id"]:
            assert tenant.get(event["links"]["object"]).json["id"] == event["object"]["id"]
    objects = {(event["type"], event["links"].get("object")) for event in events(tenant)}
    assert {
        ("organization.created", "/v1/organization"),
        ("session.created", None),
        ("customer.created", customer["links"]["self"]),
        ("invoice.created", draft["links"]["self"]),
        ("customer.deleted", None),
    } <= objects


def events(tenant: Tenant) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tenant.get("/v1/events?limit=100").json["data"]
    return found
