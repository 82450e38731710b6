"""What changes without a new version is shown anew each time: nobody is told that what they hold still stands."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from billing_api import clock
from tests.factories import Tenant, created, login
from tests.web.refusals import refused


def again(tenant: Tenant, path: str, later: dt.timedelta = dt.timedelta(0)) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is read, and what is read later by whoever says that they hold that version."""
    before = tenant.get(path)
    with time_machine.travel(clock.now() + later):
        headers = {"Authorization": f"Bearer {login(tenant.client, tenant.email).json['access_token']}"}
        for known in (before.headers["ETag"], "*"):
            answer = tenant.client.get(path, headers={**headers, "If-None-Match": known})
            assert (answer.status_code, answer.headers["ETag"]) == (200, before.headers["ETag"])
    return before.json, answer.json


def test_an_invitation_expires_without_a_new_version(tenant: Tenant) -> None:
    made = created(tenant.post("/v1/invitations", {"email": "late@example.com", "role": "viewer"}))
    before, after = again(tenant, made["links"]["self"], dt.timedelta(days=400))
    assert (before["status"], after["status"]) == ("pending", "expired")


def test_a_key_is_used_without_a_new_version(client: FlaskClient, tenant: Tenant) -> None:
    key = created(tenant.post("/v1/api-keys", {"name": "x", "scopes": ["invoices:read"]}))
    path = key["links"]["self"]
    tag = tenant.get(path).headers["ETag"]
    assert client.get("/v1/me", headers={"X-API-Key": key["secret"]}).status_code == 200
    after = tenant.get(path, If_None_Match=tag)
    assert (after.status_code, after.headers["ETag"]) == (200, tag)
    assert after.json["last_used_at"] is not None


def test_a_series_begins_a_new_year_without_a_new_version(tenant: Tenant) -> None:
    path = tenant.get("/v1/number-series?document_type=invoice").json["data"][0]["links"]["self"]
    before, after = again(tenant, path, dt.timedelta(days=366))
    assert before["next_number"] != after["next_number"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_tag_is_still_good_for_a_change(tenant: Tenant, method: str) -> None:
    key = created(tenant.post("/v1/api-keys", {"name": "x", "scopes": ["invoices:read"]}))
    path = key["links"]["self"]
    tag = tenant.call(method, path, If_None_Match="*").headers["ETag"]
    assert tenant.patch(path, {"name": "y"}, If_Match=tag).status_code == 200
    refused(tenant.patch(path, {"name": "z"}, If_Match=tag), 412, "precondition-failed")
