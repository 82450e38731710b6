"""What somebody who writes a document takes from the catalogue, in two statements whatever its size."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa

from billing_api.catalog.models import Product, TaxRate
from billing_api.database import Owned, db
from billing_api.errors import Fault
from billing_api.unit_of_work import unit


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The products and tax rates that were asked for, by id; those of the products too. What is missing is not there,
    or another tenant's. Those that are `excused` may be taken although they are archived."""

    products: dict[uuid.UUID, Product] = field(default_factory=dict)
    tax_rates: dict[uuid.UUID, TaxRate] = field(default_factory=dict)
    excused: Collection[uuid.UUID] = ()

    @property
    def has_archived(self) -> bool:
        """Whether there is any among them that no new line may name."""
        return any(one.archived for one in self.products.values()) or any(
            one.archived for one in self.tax_rates.values()
        )


Entry = TypeVar("Entry", bound=Owned)


def look_up(
    *,
    product_ids: Collection[uuid.UUID] = (),
    rate_ids: Collection[uuid.UUID] = (),
    excused: Collection[uuid.UUID] = (),
    keep: bool,
) -> Catalogue:
    """Find products and tax rates. With `keep` nobody deletes one of them before the commit, and nobody changes a
    rate: from then on it is in use, and what is in use is fixed."""
    products = _found(Product, product_ids, key_share=True, keep=keep)
    of_products = {one.tax_rate_id for one in products.values() if one.tax_rate_id is not None}
    return Catalogue(products, _found(TaxRate, {*rate_ids, *of_products}, key_share=False, keep=keep), excused)


def fault_of_rate(rate: TaxRate | None, pointer: str, excused: Collection[uuid.UUID] = ()) -> Fault | None:
    """Why a tax rate cannot be taken; `pointer` is where it is named, and those that are `excused` may be archived."""
    if rate is None:
        return Fault("tax-rate-not-found", "There is no such tax rate.", pointer)
    if rate.archived and rate.id not in excused:
        return Fault("tax-rate-archived", f"The tax rate {rate.id} is archived.", pointer)
    return None


def fault_of_product(product: Product | None, pointer: str, excused: Collection[uuid.UUID] = ()) -> Fault | None:
    """Why a product cannot be taken; `pointer` is where it is named, and those that are `excused` may be archived."""
    if product is None:
        return Fault("product-not-found", "There is no such product.", pointer)
    if product.archived and product.id not in excused:
        return Fault("product-archived", "This product is archived.", pointer)
    return None


def _found(model: type[Entry], ids: Collection[uuid.UUID], *, key_share: bool, keep: bool) -> dict[uuid.UUID, Entry]:
    if not ids:
        return {}
    # In the order of their ids, so that two who take the same ones never wait for each other in a ring.
    query = sa.select(model).where(model.organization_id == unit().tenant, model.id.in_(ids)).order_by(model.id)
    if keep:
        query = query.with_for_update(read=True, key_share=key_share).execution_options(populate_existing=True)
    return {row.id: row for row in db.session.scalars(query)}
