"""The audit log is only added to: the database itself keeps it so, for the service and for its owner."""

from typing import Any

import psycopg2
import pytest

from billing_api.embedded import Addresses
from tests.factories import Tenant
from tests.schema import connected

CHANGES = (
    "UPDATE audit_entries SET action = 'nothing.happened' WHERE organization_id = %s",
    "DELETE FROM audit_entries WHERE organization_id = %s",
    "TRUNCATE audit_entries -- of %s",
)


def tried(cursor: Any, tenant: Tenant, change: str) -> str | None:
    """The database's word against a change, inside the tenant; None where it was done. Nothing is kept."""
    try:
        cursor.execute("BEGIN")
        cursor.execute("SELECT set_config('app.organization_id', %s, true)", [str(tenant.organization_id)])
        cursor.execute(change, [str(tenant.organization_id)])
    except psycopg2.Error as error:
        return error.pgcode
    finally:
        cursor.execute("ROLLBACK")
    return None


@pytest.mark.parametrize("change", CHANGES, ids=["update", "delete", "truncate"])
def test_no_role_changes_an_entry(tenant: Tenant, addresses: Addresses, change: str) -> None:
    for url, refusal in ((addresses.service, "42501"), (addresses.owner, "BA409")):
        with connected(url) as cursor:
            assert tried(cursor, tenant, change) == refusal


def test_without_its_triggers_the_owner_would_change_it(addresses: Addresses, tenant: Tenant) -> None:
    with connected(addresses.owner) as cursor:
        for change in CHANGES:
            assert tried(cursor, tenant, f"ALTER TABLE audit_entries DISABLE TRIGGER USER; {change}") is None
