"""What every migration of a tenant's table needs: the wall between tenants, and the service's rights.

Migrations of the past use it as it stands: add to it, and change nothing.
"""

from alembic import op
from flask import current_app
from sqlalchemy.engine import make_url

# After a transaction that set it, the setting reads as empty text in the next transaction, and not as NULL.
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"


def wall(table: str, *, column: str = "organization_id", reveal: str | None = None) -> None:
    """Let a table show each tenant its own rows only, to its owner too; `reveal` is a condition under which one row is
    visible to all, because its secret is known."""
    condition = f"{column} = {TENANT}"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})")
    if reveal:
        op.execute(f"CREATE POLICY revealed ON {table} FOR SELECT USING ({reveal})")


def reap(table: str, since: str) -> None:
    """Let the reaper find, across tenants, the rows of a table whose time is over: `since` is an SQL expression, and
    the setting of the policy the instant before which it has to be. What it finds it deletes inside the tenant."""
    setting = f"nullif(current_setting('app.reaped_{table}', true), '')::timestamptz"
    op.execute(f"CREATE POLICY reaped ON {table} FOR SELECT USING ({since} < {setting})")


def grant(table: str, rights: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Give the service's role these rights, where it is another role than the owner."""
    if role := _service():
        op.execute(f'GRANT {rights} ON {table} TO "{role}"')


def revoke(table: str, rights: str) -> None:
    """Take these rights from the service's role again, on the way down."""
    if role := _service():
        op.execute(f'REVOKE {rights} ON {table} FROM "{role}"')


def _service() -> str | None:
    """The service's role, where it is another than the owner."""
    role = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).username
    owner = op.get_bind().exec_driver_sql("SELECT current_user").scalar()
    return role if role != owner else None
