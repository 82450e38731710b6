"""What an event looks like from outside."""

from typing import Any

from marshmallow import fields

from billing_api.domain.event_types import EVENT_TYPES
from billing_api.web.catalogued import Catalogued, meanings
from billing_api.web.fields import LINKS, Id, Instant, IntegerText, Schema

_ADDRESSES = {
    "credit_note": "/v1/credit-notes/{}",
    "customer": "/v1/customers/{}",
    "invoice": "/v1/invoices/{}",
    "number_series": "/v1/number-series/{}",
    "organization": "/v1/organization",
    "payment": "/v1/payments/{}",
    "product": "/v1/products/{}",
    "refund": "/v1/refunds/{}",
    "tax_rate": "/v1/tax-rates/{}",
}
"""Where the objects of a kind stand; others have no address of their own."""


class EventQuery(Schema):
    """Which events: those after a sequence number, of some types, about one object."""

    after = IntegerText(0, 2**62, load_default=0, metadata={"description": "The last sequence number that you have."})
    limit = IntegerText(1, 100, load_default=50, metadata={"description": "Items on a page."})
    type = Catalogued(EVENT_TYPES, "type", "invoice.finalized")
    object_id = Id(metadata={"description": "What they are about: an invoice, a customer, ..."})


class Reference(Schema):
    """An object or an actor: its kind and its id."""

    type = fields.String(required=True)
    id = Id(required=True, allow_none=True)


def _links(event: Any) -> dict[str, str]:
    links = {"self": f"/v1/events?after={event.sequence - 1}&limit=1"}
    address = _ADDRESSES.get(event.object["type"])
    if address and not event.type.endswith(".deleted"):
        links["object"] = address.format(event.object["id"])
    return links


class EventOutput(Schema):
    """One fact, without personal data."""

    id = Id(required=True)
    sequence = fields.Integer(required=True)
    type = fields.String(
        required=True,
        metadata={"example": "invoice.finalized", "description": f"What came true: {meanings(EVENT_TYPES)}."},
    )
    object = fields.Nested(Reference, required=True)
    changed = fields.List(fields.String(), required=True)
    data = fields.Dict(
        required=True,
        metadata={"description": "What belongs to the fact, as its type says; amounts are in `currency`."},
    )
    actor = fields.Nested(Reference, required=True)
    request_id = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    links = fields.Function(_links, metadata=LINKS)
