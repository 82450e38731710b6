"""`/v1/events`: what happened, in order."""

from typing import Any

from billing_api.events import service
from billing_api.events.schemas import EventOutput, EventQuery
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
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

    Sequence numbers have no gaps. Keep the last one that you have handled and ask for what comes after it; with a
    filter, the numbers of what it leaves out are missing.
    """
    types = query["type"].split(",") if "type" in query else ()
    return sequence_page(*service.after(query["after"], query["limit"], types=types, object_id=query.get("object_id")))
