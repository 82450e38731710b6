"""`/v1/tax-rates`."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from billing_api.catalog import tax_rate_service as service
from billing_api.catalog.models import TaxRate
from billing_api.catalog.schemas import TaxRateFilter, TaxRateInput, TaxRateOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version
from billing_api.web.references import refer

blueprint = Blueprint(
    "tax_rates", __name__, url_prefix="/v1/tax-rates", description="Taxes by name, for products and lines to refer to."
)

refer("tax rate", TaxRate)

SORT_KEYS = {
    "created_at": SortKey(TaxRate.created_at, dt.datetime.fromisoformat),
    "updated_at": SortKey(TaxRate.updated_at, dt.datetime.fromisoformat),
    "name": SortKey(TaxRate.name, str),
}


@blueprint.route("")
@requires("tax_rates:read")
@blueprint.arguments(TaxRateFilter(), location="query")
@blueprint.response(200, page_of(TaxRateOutput(), "TaxRatePage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List tax rates

    Archived ones are left out unless `archived` is `true` or `any`.
    """
    return paginate(service.search, filters, SORT_KEYS)


@blueprint.route("", methods=["POST"])
@requires("tax_rates:write")
@blueprint.arguments(TaxRateInput())
@blueprint.response(201, TaxRateOutput())
def create(values: dict[str, Any]) -> TaxRate:
    """Create a tax rate

    Category and percentage by a name; a combined rate with the components that add up to it; an exemption with its
    reason.
    """
    return service.create(values)


@blueprint.route("/<uuid:tax_rate_id>")
@requires("tax_rates:read")
@blueprint.response(200, TaxRateOutput())
def read(tax_rate_id: uuid.UUID) -> TaxRate:
    """Read a tax rate

    Archived ones too.
    """
    return service.read(tax_rate_id)


@blueprint.route("/<uuid:tax_rate_id>", methods=["PUT"])
@requires("tax_rates:write")
@blueprint.arguments(TaxRateInput())
@blueprint.response(200, TaxRateOutput())
def replace(values: dict[str, Any], tax_rate_id: uuid.UUID) -> TaxRate:
    """Replace a tax rate

    A member that is left out takes its default. Category, rate and components are fixed once something uses it.
    """
    return service.edit(tax_rate_id, lambda _: values, expected_version())


@blueprint.route("/<uuid:tax_rate_id>", methods=["PATCH"])
@requires("tax_rates:write")
@blueprint.edits(TaxRateInput())
@blueprint.response(200, TaxRateOutput())
def update(change: Callable[[TaxRate], dict[str, Any]], tax_rate_id: uuid.UUID) -> TaxRate:
    """Change a tax rate

    Category, rate and components are fixed once a product or a line uses it; archive it then, and create another.
    """
    return service.edit(tax_rate_id, change, expected_version())


@blueprint.route("/<uuid:tax_rate_id>", methods=["DELETE"])
@requires("tax_rates:write")
@blueprint.response(204)
def delete(tax_rate_id: uuid.UUID) -> None:
    """Delete a tax rate

    Only while nothing uses it; archive it otherwise.
    """
    service.delete(tax_rate_id, expected_version())
