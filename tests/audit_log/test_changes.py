"""What is noted of a change: whoever made it, and of a rule what it was and what it became."""

from typing import Any

from flask.testing import FlaskClient

from tests.audit_log.test_entries import entries
from tests.auth.holders import by_cookie
from tests.events.reading import EVENTS
from tests.factories import Tenant, created, login


def newest(tenant: Tenant, action: str) -> dict[str, Any]:
    return entries(tenant, f"&action={action}")[-1]


def test_a_new_name_of_ones_own_is_noted_as_a_colleagues_is_and_without_it(tenant: Tenant) -> None:
    assert tenant.patch("/v1/me", {"name": "Ada King"}).status_code == 200
    noted = newest(tenant, "user.updated")
    assert noted["object"] == noted["actor"] == {"type": "user", "id": str(tenant.user_id)}
    assert noted["data"] == {"changed": ["name"]}
    assert tenant.patch("/v1/me", {"name": "Ada King"}).status_code == 200
    assert newest(tenant, "user.updated") == noted


def test_a_new_name_of_a_key_is_noted_without_it(tenant: Tenant) -> None:
    key = created(tenant.post("/v1/api-keys", {"name": "x", "scopes": ["invoices:read"]}))
    assert tenant.patch(f"/v1/api-keys/{key['id']}", {"name": "y"}).status_code == 200
    noted = newest(tenant, "api_key.updated")
    assert (noted["object"], noted["data"]) == ({"type": "api_key", "id": key["id"]}, {"changed": ["name"]})


def test_of_a_rule_of_the_organization_is_noted_what_it_was_and_what_it_became(tenant: Tenant) -> None:
    before = tenant.get("/v1/organization").json
    change = {
        "require_if_match": True,
        "books_locked_until": "2020-12-31",
        "net_terms_days": 7,
        "tax_registered": False,
        "exemption_reason": "Small",
        "cancellation_mode": "void",
        "phone": "1",
        "bank_account": {"iban": "DE75512108001245126199"},
    }
    assert tenant.patch("/v1/organization", change).status_code == 200
    noted = newest(tenant, "organization.updated")["data"]
    assert sorted(noted.pop("changed")) == sorted(change)
    rules = change.keys() - {"exemption_reason", "phone", "bank_account"}
    assert noted == {name: [before[name], change[name]] for name in rules}
    assert noted["books_locked_until"] == [None, "2020-12-31"]
    # Whoever reads events alone learns the names, as before.
    event = tenant.get(f"{EVENTS}?limit=100").json["data"][-1]
    assert (sorted(event["changed"]), event["data"]) == (sorted(change), {})
    tenant.patch("/v1/organization", {"books_locked_until": None}, If_Match="*")
    assert newest(tenant, "organization.updated")["data"] == {
        "changed": ["books_locked_until"],
        "books_locked_until": ["2020-12-31", None],
    }


def test_the_sessions_of_a_person_who_is_removed_are_said_to_end(client: FlaskClient, tenant: Tenant) -> None:
    person = tenant.colleague("viewer")
    session = person.get("/v1/me").json["credential"]["session_id"]
    over = login(client, person.email).json["access_token"]
    headers = {"Authorization": f"Bearer {over}"}
    assert client.post("/v1/auth/logout", headers=headers).status_code == 204
    before = len(entries(tenant, "&action=session.ended"))
    assert tenant.delete(f"/v1/users/{person.user_id}").status_code == 204
    (ended,) = entries(tenant, "&action=session.ended")[before:]
    assert ended["object"] == {"type": "session", "id": session}
    assert ended["actor"] == {"type": "user", "id": str(tenant.user_id)}
    assert ended["data"] == {"user_id": str(person.user_id), "reason": "user removed"}
    (event,) = tenant.get(f"{EVENTS}?type=session.ended&object_id={session}").json["data"]
    assert event["data"] == ended["data"]


def test_of_a_session_is_noted_how_it_carries_its_tokens(tenant: Tenant) -> None:
    page = by_cookie(tenant)
    noted = [(one["data"]["user_id"], one["data"]["carrier"]) for one in entries(tenant, "&action=session.created")]
    # The colleague's first session is made in the database.
    assert noted == [(str(tenant.user_id), "body"), (str(page.user_id), "body"), (str(page.user_id), "cookie")]
