"""What is over can be found across tenants, and deleted."""

from alembic import op

from billing_api.tenancy import grant, reap, revoke

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

REAPED = {
    "mails": "coalesce(sent_at, abandoned_at)",
    "idempotency_keys": "created_at",
    "refresh_tokens": "expires_at",
}
# A session goes with its last refresh token. Stored replies could be deleted before.
DELETED = ("mails", "refresh_tokens", "sessions")


def upgrade() -> None:
    for table, since in REAPED.items():
        reap(table, since)
    for table in DELETED:
        grant(table, "DELETE")
    # The reaper asks across tenants; of mails there are few.
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_refresh_tokens_expires_at", "refresh_tokens")
    op.drop_index("ix_idempotency_keys_created_at", "idempotency_keys")
    for table in DELETED:
        revoke(table, "DELETE")
    for table in REAPED:
        op.execute(f"DROP POLICY reaped ON {table}")
