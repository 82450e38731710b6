"""The life of a tax rate: its figures stand still as soon as something uses it."""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from billing_api.catalog.models import Product, TaxRate
from billing_api.database import db, find
from billing_api.errors import Conflict, Fault
from billing_api.events.service import record
from billing_api.filtering import filtered, flag, since
from billing_api.unit_of_work import unit
from billing_api.violations import on_violation


class TaxRateInUse(Conflict):
    """A product or a line of an invoice uses this tax rate, so it cannot be deleted, and its category, rate and
    components cannot change: what was written with it would say something else. Archive it and create another."""

    code = "tax-rate-in-use"
    title = "The tax rate is in use"


on_violation("fk_products_organization_id_tax_rate_id", TaxRateInUse)
on_violation("fk_invoice_line_taxes_organization_id_tax_rate_id", TaxRateInUse)

_FILTERS = {"archived": flag(TaxRate.archived), "updated_since": since(TaxRate.updated_at)}
_FIXED = ("category", "rate", "components")
_uses: list[Callable[[uuid.UUID], bool]] = []


def on_use(is_used: Callable[[uuid.UUID], bool]) -> Callable[[uuid.UUID], bool]:
    """Have a resource to the right, which this one does not know, tell whether it uses a tax rate."""
    _uses.append(is_used)
    return is_used


def create(values: Mapping[str, Any]) -> TaxRate:
    """Add a tax rate."""
    rate = TaxRate(**values)
    db.session.add(rate)
    db.session.flush()
    record("tax_rate.created", rate)
    return rate


def read(id: uuid.UUID) -> TaxRate:
    """A tax rate. Raises NotFound."""
    return find(TaxRate, id)


def edit(
    id: uuid.UUID, change: Callable[[TaxRate], Mapping[str, Any]], expected: Collection[int] | None = None
) -> TaxRate:
    """Change a tax rate to what `change` makes of it. Its row is locked before anybody is asked who uses it, and
    whoever begins to use it waits for that lock.

    Raises:
        NotFound, PreconditionFailed
        TaxRateInUse: category, rate or components would change although something uses them.
    """
    rate = find(TaxRate, id, lock=True, expected=expected)
    values = change(rate)
    changed = [name for name, value in values.items() if getattr(rate, name) != value]
    fixed = [name for name in _FIXED if name in changed]
    if fixed and _is_used(rate.id):
        raise TaxRateInUse(
            f"It is in use, so these stay as they are: {', '.join(fixed)}.",
            faults=[Fault("tax-rate-in-use", "It is fixed: the tax rate is in use.", f"/{name}") for name in fixed],
        )
    for name in changed:
        setattr(rate, name, values[name])
    if changed:
        record("tax_rate.updated", rate, changed=[name.rstrip("_") for name in changed])
        db.session.flush()
    return rate


def delete(id: uuid.UUID, expected: Collection[int] | None = None) -> None:
    """Delete a tax rate that nothing uses.

    Raises:
        NotFound, PreconditionFailed
        TaxRateInUse: through the foreign keys, so that no line made at the same moment is orphaned.
    """
    rate = find(TaxRate, id, lock=True, expected=expected)
    db.session.delete(rate)
    record("tax_rate.deleted", rate)
    db.session.flush()


def search(filters: Mapping[str, Any]) -> sa.Select[TaxRate]:
    """The query for the tax rates that match; archived ones only when asked for."""
    return filtered(sa.select(TaxRate).where(TaxRate.organization_id == unit().tenant), filters, _FILTERS)


@on_use
def _by_products(id: uuid.UUID) -> bool:
    named = sa.select(Product.id).where(Product.organization_id == unit().tenant, Product.tax_rate_id == id)
    return bool(db.session.scalar(sa.select(named.exists())))


def _is_used(id: uuid.UUID) -> bool:
    return any(is_used(id) for is_used in _uses)
