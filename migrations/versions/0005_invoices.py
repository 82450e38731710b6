"""Invoices and their parts, frozen once issued."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PARTS = {
    "invoice_lines": "",
    "invoice_line_taxes": "of_a_line",
    "invoice_adjustments": "of_a_line",
    "invoice_tax_groups": "",
}

# What money does to an issued invoice; everything else stands for ever. `issued_on` is computed from the date of issue,
# and only after this trigger has run.
FREEZE_INVOICE = """
CREATE FUNCTION freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    movable CONSTANT text[] := ARRAY[
        'status', 'version', 'updated_at', 'amount_paid', 'amount_credited',
        'paid_at', 'voided_at', 'marked_uncollectible_at', 'issued_on'
    ];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.status <> 'draft' AND to_jsonb(OLD) - movable = to_jsonb(NEW) - movable THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
END
$$
"""

# Once a statement and not once a row: a thousand lines ask once. FOR SHARE waits for a finalization that is under way,
# so that no part slips into an invoice while it is being issued. A whole that is gone takes its parts with it. A part
# counts to the invoice that it names and to the one of its line, and one that moves to the invoice that it leaves.
FREEZE_PARTS = """
CREATE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parts text := 'SELECT * FROM touched';
    wholes text := 'SELECT organization_id, invoice_id FROM parts';
    found record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        parts := parts || ' UNION ALL SELECT * FROM previous';
    END IF;
    IF TG_ARGV[0] = 'of_a_line' THEN
        wholes := wholes || ' UNION ALL SELECT l.organization_id, l.invoice_id FROM parts p '
            'JOIN invoice_lines l ON (l.organization_id, l.id) = (p.organization_id, p.line_id)';
    END IF;
    FOR found IN EXECUTE
        'WITH parts AS (' || parts || ') SELECT status FROM invoices i '
        'WHERE (i.organization_id, i.id) IN (' || wholes || ') FOR SHARE OF i'
    LOOP
        IF found.status <> 'draft' THEN
            RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "invoices",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("number_key", sa.Text(), nullable=True),
        sa.Column("series_id", sa.Uuid(), nullable=True),
        sa.Column("number_period", sa.Text(), nullable=True),
        sa.Column("sequence_value", sa.BigInteger(), nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column(
            "issued_on",
            sa.Date(),
            sa.Computed("coalesce(issue_date, '9999-12-31'::date)", persisted=True),
            nullable=False,
        ),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("net_terms_days", sa.Integer(), nullable=True),
        sa.Column("supply_date", sa.Date(), nullable=True),
        sa.Column("billing_period_start", sa.Date(), nullable=True),
        sa.Column("billing_period_end", sa.Date(), nullable=True),
        sa.Column("purchase_order_reference", sa.Text(), nullable=True),
        sa.Column("buyer_reference", sa.Text(), nullable=True),
        sa.Column("contract_reference", sa.Text(), nullable=True),
        sa.Column("project_reference", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("payment_terms", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("delivery", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("early_payment_discount", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("payment_instructions", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("preceding_invoices", postgresql.JSONB(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("subtotal", sa.BigInteger(), nullable=False),
        sa.Column("allowance_total", sa.BigInteger(), nullable=False),
        sa.Column("charge_total", sa.BigInteger(), nullable=False),
        sa.Column("total_without_tax", sa.BigInteger(), nullable=False),
        sa.Column("tax_total", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("prepaid_amount", sa.BigInteger(), nullable=False),
        sa.Column("rounding_amount", sa.BigInteger(), nullable=False),
        sa.Column("cash_rounding_increment", sa.BigInteger(), nullable=True),
        sa.Column("payable_amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("amount_credited", sa.BigInteger(), nullable=False),
        sa.Column("tax_currency", sa.Text(), nullable=True),
        sa.Column("exchange_rate", sa.Numeric(precision=20, scale=10), nullable=True),
        sa.Column("exchange_rate_date", sa.Date(), nullable=True),
        sa.Column("exchange_rate_source", sa.Text(), nullable=True),
        sa.Column("tax_total_in_tax_currency", sa.BigInteger(), nullable=True),
        sa.Column("seller", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("buyer", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("finalized_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("paid_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("voided_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("marked_uncollectible_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(status = 'draft') = (finalized_at IS NULL) AND (status = 'draft') = (number IS NULL) AND "
            "(number IS NULL) = (sequence_value IS NULL) AND (number IS NULL) = (number_key IS NULL)",
            name=op.f("ck_invoices_draft_has_no_number"),
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_invoices_currency_form")),
        sa.CheckConstraint(
            "status = 'draft' OR (issue_date IS NOT NULL AND seller IS NOT NULL AND buyer IS NOT NULL)",
            name=op.f("ck_invoices_issued_is_complete"),
        ),
        sa.CheckConstraint(
            "status = 'draft' OR payable_amount - amount_paid - amount_credited >= 0",
            name=op.f("ck_invoices_amount_due_not_negative"),
        ),
        sa.CheckConstraint(
            "amount_paid >= least(payable_amount, 0) AND amount_credited >= 0",
            name=op.f("ck_invoices_settled_not_negative"),
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'open', 'paid', 'uncollectible', 'void')", name=op.f("ck_invoices_status_known")
        ),
        sa.CheckConstraint(
            "billing_period_start <= billing_period_end", name=op.f("ck_invoices_billing_period_runs_forward")
        ),
        sa.CheckConstraint(
            "due_date IS NULL OR issue_date IS NULL OR due_date >= issue_date", name=op.f("ck_invoices_due_after_issue")
        ),
        sa.CheckConstraint(
            "subtotal BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "allowance_total BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "charge_total BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "total_without_tax BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "tax_total BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "total BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "prepaid_amount BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "rounding_amount BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "payable_amount BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "amount_paid BETWEEN -1000000000000000 AND 1000000000000000 AND "
            "amount_credited BETWEEN -1000000000000000 AND 1000000000000000",
            name=op.f("ck_invoices_amounts_in_range"),
        ),
        sa.CheckConstraint(
            "total_without_tax = subtotal - allowance_total + charge_total AND "
            "total = total_without_tax + tax_total AND "
            "payable_amount = total - prepaid_amount + rounding_amount",
            name=op.f("ck_invoices_sums_add_up"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_invoices_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "series_id"],
            ["number_series.organization_id", "number_series.id"],
            name=op.f("fk_invoices_organization_id_series_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_invoices_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("organization_id", "number_key", name=op.f("uq_invoices_organization_id_number_key")),
        sa.UniqueConstraint(
            "organization_id",
            "series_id",
            "number_period",
            "sequence_value",
            name=op.f("uq_invoices_organization_id_series_id_number_period_sequence_value"),
        ),
    )
    op.create_index(
        "ix_invoices_organization_id_created_at", "invoices", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_invoices_organization_id_customer_id",
        "invoices",
        ["organization_id", "customer_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_invoices_organization_id_due_date", "invoices", ["organization_id", "due_date", "id"], unique=False
    )
    op.create_index(
        "ix_invoices_organization_id_issued_on", "invoices", ["organization_id", "issued_on", "id"], unique=False
    )
    op.create_index(
        "ix_invoices_organization_id_status",
        "invoices",
        ["organization_id", "status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_invoices_organization_id_currency", "invoices", ["organization_id", "currency", "total", "id"], unique=False
    )
    op.create_index("ix_invoices_organization_id_total", "invoices", ["organization_id", "total", "id"], unique=False)
    op.create_index(
        "ix_invoices_organization_id_updated_at", "invoices", ["organization_id", "updated_at", "id"], unique=False
    )
    wall("invoices")
    grant("invoices")
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("order_line_reference", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=23, scale=8), nullable=False),
        sa.Column("gross_price", sa.Numeric(precision=23, scale=8), nullable=True),
        sa.Column("price_discount", sa.Numeric(precision=23, scale=8), nullable=True),
        sa.Column("base_quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("billing_period_start", sa.Date(), nullable=True),
        sa.Column("billing_period_end", sa.Date(), nullable=True),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("exemption_reason_code", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("allowance_total", sa.BigInteger(), nullable=False),
        sa.Column("charge_total", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("base_quantity > 0", name=op.f("ck_invoice_lines_base_quantity_positive")),
        sa.CheckConstraint(
            "billing_period_start <= billing_period_end", name=op.f("ck_invoice_lines_billing_period_runs_forward")
        ),
        sa.CheckConstraint(
            "gross IS NOT NULL OR net = amount - allowance_total + charge_total",
            name=op.f("ck_invoice_lines_net_adds_up"),
        ),
        sa.CheckConstraint("position BETWEEN 1 AND 1000", name=op.f("ck_invoice_lines_position_range")),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_lines_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_lines")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "position",
            name=op.f("uq_invoice_lines_organization_id_invoice_id_position"),
        ),
    )
    wall("invoice_lines")
    grant("invoice_lines")
    op.create_table(
        "invoice_line_taxes",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(category = 'O') = (rate IS NULL)", name=op.f("ck_invoice_line_taxes_only_out_of_scope_has_no_rate")
        ),
        sa.CheckConstraint(
            "category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M', 'B')",
            name=op.f("ck_invoice_line_taxes_category_known"),
        ),
        sa.CheckConstraint(
            "rate >= 0 AND (category <> 'S' OR rate > 0)", name=op.f("ck_invoice_line_taxes_rate_fits_category")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_line_taxes_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "line_id"],
            ["invoice_lines.organization_id", "invoice_lines.id"],
            name=op.f("fk_invoice_line_taxes_organization_id_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_line_taxes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_line_taxes")),
        sa.UniqueConstraint(
            "organization_id",
            "line_id",
            "position",
            name=op.f("uq_invoice_line_taxes_organization_id_line_id_position"),
        ),
    )
    op.create_index(
        "ix_invoice_line_taxes_organization_id_invoice_id",
        "invoice_line_taxes",
        ["organization_id", "invoice_id"],
        unique=False,
    )
    wall("invoice_line_taxes")
    grant("invoice_line_taxes")
    op.create_table(
        "invoice_adjustments",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=True),
        sa.Column("is_charge", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("base_amount", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("tax_category", sa.Text(), nullable=True),
        sa.Column("tax_rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("parts", postgresql.JSONB(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "tax_category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M', 'B')",
            name=op.f("ck_invoice_adjustments_tax_category_known"),
        ),
        sa.CheckConstraint(
            "line_id IS NULL OR tax_category IS NULL", name=op.f("ck_invoice_adjustments_tax_on_document_only")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_adjustments_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "line_id"],
            ["invoice_lines.organization_id", "invoice_lines.id"],
            name=op.f("fk_invoice_adjustments_organization_id_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_adjustments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_adjustments")),
    )
    op.create_index(
        "ix_invoice_adjustments_organization_id_invoice_id",
        "invoice_adjustments",
        ["organization_id", "invoice_id"],
        unique=False,
    )
    op.create_index(
        "ix_invoice_adjustments_organization_id_line_id",
        "invoice_adjustments",
        ["organization_id", "line_id"],
        unique=False,
    )
    wall("invoice_adjustments")
    grant("invoice_adjustments")
    op.create_table(
        "invoice_tax_groups",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("taxable_amount", sa.BigInteger(), nullable=False),
        sa.Column("tax_amount", sa.BigInteger(), nullable=False),
        sa.Column("tax_amount_in_tax_currency", sa.BigInteger(), nullable=True),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("exemption_reason_code", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(category = 'O') = (rate IS NULL)", name=op.f("ck_invoice_tax_groups_only_out_of_scope_has_no_rate")
        ),
        sa.CheckConstraint(
            "category IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M', 'B')",
            name=op.f("ck_invoice_tax_groups_category_known"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_tax_groups_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_tax_groups_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_tax_groups")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "position",
            name=op.f("uq_invoice_tax_groups_organization_id_invoice_id_position"),
        ),
    )
    wall("invoice_tax_groups")
    grant("invoice_tax_groups")
    op.execute(FREEZE_INVOICE)
    op.execute(
        "CREATE TRIGGER keep_frozen BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION freeze_invoice()"
    )
    op.execute(FREEZE_PARTS)
    for table, place in PARTS.items():
        _freeze(table, place)


def downgrade() -> None:
    op.drop_table("invoice_tax_groups")
    op.drop_table("invoice_adjustments")
    op.drop_table("invoice_line_taxes")
    op.drop_table("invoice_lines")
    op.drop_table("invoices")
    op.execute("DROP FUNCTION freeze_invoice")
    op.execute("DROP FUNCTION freeze_parts")


def _freeze(table: str, place: str) -> None:
    """Refuse every statement that touches a part of an issued invoice. A transition table serves one event, so there
    are three triggers."""
    for event, rows in (
        ("INSERT", "NEW TABLE AS touched"),
        ("UPDATE", "OLD TABLE AS previous NEW TABLE AS touched"),
        ("DELETE", "OLD TABLE AS touched"),
    ):
        op.execute(
            f"CREATE TRIGGER keep_frozen_{event.lower()} AFTER {event} ON {table} REFERENCING {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION freeze_parts('{place}')"
        )
