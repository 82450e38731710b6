"""The life of a product: created, changed, archived, and deleted while no line names it."""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from billing_api.catalog.lookup import fault_of_rate, look_up
from billing_api.catalog.models import PRODUCT_TRAITS, Product
from billing_api.database import db, find
from billing_api.errors import Conflict, Invalid
from billing_api.events.service import record
from billing_api.filtering import equal, filtered, flag, since
from billing_api.organizations import service as organizations
from billing_api.searching import Search, Way, look_for
from billing_api.unit_of_work import unit
from billing_api.violations import on_violation


class ProductInUse(Conflict):
    """Lines of invoices name this product, so it must stay. Archive it instead: PATCH `{"archived": true}`."""

    code = "product-in-use"
    title = "Invoices name the product"


on_violation("fk_invoice_lines_organization_id_product_id", ProductInUse)

_FILTERS = {
    "archived": flag(Product.archived),
    "external_id": equal(Product.external_id),
    "sku": equal(Product.sku),
    "tax_rate_id": equal(Product.tax_rate_id),
    "updated_since": since(Product.updated_at),
}
_WAYS = (Way(PRODUCT_TRAITS),)


def create(values: Mapping[str, Any]) -> Product:
    """Add a product. A taken external id is refused by the database, also when two come at once.

    Raises:
        Invalid: its tax rate is not there, or archived.
    """
    _refuse_rate(values["tax_rate_id"])
    product = Product(**_row(values))
    db.session.add(product)
    db.session.flush()
    record("product.created", product)
    return product


def read(id: uuid.UUID) -> Product:
    """A product. Raises NotFound."""
    return find(Product, id)


def edit(
    id: uuid.UUID, change: Callable[[Product], Mapping[str, Any]], expected: Collection[int] | None = None
) -> Product:
    """Change a product to what `change` makes of it; invoices that were written with it stay as they are.

    Raises:
        NotFound, PreconditionFailed
        Invalid: the tax rate that it takes now is not there, or archived.
    """
    product = find(Product, id, lock=True, expected=expected)
    row = _row(change(product))
    if row["tax_rate_id"] != product.tax_rate_id:
        _refuse_rate(row["tax_rate_id"])
    changed = [name for name, value in row.items() if getattr(product, name) != value]
    for name in changed:
        setattr(product, name, row[name])
    if changed:
        record("product.updated", product, changed=[name.rstrip("_") for name in changed])
        db.session.flush()
    return product


def delete(id: uuid.UUID, expected: Collection[int] | None = None) -> None:
    """Delete a product that no line names.

    Raises:
        NotFound, PreconditionFailed
        ProductInUse: through the foreign key, so that no line made at the same moment is orphaned.
    """
    product = find(Product, id, lock=True, expected=expected)
    db.session.delete(product)
    record("product.deleted", product)
    db.session.flush()


def search(filters: Mapping[str, Any]) -> sa.Select[Product]:
    """The query for the products that match; archived ones only when asked for."""
    return filtered(sa.select(Product).where(Product.organization_id == unit().tenant), filters, _FILTERS)


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of names, article numbers and external ids, and metadata."""
    return look_for(filters, _WAYS)


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "currency": values["currency"] or organizations.current().default_currency}


def _refuse_rate(id: uuid.UUID | None) -> None:
    if id is None:
        return
    if fault := fault_of_rate(look_up(rate_ids={id}, keep=True).tax_rates.get(id), "/tax_rate_id"):
        raise Invalid(faults=[fault])
