"""Lists of people, of invitations and of API keys are served by indexes, as `test_list_plans` has it of all others."""

from collections.abc import Iterator

import pytest

from billing_api.embedded import Addresses
from config import Config
from tests.factories import Tenant, created, sign_up
from tests.last_pages import last_page
from tests.schema import application, as_superuser, scratch
from tests.statements import nodes, plan_of, rows_read
from tests.test_list_plans import COLUMNS, MOST_READ, ROWS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MADE = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM (
SELECT made.* FROM {table} one, generate_series(1, %(rows)s) n, LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'email', n || '@example.com', 'email_key', n || '@example.com', 'digest', 'D' || n,
    'role', CASE WHEN n %% 500 = 0 THEN 'admin' WHEN n %% 300 = 1 THEN 'accountant' ELSE 'viewer' END,
    'status', CASE WHEN n %% 400 = 0 THEN 'disabled' ELSE 'active' END,
    'expires_at', one.created_at + CASE WHEN n %% 500 = 0 THEN 1000 ELSE -1 END * interval '1 day',
    'revoked_at', CASE WHEN n %% 500 <> 0 THEN one.created_at END,
    'created_at', one.created_at - n * interval '7 minutes'
)) made WHERE one.id = %(id)s) rows
"""


@pytest.fixture(scope="module")
def big(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenant]:
    """A tenant with 20,000 people, invitations whose time is over, but for a few, and keys that were revoked."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("people")) as app:
        tenant = sign_up(app)
        # The planner must not find the tenant's own condition selective because nobody else is there.
        sign_up(app)
        fill(tenant, there)
        yield tenant


def fill(tenant: Tenant, addresses: Addresses) -> None:
    key = created(tenant.post("/v1/api-keys", {"name": "Shop", "scopes": ["customers:read"]}))["id"]
    guest = created(tenant.post("/v1/invitations", {"email": "guest@example.com", "role": "viewer"}))["id"]
    with as_superuser(addresses) as cursor:
        for table, id in (("users", str(tenant.user_id)), ("invitations", guest), ("api_keys", key)):
            cursor.execute(COLUMNS, [table])
            cursor.execute(MADE.format(table=table, columns=cursor.fetchone()[0]), {"rows": ROWS, "id": id})
            cursor.execute(f"ANALYZE {table}")


ORDERS = ["sort=created_at", "sort=-created_at"]
LISTS = {
    "users": [
        *ORDERS, "role=viewer", "role=admin", "role=admin,owner", "role=viewer,admin&sort=created_at",
        "status=disabled", "status=active", "status=active,disabled", "role=admin&status=active",
        "role=viewer&status=disabled", "email=77@example.com", "email=nobody@example.com",
    ],
    "invitations": [
        *ORDERS, *(f"status={one}&{order}" for one in ("pending", "expired", "accepted") for order in ORDERS),
        "status=pending,accepted",
    ],
    "api-keys": [*ORDERS, *(f"revoked={one}&{order}" for one in ("true", "any") for order in ORDERS)],
}  # fmt: skip
QUERIES = [(resource, query) for resource, queries in LISTS.items() for query in queries]


@pytest.mark.parametrize(("resource", "query"), QUERIES)
def test_a_list_reads_about_as_many_rows_as_it_shows(big: Tenant, resource: str, query: str) -> None:
    plan = plan_of(big, f"/v1/{resource}?{query}", resource.replace("-", "_"))
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], plan
    assert rows_read(plan) <= MOST_READ, plan


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize("resource", ["users", "invitations"])
def test_the_last_page_reads_what_the_first_does(big: Tenant, resource: str, sort: str) -> None:
    """Plant the flaw by an OFFSET in place of the cursor's condition."""
    path, limit = f"/v1/{resource}", 50
    first, last = (
        rows_read(plan_of(big, page, resource))
        for page in (f"{path}?sort={sort}&limit={limit}", last_page(big, path, sort, limit))
    )
    assert max(first, last) <= 1.2 * min(first, last) <= MOST_READ
