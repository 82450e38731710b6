"""How Alembic reaches the database: as the owner, a transaction for each migration, and no long wait for a lock."""

import sqlalchemy as sa
from alembic import context
from flask import current_app

from billing_api.database import Base


def run() -> None:
    """Apply what was asked for, through a connection of the owner's."""
    engine = sa.create_engine(current_app.config["BILLING_MIGRATION_DATABASE_URL"], poolclass=sa.NullPool)
    with engine.connect() as connection:
        # Waiting for a lock in line with running requests would hold up all that come after them.
        connection.execute(sa.text("SET lock_timeout = '5s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            transaction_per_migration=True,
            render_as_batch=False,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
