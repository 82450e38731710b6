"""The catalogue: what the organization sells, and the rates at which it is taxed."""

import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Model, Owned, Versioned, owned_by
from billing_api.domain.tax import CATEGORIES, Component, Exemption, RateRule, Tax
from billing_api.errors import Conflict, Fault
from billing_api.traits import traits_of
from billing_api.violations import on_violation

_CATEGORIES = ", ".join(f"'{code}'" for code in CATEGORIES)
_UNTAXED = ", ".join(f"'{code}'" for code, one in CATEGORIES.items() if one.rate_rule is RateRule.ZERO)


class ProductExternalIdTaken(Conflict):
    """Another product of the organization has this external id. Change that one, or leave the id out here."""

    code = "product-external-id-taken"
    title = "Another product has this external id"


def taxed(prefix: str = "") -> tuple[sa.CheckConstraint, ...]:
    """What a category demands of the rate beside it; the prefix is that of both columns."""
    category, rate = f"{prefix}category", f"{prefix}rate"
    fits = (
        f"{rate} BETWEEN 0 AND 1000 AND ({category} <> 'S' OR {rate} > 0) "
        f"AND ({category} NOT IN ({_UNTAXED}) OR {rate} = 0)"
    )
    return (
        sa.CheckConstraint(f"{category} IN ({_CATEGORIES})", name=f"{category}_known"),
        sa.CheckConstraint(f"({category} = 'O') = ({rate} IS NULL)", name="only_out_of_scope_has_no_rate"),
        sa.CheckConstraint(fits, name="rate_fits_category"),
    )


def _listed(table: str) -> tuple[sa.Index, ...]:
    """What a list needs that is sorted by name or by time and leaves out what is archived."""
    place = f"ix_{table}_organization_id"
    return (
        *(
            sa.Index(f"{place}_{name}", "organization_id", name, "id")
            for name in ("created_at", "updated_at", "name")
        ),
        sa.Index(
            f"{place}_archived", "organization_id", "created_at", "id", postgresql_where=sa.text("archived IS true")
        ),
    )  # fmt: skip


class TaxRate(Owned, Versioned, Model):
    """A tax by a name: category and percentage, the parts of a combined rate, and why no tax is charged."""

    __tablename__ = "tax_rates"
    __table_args__ = (*taxed(), *_listed("tax_rates"))

    name: Mapped[str] = mapped_column(sa.Text(collation="C"))
    category: Mapped[str] = mapped_column(sa.Text)
    rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))
    components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """`{name, rate}`, the rate as text."""
    exemption_reason: Mapped[str | None] = mapped_column(sa.Text)
    exemption_reason_code: Mapped[str | None] = mapped_column(sa.Text)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)
    archived: Mapped[bool] = mapped_column()

    @property
    def tax(self) -> Tax:
        """The tax that it puts on a line."""
        components = (Component(name=one["name"], rate=Decimal(one["rate"])) for one in self.components)
        return Tax(category=self.category, rate=self.rate, name=self.name, components=tuple(components))

    @property
    def exemption(self) -> Exemption:
        """The reason that comes with it."""
        return Exemption(reason=self.exemption_reason, code=self.exemption_reason_code)


class Product(Owned, Versioned, Model):
    """What is sold, as a line may take it over. Its tax is one of the organization's rates, or a category with its
    percentage, or left to the line."""

    __tablename__ = "products"
    __table_args__ = (
        owned_by("tax_rates", "tax_rate_id"),
        sa.UniqueConstraint("organization_id", "external_id"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        sa.CheckConstraint("base_quantity > 0", name="base_quantity_positive"),
        *taxed("tax_"),
        sa.CheckConstraint("tax_rate IS NULL OR tax_category IS NOT NULL", name="tax_rate_has_category"),
        sa.CheckConstraint("tax_rate_id IS NULL OR tax_category IS NULL", name="taxed_in_one_way"),
        *_listed("products"),
        sa.Index("ix_products_organization_id_sku", "organization_id", "sku", "created_at", "id"),
        sa.Index("ix_products_organization_id_tax_rate_id", "organization_id", "tax_rate_id", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(sa.Text(collation="C"))
    description: Mapped[str | None] = mapped_column(sa.Text)
    external_id: Mapped[str | None] = mapped_column(sa.Text)
    sku: Mapped[str | None] = mapped_column(sa.Text)
    unit: Mapped[str] = mapped_column(sa.Text)
    unit_price: Mapped[Decimal] = mapped_column(sa.Numeric(23, 8))
    """In the major unit, exact, for `base_quantity` units."""
    base_quantity: Mapped[Decimal] = mapped_column(sa.Numeric(20, 8))
    currency: Mapped[str] = mapped_column(sa.Text)
    prices_include_tax: Mapped[bool] = mapped_column()
    tax_rate_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    tax_category: Mapped[str | None] = mapped_column(sa.Text)
    tax_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)
    archived: Mapped[bool] = mapped_column()


PRODUCT_TRAITS = traits_of("product")

on_violation(
    "uq_products_organization_id_external_id",
    lambda: ProductExternalIdTaken(
        faults=[Fault("product-external-id-taken", "Another product has it.", "/external_id")]
    ),
)
