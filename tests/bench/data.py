"""What is measured on: a PostgreSQL of its own, with organizations whose customers have invoices of three lines."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade

from billing_api import create_app
from billing_api.embedded import Addresses, EmbeddedPostgres
from config import Config
from tests.factories import Tenant, created, sign_up
from tests.schema import as_superuser
from tests.test_list_plans import COLUMNS
from tests.traits import fill_traits

CUSTOMERS_FOR = 10
"""One customer for so many invoices."""
LINES = [
    {"description": "Line item number 1", "quantity": "1.5", "unit_price": "10.00", "tax_rate": "20"},
    {"description": "Line item number 2", "quantity": "2", "unit_price": "15.00", "tax_rate": "20"},
    {"description": "Line item number 3", "quantity": "1", "unit_price": "20.00", "tax_rate": "20"},
]
STATES = ("draft", "open", "paid", "void")
VARIED = 20
"""So many organizations have invoices in each state; all further ones have open ones, which are made faster."""

# Ids that are known from a number: of invoices, of their customers, and of their lines by position.
ID = """
CREATE FUNCTION bench_id(kind text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT lpad(to_hex(1700000000000 + n), 12, '0') || '7000' || kind || lpad(to_hex(n), 12, '0') $$
"""
COPIES = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM (
    SELECT made.* FROM generate_series(%(first)s::bigint, %(last)s) n
    JOIN {table} one ON one.organization_id = %(tenant)s AND one.{key} = (%(models)s::uuid[])[1 + n %% %(states)s]
    {more}, LATERAL jsonb_populate_record(one, jsonb_build_object({values})) made
) rows
"""
INVOICE, LINE = "bench_id('8000', n)", "bench_id('90' || lpad(to_hex({}.position), 2, '0'), n)"
KINDS: tuple[tuple[str, str, str, str], ...] = (
    (
        "customers", "id", "",
        "'id', bench_id('8001', n), 'name', 'Customer number ' || n, 'email', 'customer' || n || '@example.com', "
        "'email_key', 'customer' || n || '@example.com', 'created_at', one.created_at - n * interval '61 seconds', "
        "'metadata', jsonb_build_object('tier', 'pro', 'crm_id', 'crm-' || n)",
    ),
    (
        "invoices", "id", "",
        f"'id', {INVOICE}, 'customer_id', bench_id('8001', %(first)s + (n - %(first)s) / {CUSTOMERS_FOR}), "
        "'number', CASE WHEN one.number IS NOT NULL THEN 'OLD-' || lpad(n::text, 8, '0') END, "
        "'number_key', CASE WHEN one.number IS NOT NULL THEN 'old-' || lpad(n::text, 8, '0') END, "
        "'sequence_value', CASE WHEN one.number IS NOT NULL THEN n + 1000000 END, "
        "'created_at', one.created_at - n * interval '11 seconds', "
        "'updated_at', one.updated_at - n * interval '11 seconds'",
    ),
    ("invoice_lines", "invoice_id", "", f"'id', {LINE.format('one')}, 'invoice_id', {INVOICE}"),
    (
        "invoice_line_taxes", "invoice_id",
        "JOIN invoice_lines line ON line.organization_id = one.organization_id AND line.id = one.line_id",
        f"'id', gen_random_uuid(), 'line_id', {LINE.format('line')}, 'invoice_id', {INVOICE}",
    ),
    ("invoice_tax_groups", "invoice_id", "", f"'id', gen_random_uuid(), 'invoice_id', {INVOICE}"),
)  # fmt: skip
"""What is copied: the table, the column that names its model, what else is read, and what is other in each copy."""


_AS_OPERATED = {"shared_buffers": "2GB", "max_wal_size": "4GB", "random_page_cost": "1.1"}
"""What a server for a database of this size would have."""


@dataclass(frozen=True)
class World:
    """What there is: who owns it, where it stands, and which process keeps it."""

    tenants: list[Tenant]
    config: Config
    addresses: Addresses
    folder: Path

    @property
    def postmaster(self) -> int:
        return int((self.addresses.data / "postmaster.pid").read_text().split()[0])


@contextmanager
def world(invoices: int, organizations: int) -> Iterator[World]:
    """So many invoices in so many organizations; everything is synced to the disk as in earnest."""
    folder = Path(tempfile.mkdtemp(prefix="billing-api-bench-"))
    folder.chmod(0o711)
    server, left = EmbeddedPostgres(folder, settings=_AS_OPERATED), [folder]
    try:
        addresses = server.start()
        # Whoever is root has them elsewhere.
        left.append(addresses.data)
        config = Config.from_env(_settings(addresses, folder))
        app = create_app(config)
        with app.app_context():
            upgrade()
        yield World(_filled(app, addresses, invoices, organizations), config, addresses, folder)
    finally:
        server.stop()
        for place in left:
            shutil.rmtree(place, ignore_errors=True)


def _settings(addresses: Addresses, folder: Path) -> dict[str, str]:
    """Ours, with limits that one client never reaches, and tokens that last."""
    return {
        "BILLING_ENV": "test",
        "INSTANCE": str(folder / "instance"),
        "DATABASE_URL": addresses.service,
        "MIGRATION_DATABASE_URL": addresses.owner,
        "BILLING_ACCESS_TOKEN_SECONDS": "86400",
        "BILLING_RATE_LIMIT_ADDRESS": "1000000",
        "BILLING_RATE_LIMIT": "1000000",
        "BILLING_LOG_LEVEL": "error",
    }


def _filled(app: Flask, addresses: Addresses, invoices: int, organizations: int) -> list[Tenant]:
    tenants = [sign_up(app) for _ in range(organizations)]
    of_each = invoices // organizations
    with as_superuser(addresses) as cursor:
        cursor.execute(ID)
        for at, tenant in enumerate(tenants):
            buyer, models = _models(tenant, STATES if at < VARIED else ("open",))
            # All triggers rest: what they would do for each row is done for all at once.
            cursor.execute("SET session_replication_role = replica")
            for table, key, more, values in KINDS:
                is_buyer = table == "customers"
                count = of_each // CUSTOMERS_FOR if is_buyer else of_each
                first = 1 + at * of_each
                given = {"tenant": str(tenant.organization_id), "first": first, "last": first + count - 1}
                given |= {"models": [buyer] if is_buyer else models, "states": 1 if is_buyer else len(models)}
                cursor.execute(COLUMNS, [table])
                words = {"table": table, "key": key, "more": more, "values": values}
                cursor.execute(COPIES.format(columns=cursor.fetchone()[0], **words), given)
        fill_traits(cursor)
        cursor.execute("VACUUM ANALYZE")
    return tenants


def _models(tenant: Tenant, states: tuple[str, ...]) -> tuple[str, list[str]]:
    """A customer, and an invoice in each of these states."""
    buyer = tenant.customer(metadata={"tier": "pro", "crm_id": "crm-1"})["id"]
    body: dict[str, Any] = {"customer_id": buyer, "currency": "EUR", "net_terms_days": 30, "lines": LINES}
    made = {
        state: created(tenant.post("/v1/invoices", {**body, "finalize": state != "draft"}))["id"] for state in states
    }
    if "paid" in made:
        tenant.payment(tenant.get(f"/v1/invoices/{made['paid']}").json)
    if "void" in made:
        assert tenant.post(f"/v1/invoices/{made['void']}/void", {"reason": "Wrong"}).status_code == 200
    return buyer, list(made.values())
