"""Tenants whose data a test has bent on purpose, and what is broken in the database beside theirs."""

from contextlib import closing

from billing_api.checking import check
from billing_api.postgres_cluster import connect
from tests.factories import Tenant

SPOILT: set[str] = set()


def spoil(tenant: Tenant) -> None:
    """Leave this tenant out of what is held against the invariants at the end of the run."""
    SPOILT.add(str(tenant.organization_id))


def broken(url: str) -> list[str]:
    """What the tests have left behind that breaks an invariant, a line for each row."""
    spoilt = ", ".join(f"'{id}'" for id in sorted(SPOILT))
    left = []
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        for breach in check(url)[0]:
            cursor.execute(
                f"SELECT * FROM ({breach.invariant.query}\n) AS found (organization_id, id, detail) "  # noqa: S608
                f"WHERE organization_id IS NULL OR organization_id::text <> ALL (ARRAY[{spoilt}]::text[]) LIMIT 20"
            )
            left += [f"{breach.invariant.name}: {row}" for row in cursor]
    return left
