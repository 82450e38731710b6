"""`/v1/events`: what happened, in order."""

from typing import Any

from flask import g

from billing_api.events import service
from billing_api.events.schemas import EventOutput, EventQuery
from billing_api.web.api import Blueprint
from billing_api.web.auth import also_requires, requires
from billing_api.web.pagination import page_of, sequence_page

blueprint = Blueprint(
    "events", __name__, url_prefix="/v1/events", description="Every fact, once, in the order in which it came true."
)


@blueprint.route("")
@requires("events:read")
@blueprint.arguments(EventQuery(), location="query")
@blueprint.response(200, page_of(EventOutput(), "EventPage"))
def list(query: dict[str, Any]) -> dict[str, Any]:
    """List events after a sequence number

    You see the events about what you may read: those of an invoice with `invoices:read`, of people, their sessions and
    their invitations with `users:read`, of API keys with `api_keys:read`. Others are left out; to ask for such a `type`
    is refused. Sequence numbers have no gaps. Keep the last one that you have handled and ask for what comes after it;
    the numbers of what a filter or your scopes leave out are missing.
    """
    types = query["type"].split(",") if "type" in query else []
    also_requires(*service.scopes_of(types))
    after, limit, object_id = query["after"], query["limit"], query.get("object_id")
    return sequence_page(*service.after(after, limit, g.principal.kinds, types=types, object_id=object_id))
