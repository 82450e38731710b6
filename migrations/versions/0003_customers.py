"""Customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("billing_emails", postgresql.JSONB(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("tax_ids", postgresql.JSONB(), nullable=False),
        sa.Column("registration_number", sa.Text(), nullable=True),
        sa.Column("billing_address", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("shipping_address", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("contact", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("electronic_address", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("net_terms_days", sa.Integer(), nullable=True),
        sa.Column("tax_treatment", sa.Text(), nullable=False),
        sa.Column("exemption", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_customers_version_positive")),
        sa.CheckConstraint("currency IS NULL OR currency ~ '^[A-Z]{3}$'", name=op.f("ck_customers_currency_form")),
        sa.CheckConstraint(
            "tax_treatment IN ('standard', 'exempt', 'reverse_charge', 'intra_community_supply', "
            "'export', 'zero_rated', 'out_of_scope')",
            name=op.f("ck_customers_tax_treatment_known"),
        ),
        sa.CheckConstraint("type IN ('business', 'individual')", name=op.f("ck_customers_type_known")),
        sa.CheckConstraint("(email IS NULL) = (email_key IS NULL)", name=op.f("ck_customers_email_has_key")),
        sa.CheckConstraint("net_terms_days BETWEEN 0 AND 3650", name=op.f("ck_customers_net_terms_days_range")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_customers_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_customers")),
        sa.UniqueConstraint("organization_id", "email_key", name=op.f("uq_customers_organization_id_email_key")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_customers_organization_id_external_id")),
    )
    op.create_index(
        "ix_customers_organization_id_archived",
        "customers",
        ["organization_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("archived IS true"),
    )
    op.create_index(
        "ix_customers_organization_id_created_at", "customers", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index("ix_customers_organization_id_name", "customers", ["organization_id", "name", "id"], unique=False)
    op.create_index(
        "ix_customers_organization_id_updated_at", "customers", ["organization_id", "updated_at", "id"], unique=False
    )
    wall("customers")
    grant("customers")


def downgrade() -> None:
    op.drop_table("customers")
