"""`/v1/products`."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from billing_api.catalog import product_service as service
from billing_api.catalog.models import Product
from billing_api.catalog.schemas import ProductFilter, ProductInput, ProductOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version
from billing_api.web.references import refer

blueprint = Blueprint(
    "products", __name__, url_prefix="/v1/products", description="What the organization sells, for lines to take over."
)

refer("product", Product)

SORT_KEYS = {
    "created_at": SortKey(Product.created_at, dt.datetime.fromisoformat),
    "updated_at": SortKey(Product.updated_at, dt.datetime.fromisoformat),
    "name": SortKey(Product.name, str),
}


@blueprint.route("")
@requires("products:read")
@blueprint.arguments(ProductFilter(), location="query")
@blueprint.response(200, page_of(ProductOutput(), "ProductPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List products

    Archived ones are left out unless `archived` is `true` or `any`.
    """
    return paginate(service.search, filters, SORT_KEYS, service.sought)


@blueprint.route("", methods=["POST"])
@requires("products:write")
@blueprint.arguments(ProductInput())
@blueprint.response(201, ProductOutput())
def create(values: dict[str, Any]) -> Product:
    """Create a product

    Lines that name it take over what they do not say themselves. Its tax is one of the `tax_rates`, or a category
    with its rate, or left to the line.
    """
    return service.create(values)


@blueprint.route("/<uuid:product_id>")
@requires("products:read")
@blueprint.response(200, ProductOutput())
def read(product_id: uuid.UUID) -> Product:
    """Read a product

    Archived ones too.
    """
    return service.read(product_id)


@blueprint.route("/<uuid:product_id>", methods=["PUT"])
@requires("products:write")
@blueprint.arguments(ProductInput())
@blueprint.response(200, ProductOutput())
def replace(values: dict[str, Any], product_id: uuid.UUID) -> Product:
    """Replace a product

    A member that is left out takes its default. Invoices that were written with it stay as they are.
    """
    return service.edit(product_id, lambda _: values, expected_version())


@blueprint.route("/<uuid:product_id>", methods=["PATCH"])
@requires("products:write")
@blueprint.edits(ProductInput())
@blueprint.response(200, ProductOutput())
def update(change: Callable[[Product], dict[str, Any]], product_id: uuid.UUID) -> Product:
    """Change a product

    Invoices that were written with it stay as they are; a draft takes the change over when it is saved again.
    """
    return service.edit(product_id, change, expected_version())


@blueprint.route("/<uuid:product_id>", methods=["DELETE"])
@requires("products:write")
@blueprint.response(204)
def delete(product_id: uuid.UUID) -> None:
    """Delete a product

    Only while no line names it; archive it otherwise.
    """
    service.delete(product_id, expected_version())
