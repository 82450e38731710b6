"""What readiness asks of the database."""

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from billing_api.database import db
from billing_api.errors import Unavailable


def migration() -> str | None:
    """The migration at which the database stands; None before the first.

    Raises:
        Unavailable: it does not answer.
    """
    try:
        found: str | None = db.session.scalar(sa.text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        raise Unavailable("The database does not answer.") from None
    return found
