"""What is noted of a change: whoever made it, and of a rule what it was and what it became."""

from typing import Any

from tests.audit_log.test_entries import entries
from tests.factories import Tenant, created


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
