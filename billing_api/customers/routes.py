"""`/v1/customers`."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from billing_api.customers import anonymization, service
from billing_api.customers.models import Customer
from billing_api.customers.schemas import CustomerFilter, CustomerInput, CustomerOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.bulk import LARGEST_BODY, BulkOutput, BulkQuery, bulk_of, run
from billing_api.web.idempotency import forget_replies
from billing_api.web.including import on_customers
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version
from billing_api.web.references import refer
from billing_api.web.written import Writer, tells_cache

blueprint = Blueprint("customers", __name__, url_prefix="/v1/customers", description="Whom the organization sells to.")

refer("customer", Customer)

SORT_KEYS = {
    "created_at": SortKey(Customer.created_at, dt.datetime.fromisoformat),
    "updated_at": SortKey(Customer.updated_at, dt.datetime.fromisoformat),
    "name": SortKey(Customer.name, str),
}
LISTED = Writer("listed customer", CustomerOutput(), service.WHOLE.several)
"""How customers are written in lists."""
SHOWN = Writer("customer", CustomerOutput(), service.WHOLE.several, holds=lambda instant: instant)
"""How a customer is written by itself. Its last change counts beside its version: in a database that was restored, the
same version may come again."""
on_customers(service.show_beside)


@blueprint.route("")
@requires("customers:read")
@blueprint.arguments(CustomerFilter(), location="query")
@blueprint.response(200, page_of(LISTED.schema, "CustomerPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List customers

    Archived ones are left out unless `archived` is `true` or `any`.
    """
    return paginate(service.search, filters, SORT_KEYS, service.sought, LISTED)


@blueprint.route("", methods=["POST"])
@requires("customers:write", asks_first=False)
@blueprint.arguments(CustomerInput())
@blueprint.response(201, CustomerOutput())
def create(values: dict[str, Any]) -> Customer:
    """Create a customer

    Only `name` is needed; an invoice that is issued asks for a `billing_address` too.
    """
    return service.create(values)


@blueprint.route("/bulk", methods=["POST"], largest_body=LARGEST_BODY)
@requires("customers:write")
@blueprint.arguments(BulkQuery(), location="query")
@blueprint.arguments(bulk_of(CustomerInput, "CustomerBulkInput"))
@blueprint.response(200, BulkOutput())
def create_bulk(query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Create many customers

    Up to 1,000, in 16 MiB. Each is taken or refused by itself, as a POST of it would be; `results` says what became of
    each, in order. With `atomic=true` all are taken or none: then the refusals are the answer, with pointers such as
    `/items/3/email`.
    """
    return run(body["items"], CustomerInput(), service.create_several, atomic=query["atomic"], at_once=100)


@blueprint.route("/<uuid:customer_id>")
@requires("customers:read")
@blueprint.response(200, CustomerOutput())
@tells_cache
def read(customer_id: uuid.UUID) -> Any:
    """Read a customer

    Archived ones too.
    """
    return SHOWN.whole(customer_id, *service.read(customer_id))


@blueprint.route("/<uuid:customer_id>", methods=["PUT"])
@requires("customers:write")
@blueprint.arguments(CustomerInput())
@blueprint.response(200, CustomerOutput())
def replace(values: dict[str, Any], customer_id: uuid.UUID) -> Customer:
    """Replace a customer

    A member that is left out takes its default.
    """
    return service.edit(customer_id, lambda _: values, expected_version())


@blueprint.route("/<uuid:customer_id>", methods=["PATCH"])
@requires("customers:write")
@blueprint.edits(CustomerInput())
@blueprint.response(200, CustomerOutput())
def update(change: Callable[[Customer], dict[str, Any]], customer_id: uuid.UUID) -> Customer:
    """Change a customer

    Archive one with `{"archived": true}`.
    """
    return service.edit(customer_id, change, expected_version())


@blueprint.route("/<uuid:customer_id>", methods=["DELETE"])
@requires("customers:write")
@blueprint.response(204)
def delete(customer_id: uuid.UUID) -> None:
    """Delete a customer

    Only while no document names it; archive it otherwise.
    """
    service.delete(customer_id, expected_version())


@blueprint.route("/<uuid:customer_id>/anonymize", methods=["POST"])
@requires("customers:write")
@blueprint.response(200, CustomerOutput())
def anonymize(customer_id: uuid.UUID) -> Customer:
    """Anonymize a customer

    For good: name, addresses, e-mails, phone, contact, tax ids, keys, exemption and metadata are removed, and the
    customer is archived. Refused while drafts name the customer. Documents that were issued keep their buyer, as the
    law wants, and what is owed can still be paid. Stored replies about the customer are forgotten: a retry under one of
    their keys runs again.
    """
    customer = anonymization.anonymize(customer_id, expected_version())
    forget_replies(customer.id)
    return customer


@blueprint.route("/by-external-id/<key:external_id>", methods=["PUT"])
@requires("customers:write")
@blueprint.arguments(CustomerInput(exclude=("external_id",)))
@blueprint.response(200, CustomerOutput())
@blueprint.alt_response(201, schema=CustomerOutput(), description="Created.")
def upsert(values: dict[str, Any], external_id: str) -> Any:
    """Create or replace the customer with an external id

    For those who keep customers elsewhere: send it as often as you like, there is one customer for each of your keys.
    """
    customer, is_new = service.upsert(external_id, values, expected_version())
    return (customer, 201) if is_new else customer
