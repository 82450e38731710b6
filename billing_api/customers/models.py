"""Customers: whom the organization sells to."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Model, Owned, Versioned
from billing_api.domain.treatment import TREATMENTS
from billing_api.errors import Conflict, Fault
from billing_api.traits import traits_of
from billing_api.violations import on_violation

ANONYMOUS = "Anonymized customer"
"""What a customer is called of whom nothing personal is known any more."""

_TREATMENTS = ", ".join(f"'{treatment}'" for treatment in TREATMENTS)


class CustomerEmailTaken(Conflict):
    """Another customer of the organization has this e-mail address; capitals do not count. Change that one, or leave
    the address out here."""

    code = "customer-email-taken"
    title = "Another customer has this e-mail address"


class CustomerExternalIdTaken(Conflict):
    """Another customer of the organization has this external id. `PUT /v1/customers/by-external-id/{external_id}`
    creates or replaces the one that has it."""

    code = "customer-external-id-taken"
    title = "Another customer has this external id"


class Customer(Owned, Versioned, Model):
    """A customer. `email_key` is the address folded for comparison."""

    __tablename__ = "customers"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "email_key"),
        sa.UniqueConstraint("organization_id", "external_id"),
        sa.CheckConstraint("type IN ('business', 'individual')", name="type_known"),
        sa.CheckConstraint(f"tax_treatment IN ({_TREATMENTS})", name="tax_treatment_known"),
        sa.CheckConstraint("currency IS NULL OR currency ~ '^[A-Z]{3}$'", name="currency_form"),
        sa.CheckConstraint("net_terms_days BETWEEN 0 AND 3650", name="net_terms_days_range"),
        sa.CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_has_key"),
        sa.CheckConstraint(
            f"anonymized_at IS NULL OR (archived AND name = '{ANONYMOUS}' AND num_nonnulls(legal_name, email, "
            "email_key, external_id, registration_number, billing_address, shipping_address, phone, contact, "
            "electronic_address, exemption) = 0 AND billing_emails = '[]' AND tax_ids = '[]' AND metadata = '{}')",
            name="anonymized_is_nobody",
        ),
        sa.Index("ix_customers_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index("ix_customers_organization_id_updated_at", "organization_id", "updated_at", "id"),
        sa.Index("ix_customers_organization_id_name", "organization_id", "name", "id"),
        sa.Index(
            "ix_customers_organization_id_archived",
            "organization_id",
            "created_at",
            "id",
            postgresql_where=sa.text("archived IS true"),
        ),
    )

    type: Mapped[str] = mapped_column(sa.Text, default="business")
    name: Mapped[str] = mapped_column(sa.Text(collation="C"))
    legal_name: Mapped[str | None] = mapped_column(sa.Text)
    email: Mapped[str | None] = mapped_column(sa.Text)
    email_key: Mapped[str | None] = mapped_column(sa.Text)
    billing_emails: Mapped[list[str]] = mapped_column(JSONB, default=list)
    external_id: Mapped[str | None] = mapped_column(sa.Text)
    tax_ids: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    registration_number: Mapped[str | None] = mapped_column(sa.Text)
    billing_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    phone: Mapped[str | None] = mapped_column(sa.Text)
    contact: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    electronic_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    currency: Mapped[str | None] = mapped_column(sa.Text)
    locale: Mapped[str | None] = mapped_column(sa.Text)
    net_terms_days: Mapped[int | None] = mapped_column(sa.Integer)
    tax_treatment: Mapped[str] = mapped_column(sa.Text, default="standard")
    exemption: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB, default=dict)
    archived: Mapped[bool] = mapped_column(default=False)
    anonymized_at: Mapped[Instant | None] = mapped_column()


CUSTOMER_TRAITS = traits_of("customer")

on_violation(
    "uq_customers_organization_id_email_key",
    lambda: CustomerEmailTaken(faults=[Fault("customer-email-taken", "Another customer has it.", "/email")]),
)
on_violation(
    "uq_customers_organization_id_external_id",
    lambda: CustomerExternalIdTaken(
        faults=[Fault("customer-external-id-taken", "Another customer has it.", "/external_id")]
    ),
)
