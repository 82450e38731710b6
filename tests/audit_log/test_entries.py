"""What the audit log notes, of whom, from where; and that nothing personal and no secret gets into it."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from billing_api import clock
from billing_api.audit_log import service as log
from billing_api.auth import service as auth
from billing_api.auth.service import open_session, refused_logins
from billing_api.database import transaction
from billing_api.domain.audit_actions import ACTIONS
from billing_api.embedded import Addresses
from tests.factories import PASSWORD, Tenant, login, refresh, sign_up
from tests.schema import connected
from tests.web.refusals import refused

LOG = "/v1/audit-log"
HOUSE = Path(log.__file__).parents[1]
CANARY = "canary9Zk"


def entries(tenant: Tenant, query: str = "") -> list[dict[str, Any]]:
    """The log of a tenant, the oldest first."""
    answer = tenant.get(f"{LOG}?sort=created_at&limit=100{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["data"]
    return found


def actions(tenant: Tenant) -> list[str]:
    return [entry["action"] for entry in entries(tenant)]


def test_a_session_is_noted_from_its_beginning_to_its_end(tenant: Tenant) -> None:
    assert actions(tenant)[:3] == ["organization.created", "user.created", "session.created"]
    me = tenant.get("/v1/me").json["credential"]["session_id"]
    tenant.post("/v1/auth/logout")
    again = login(tenant.client, tenant.email, headers={"User-Agent": "curl/8", "X-Request-Id": "mine"}).json
    tenant.access_token = again["access_token"]
    ended, created = entries(tenant)[-2:]
    user = {"type": "user", "id": str(tenant.user_id)}
    assert (ended["action"], ended["object"], ended["actor"]) == ("session.ended", {"type": "session", "id": me}, user)
    assert ended["data"] == {"user_id": user["id"], "reason": "logout"}
    assert (created["action"], created["actor"]) == ("session.created", user)
    assert created["data"] == {"user_id": user["id"], "carrier": "body"}
    assert (created["address"], created["user_agent"], created["request_id"]) == ("127.0.0.1", "curl/8", "mine")
    assert tenant.get(created["links"]["self"]).json == created


def test_a_refused_login_is_noted_with_its_reason_for_its_organization_alone(tenant: Tenant) -> None:
    disabled = tenant.colleague("viewer", status="disabled")
    tries = [(tenant, "a wrong long password"), (disabled, PASSWORD), (disabled, "a wrong long password")]
    answers = [login(tenant.client, user.email, password) for user, password in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json["detail"] for answer in answers}) == 1
    noted = entries(tenant, "&action=login.refused")
    assert [(one["object"]["id"], one["data"]["reason"]) for one in noted] == [
        (str(tenant.user_id), "wrong password"),
        (str(disabled.user_id), "disabled"),
        (str(disabled.user_id), "wrong password"),
    ]
    # Whoever tried has not shown to be that user.
    assert {(one["actor"]["type"], one["actor"]["id"], one["address"]) for one in noted} == {
        ("system", None, "127.0.0.1")
    }


def test_an_unknown_address_is_only_counted(tenant: Tenant) -> None:
    counted = refused_logins.labels("unknown address")
    before = counted._value.get()
    assert login(tenant.client, f"nobody.{tenant.email}").status_code == 401
    assert counted._value.get() == before + 1
    assert "login.refused" not in actions(tenant)


def test_a_refresh_token_that_comes_twice_is_noted_although_it_is_refused(tenant: Tenant) -> None:
    other = login(tenant.client, tenant.email).json
    assert refresh(tenant.client, other["refresh_token"]).status_code == 200
    refused(refresh(tenant.client, other["refresh_token"]), 401, "refresh-token-reused")
    reused, ended = entries(tenant)[-2:]
    assert (reused["action"], ended["action"]) == ("session.refresh_reused", "session.ended")
    assert reused["object"] == ended["object"]
    assert ended["data"]["reason"] == "refresh token reused"


def test_a_changed_organization_is_noted_by_the_names_of_its_members(tenant: Tenant) -> None:
    assert tenant.patch("/v1/organization", {"phone": CANARY, "net_terms_days": 7}).status_code == 200
    noted = entries(tenant)[-1]
    assert (noted["action"], sorted(noted["data"]["changed"])) == ("organization.updated", ["net_terms_days", "phone"])
    assert tenant.patch("/v1/organization?dry_run=true", {"phone": "1"}).status_code == 200
    assert tenant.patch("/v1/organization", {"phone": 1, "name": None}).status_code == 422
    assert entries(tenant)[-1] == noted


def test_a_token_from_the_command_line_is_noted_as_the_systems(app: Flask, tenant: Tenant) -> None:
    with app.app_context(), transaction():
        open_session(tenant.email, dt.timedelta(days=1))
    noted = entries(tenant)[-1]
    assert (noted["action"], noted["actor"]) == ("session.created", {"type": "system", "id": None})
    assert (noted["address"], noted["request_id"]) == (None, None)
    assert noted["data"] == {"user_id": str(tenant.user_id), "carrier": "body"}


def test_what_leaves_as_a_table_is_noted_without_the_values_of_its_parameters(tenant: Tenant) -> None:
    customer = tenant.customer(email=f"{CANARY}@example.com")
    asked = f"/v1/customers?email={CANARY}@example.com&limit=7"
    assert tenant.get(asked, Accept="text/csv", X_Request_Id="taken").mimetype == "text/csv"
    noted = entries(tenant)[-1]
    assert (noted["action"], noted["object"], noted["request_id"]) == ("export.made", None, "taken")
    assert noted["actor"] == {"type": "user", "id": str(tenant.user_id)}
    assert noted["data"] == {"path": "/v1/customers", "ids": {}, "parameters": ["email", "limit"], "items": 1}
    assert tenant.get(f"{customer['links']['self']}/statement", Accept="text/csv").status_code == 200
    data = entries(tenant)[-1]["data"]
    assert (data["path"], data["ids"]) == ("/v1/customers/{customer_id}/statement", {"customer_id": customer["id"]})
    before = actions(tenant)
    for path, kind in (("/v1/customers", "application/json"), ("/v1/customers?limit=x", "text/csv")):
        tenant.get(path, Accept=kind)
    tenant.call("HEAD", "/v1/customers", Accept="text/csv")
    tenant.colleague("viewer").get(LOG, Accept="text/csv")
    assert [action for action in actions(tenant)[len(before) :] if action == "export.made"] == []


def test_a_table_that_cannot_be_noted_does_not_leave(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "clock", Broken())
    answer = tenant.get("/v1/customers", Accept="text/csv")
    assert (answer.status_code, answer.json["code"]) == (500, "internal-error")


class Broken:
    def now(self) -> dt.datetime:
        raise LookupError


def test_every_action_is_noted_somewhere_and_no_other_can_be(app: Flask, tenant: Tenant) -> None:
    catalogues = {"audit_actions", "event_types"}
    code = "".join(path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.py") if path.stem not in catalogues)
    assert [action for action in ACTIONS if f'"{action}"' not in code] == []
    with app.app_context(), transaction(), pytest.raises(LookupError, match="no action"):
        log.note("user.dismissed")
    refused(tenant.get(f"{LOG}?action=login.refused,user.dismissed"), 400)


def test_the_log_is_found_by_action_actor_object_and_time(tenant: Tenant) -> None:
    colleague = tenant.colleague("admin")
    colleague.patch("/v1/organization", {"phone": "1"})
    since = clock.now()
    login(tenant.client, tenant.email, "a wrong long password")
    assert {one["action"] for one in entries(tenant, "&action=login.refused,user.created")} == {
        "login.refused",
        "user.created",
    }
    assert [one["action"] for one in entries(tenant, f"&actor_id={colleague.user_id}")] == ["organization.updated"]
    assert [one["action"] for one in entries(tenant, f"&object_id={tenant.user_id}")] == [
        "user.created",
        "login.refused",
    ]
    instant = since.isoformat().replace("+00:00", "Z")
    assert [one["action"] for one in entries(tenant, f"&created_from={instant}")] == ["login.refused"]
    assert "login.refused" not in [one["action"] for one in entries(tenant, f"&created_to={instant}")]
    assert entries(tenant, f"&actor_id={uuid.uuid4()}") == []
    refused(tenant.get(f"{LOG}?action=x"), 400)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("login.refused,session.begun,foo", "There is no action session.begun, but session.created, session.ended, "),
        ("api_keys.created", "There is no action api_keys.created, but such of api_key, customer, export, "),
        ("foo", "There is no action foo, but such of api_key, customer, export, invitation, login, organization, "),
        ("Login.refused", "Up to ten actions such as login.refused belong here"),
        (",".join(["login.refused"] * 11), "Up to ten actions such as login.refused belong here"),
    ],
)
def test_an_action_that_there_is_not_is_named_with_those_that_could_be_meant(
    tenant: Tenant, asked: str, told: str
) -> None:
    (fault,) = refused(tenant.get(f"{LOG}?action={asked}"), 400)["errors"]
    assert (fault["parameter"], fault["code"]) == ("action", "wrong-format")
    assert fault["detail"].startswith(told)
    assert len(fault["detail"]) < 500


@pytest.mark.parametrize("several", ["", "&action=organization.created,user.created,organization.updated"])
def test_pages_of_the_log_meet_every_entry_once(tenant: Tenant, several: str) -> None:
    for n in range(5):
        tenant.patch("/v1/organization", {"phone": str(n)})
    whole = [one["id"] for one in tenant.get(f"{LOG}?limit=100{several}").json["data"]]
    path, seen = f"{LOG}?limit=2{several}&include_total=true", []
    while path:
        page = tenant.get(path)
        assert page.json["total_count"] == len(whole)
        seen += [one["id"] for one in page.json["data"]]
        path = page.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == whole
    assert len(whole) >= 8


def leave_traces(app: Flask) -> Tenant:
    """All that is noted, with the canary wherever a client can put it but the name of its program."""
    tenant = sign_up(
        app,
        organization_name=CANARY,
        name=CANARY,
        email=f"{CANARY}{uuid.uuid4().hex}@example.com",
        password=f"{CANARY} among nine green ladders",
    )
    login(tenant.client, tenant.email, f"{CANARY} wrong password")
    grant = login(tenant.client, tenant.email, f"{CANARY} among nine green ladders").json
    for _ in range(2):
        refresh(tenant.client, grant["refresh_token"])
    tenant.patch("/v1/organization", {"phone": CANARY, "email": f"{CANARY}@example.com", "legal_notice": CANARY})
    customer = tenant.customer(name=CANARY, email=f"{CANARY}@example.com", metadata={CANARY: CANARY})
    tenant.get(f"/v1/customers?email={CANARY}@example.com", Accept="text/csv")
    assert tenant.post(f"{customer['links']['self']}/anonymize").status_code == 200
    assert tenant.post("/v1/organization/close", {"name": CANARY}).status_code == 200
    return tenant


def traces(addresses: Addresses, tenant: Tenant) -> str:
    """All that log and events hold of a tenant."""
    found = ""
    with connected(addresses.owner) as cursor:
        for table in ("audit_entries", "events"):
            query = f"SELECT string_agg(to_jsonb(t)::text, ' ') FROM {table} t WHERE organization_id = %s"  # noqa: S608
            cursor.execute(query, [str(tenant.organization_id)])
            found += cursor.fetchone()[0]
    return found


def test_nothing_personal_and_no_secret_is_noted_stated_or_logged(
    app: Flask, addresses: Addresses, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = leave_traces(app)
    written = traces(addresses, tenant) + capsys.readouterr().out
    assert "customer.anonymized" in written
    assert "export.made" in written
    assert CANARY not in written
    assert "rt_" not in written
    note = auth.note
    monkeypatch.setattr(auth, "note", lambda action, row, **data: note(action, row, email=row.email, **data))
    assert CANARY in traces(addresses, leave_traces(app))
