"""`/v1/events`: what happened, in order."""

from typing import Any

from flask import g

from billing_api.events import service
from billing_api.events.schemas import EventOutput, EventQuery
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import page_of

blueprint = Blueprint(
    "events", __name__, url_prefix="/v1/events", description="Every fact, once, in the order in which it came true."
)


@blueprint.route("")
@requires("events:read")
@blueprint.arguments(EventQuery(), location="query")
@blueprint.response(200, page_of(EventOutput(), "EventPage"))
def list(query: dict[str, Any]) -> dict[str, Any]:
    """List events after a sequence number

    Sequence numbers have no gaps. Keep the last one that you have handled and ask for what comes after it.
    """
    events, has_more = service.after(query["after"], query["limit"])
    cursor = str(events[-1].sequence) if has_more else None
    if cursor:
        g.next_link = f"/v1/events?after={cursor}&limit={query['limit']}"
    return {"data": events, "has_more": has_more, "next_cursor": cursor}
