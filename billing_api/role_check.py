"""Whether the database binds the role that the service answers as: the wall between tenants is row-level security."""

from contextlib import closing
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import event

from billing_api.errors import Unavailable

ROLES_SCRIPT = "docs/docker/init-roles.sh"
_ROLE = """
SELECT rolname, EXISTS (
    SELECT FROM pg_roles AS other
    WHERE (other.rolsuper OR other.rolbypassrls) AND pg_has_role(current_user, other.oid, 'MEMBER')
), EXISTS (
    SELECT FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = to_regnamespace('public')
      AND pg_has_role(current_user, relowner, 'MEMBER')
)
FROM pg_roles WHERE rolname = current_user
"""

log = structlog.get_logger()


class UnsafeRole(Exception):
    """The service would answer as a role that row-level security does not bind; the message is one line."""


def check_connection(connection: Any, *, is_production: bool) -> None:
    """Refuse a role for which the wall between tenants does not stand.

    In development an owner of the tables without BYPASSRLS will do: row-level security is forced upon it. It could take
    the wall down, so in production it, and whoever may become it, is refused.

    Raises:
        UnsafeRole: with what to do about it.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute(_ROLE)
        name, is_unbound, is_owner = cursor.fetchone() or ("", True, True)
    if is_unbound:
        reason = "is or may become a role that is a superuser or has BYPASSRLS, "
        reason += "so that row-level security would not keep tenants apart"
    elif is_owner and is_production:
        reason = "owns the tables, or may become their owner, which only MIGRATION_DATABASE_URL should"
    else:
        return
    remedy = f"CREATE ROLE billing_service LOGIN PASSWORD '...', and name it there ({ROLES_SCRIPT} makes both roles)"
    raise UnsafeRole(f"the role {name} of DATABASE_URL {reason}; {remedy}")


def watch_role(engine: sa.Engine, *, is_production: bool) -> None:
    """Look at the role of each new connection: at the start, the database may have been away or without its tables."""

    def look(connection: Any, _record: object) -> None:
        try:
            connection.autocommit = True
            check_connection(connection, is_production=is_production)
        except UnsafeRole as error:
            connection.close()
            log.error("unsafe role", reason=str(error))
            raise Unavailable("The service must not use its database as it is set up; its log says why.") from None
        except BaseException:
            connection.close()
            raise

    event.listen(engine, "connect", look)
