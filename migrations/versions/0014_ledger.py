"""The books: sources of money, allocations, and double entries that are only ever added to."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, wall

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("sources", "allocations", "ledger_entries", "ledger_postings")

# All postings of an entry come in one statement, so that its balance is known when that ends.
BALANCE_ENTRIES = """
CREATE FUNCTION balance_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM touched GROUP BY organization_id, entry_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'an entry of the ledger sums to zero'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_balance', TABLE = 'ledger_postings';
    END IF;
    RETURN NULL;
END
$$
"""

# An allocation is made once and released once.
KEEP_ALLOCATION = """
CREATE TRIGGER keep_as_made BEFORE UPDATE ON allocations FOR EACH ROW
WHEN (OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
    OR (NEW.organization_id, NEW.id, NEW.source_id, NEW.invoice_id, NEW.amount, NEW.allocated_on, NEW.created_at)
    IS DISTINCT FROM
    (OLD.organization_id, OLD.id, OLD.source_id, OLD.invoice_id, OLD.amount, OLD.allocated_on, OLD.created_at))
EXECUTE FUNCTION refuse_return()
"""

# What a source is stands for ever; what became of its money moves.
KEEP_SOURCE = """
CREATE TRIGGER keep_as_made BEFORE UPDATE ON sources FOR EACH ROW
WHEN ((NEW.organization_id, NEW.id, NEW.type, NEW.customer_id, NEW.currency, NEW.dated_on, NEW.amount, NEW.created_at)
    IS DISTINCT FROM
    (OLD.organization_id, OLD.id, OLD.type, OLD.customer_id, OLD.currency, OLD.dated_on, OLD.amount, OLD.created_at))
EXECUTE FUNCTION refuse_return()
"""


# An issued invoice without its entries would be owed by nobody: the books begin before the first one is issued.
REFUSE_ISSUED = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM invoices WHERE status <> 'draft') THEN
        RAISE EXCEPTION 'invoices were issued before there were books: import them instead, into a new database';
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(REFUSE_ISSUED)
    _make_sources()
    _make_allocations()
    _make_entries()
    _make_postings()
    for table in TABLES:
        wall(table)
        grant(table, "SELECT, INSERT, UPDATE" if table in {"sources", "allocations"} else "SELECT, INSERT")
    op.execute(BALANCE_ENTRIES)
    op.execute(
        "CREATE TRIGGER entries_balance AFTER INSERT ON ledger_postings REFERENCING NEW TABLE AS touched "
        "FOR EACH STATEMENT EXECUTE FUNCTION balance_entries()"
    )
    op.execute(KEEP_ALLOCATION)
    op.execute(KEEP_SOURCE)
    for table in ("ledger_entries", "ledger_postings"):
        op.execute(
            f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION refuse_return()"
        )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("DROP FUNCTION balance_entries")


def _make_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("dated_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_allocated", sa.BigInteger(), nullable=False),
        sa.Column("amount_refunded", sa.BigInteger(), nullable=False),
        sa.Column("amount_reversed", sa.BigInteger(), nullable=False),
        sa.Column("amount_available", sa.BigInteger(), nullable=False),
        *_identity(),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        *_checks(
            "sources",
            {
                "type_known": "type IN ('payment', 'credit_note', 'invoice')",
                "currency_form": "currency ~ '^[A-Z]{3}$'",
                "amount_range": f"amount BETWEEN 0 AND {10**15}",
                "uses_not_negative": "least(amount_allocated, amount_refunded, amount_reversed) >= 0",
                "never_used_twice": "amount_available >= 0 "
                "AND amount_available = amount - amount_allocated - amount_refunded - amount_reversed",
                "version_positive": "version >= 1",
            },
        ),
        *_keys("sources", customer_id="customers"),
    )
    for name, columns in {
        "type_created_at": ("type", "created_at", "id"),
        "type_updated_at": ("type", "updated_at", "id"),
        "type_dated_on": ("type", "dated_on", "id"),
        "customer_id": ("customer_id", "type", "created_at", "id"),
    }.items():
        op.create_index(f"ix_sources_organization_id_{name}", "sources", ["organization_id", *columns])
    op.create_index(
        "ix_sources_organization_id_available",
        "sources",
        ["organization_id", "customer_id", "currency", "dated_on", "id"],
        postgresql_where=sa.text("amount_available > 0"),
    )


def _make_allocations() -> None:
    op.create_table(
        "allocations",
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("allocated_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("released_at", sa.TIMESTAMP(timezone=True), nullable=True),
        *_identity(),
        *_checks(
            "allocations",
            {"amount_positive": "amount > 0", "released_whole": "(released_at IS NULL) = (released_on IS NULL)"},
        ),
        *_keys("allocations", source_id="sources", invoice_id="invoices"),
    )
    for column in ("source_id", "invoice_id"):
        op.create_index(
            f"ix_allocations_organization_id_{column}", "allocations", ["organization_id", column, "created_at"]
        )


def _make_entries() -> None:
    types = (
        "'invoice_issued', 'invoice_voided', 'invoice_written_off', 'write_off_reversed', 'invoice_carried_over', "
        "'payment_received', 'payment_reversed', 'refund_paid', 'credit_note_issued', 'credit_applied', "
        "'credit_released'"
    )
    op.create_table(
        "ledger_entries",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("entry_date", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        *_identity(),
        *_checks("ledger_entries", {"type_known": f"type IN ({types})", "currency_form": "currency ~ '^[A-Z]{3}$'"}),
        *_keys("ledger_entries", customer_id="customers"),
    )
    for name, columns in {
        "created_at": ("created_at", "id"),
        "entry_date": ("entry_date", "id"),
        "customer_id": ("customer_id", "currency", "entry_date", "id"),
        "object_id": ("object_id", "created_at", "id"),
    }.items():
        op.create_index(f"ix_ledger_entries_organization_id_{name}", "ledger_entries", ["organization_id", *columns])


def _make_postings() -> None:
    accounts = (
        "'accounts_receivable', 'customer_credit', 'revenue', 'tax_payable', 'cash', 'prepayments', 'rounding', "
        "'bad_debt', 'opening_balance'"
    )
    op.create_table(
        "ledger_postings",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("tax_category", sa.Text(), nullable=True),
        sa.Column("tax_rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("tax_name", sa.Text(), nullable=True),
        *_identity(),
        *_checks(
            "ledger_postings",
            {
                "account_known": f"account IN ({accounts})",
                "amount_not_zero": "amount <> 0",
                "account_has_its_detail": "(invoice_id IS NOT NULL) = "
                "(account IN ('accounts_receivable', 'bad_debt', 'opening_balance')) "
                "AND (source_id IS NOT NULL) = (account = 'customer_credit') "
                "AND (method IS NOT NULL) = (account = 'cash') "
                "AND (tax_category IS NOT NULL) = (account = 'tax_payable')",
            },
        ),
        *_keys("ledger_postings", entry_id="ledger_entries", invoice_id="invoices", source_id="sources"),
        sa.UniqueConstraint(
            "organization_id",
            "entry_id",
            "position",
            name=op.f("uq_ledger_postings_organization_id_entry_id_position"),
        ),
    )
    for column in ("invoice_id", "source_id"):
        op.create_index(f"ix_ledger_postings_organization_id_{column}", "ledger_postings", ["organization_id", column])


def _identity() -> tuple[sa.Column[object], ...]:
    return sa.Column("organization_id", sa.Uuid(), nullable=False), sa.Column("id", sa.Uuid(), nullable=False)


def _checks(table: str, conditions: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in conditions.items()]


def _keys(table: str, **references: str) -> list[sa.Constraint]:
    return [
        *(
            sa.ForeignKeyConstraint(
                ["organization_id", column],
                [f"{target}.organization_id", f"{target}.id"],
                name=op.f(f"fk_{table}_organization_id_{column}"),
            )
            for column, target in references.items()
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    ]
