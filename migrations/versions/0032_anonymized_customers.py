"""Customers can be anonymized, and stored replies say whom they are about."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

NOBODY = """
anonymized_at IS NULL OR (archived AND name = 'Anonymized customer' AND num_nonnulls(legal_name, email, email_key,
external_id, registration_number, billing_address, shipping_address, phone, contact, electronic_address, exemption) = 0
AND billing_emails = '[]' AND tax_ids = '[]' AND metadata = '{}')
"""


def upgrade() -> None:
    op.add_column("customers", sa.Column("anonymized_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_customers_anonymized_is_nobody"), "customers", NOBODY)
    op.execute(
        "CREATE TRIGGER anonymized_for_good BEFORE UPDATE ON customers FOR EACH ROW "
        "WHEN (OLD.anonymized_at IS NOT NULL AND NEW.anonymized_at IS DISTINCT FROM OLD.anonymized_at) "
        "EXECUTE FUNCTION refuse_return()"
    )
    op.add_column("idempotency_keys", sa.Column("about_id", sa.Uuid(), nullable=True))
    op.create_index("ix_idempotency_keys_organization_id_about_id", "idempotency_keys", ["organization_id", "about_id"])


def downgrade() -> None:
    op.drop_column("idempotency_keys", "about_id")
    op.execute("DROP TRIGGER anonymized_for_good ON customers")
    op.drop_column("customers", "anonymized_at")
