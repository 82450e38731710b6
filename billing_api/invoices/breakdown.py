"""The rows of the tax breakdown."""

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing_api.belonging import Belonging
from billing_api.catalog.models import taxed
from billing_api.database import Amount, Model
from billing_api.domain.groups import Group
from billing_api.domain.money import plain
from billing_api.invoices.parts import amounts_in_range, of_invoice

if TYPE_CHECKING:
    from billing_api.invoices.models import Invoice


def shares_of(group: Group) -> list[dict[str, Any]]:
    """How the tax of a combined rate is shared by its components, as a row keeps it."""
    return [{"name": one.name, "rate": plain(one.rate), "tax_amount": one.tax_amount} for one in group.components]


class TaxGroupRow:
    """What a row of the tax breakdown says (EN 16931, BG-23), of an invoice as of a credit note."""

    position: Mapped[int] = mapped_column(sa.Integer)
    category: Mapped[str] = mapped_column(sa.Text)
    rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))
    name: Mapped[str | None] = mapped_column(sa.Text)
    taxable_amount: Mapped[Amount] = mapped_column()
    tax_amount: Mapped[Amount] = mapped_column()
    tax_amount_in_tax_currency: Mapped[Amount | None] = mapped_column()
    exemption_reason: Mapped[str | None] = mapped_column(sa.Text)
    exemption_reason_code: Mapped[str | None] = mapped_column(sa.Text)
    components_: Mapped[list[dict[str, Any]]] = mapped_column("components", JSONB)
    """`{name, rate, tax_amount}` of a combined rate: the rate as text, the amount in minor units."""

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        raise NotImplementedError

    @property
    def components(self) -> list[dict[str, Any]]:
        """How the tax of a combined rate is shared by its components, each beside its currency."""
        return [{**one, "currency": self.currency} for one in self.components_]


class InvoiceTaxGroup(TaxGroupRow, Belonging, Model):
    """A row of the tax breakdown of an invoice."""

    __tablename__ = "invoice_tax_groups"
    __table_args__ = (
        of_invoice(),
        sa.UniqueConstraint("organization_id", "invoice_id", "position"),
        sa.CheckConstraint("position >= 0", name="position_not_negative"),
        *taxed(),
        sa.CheckConstraint("coalesce(rate, 0) > 0 OR tax_amount = 0", name="no_tax_without_rate"),
        amounts_in_range("taxable_amount", "tax_amount", "tax_amount_in_tax_currency"),
    )

    invoice_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    invoice: Mapped["Invoice"] = relationship(back_populates="tax_breakdown", lazy="raise_on_sql")

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        return self.invoice.currency
