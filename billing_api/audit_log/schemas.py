"""What an entry of the audit log looks like from outside."""

from marshmallow import fields

from billing_api.domain.audit_actions import ACTIONS
from billing_api.events.schemas import Reference
from billing_api.web.catalogued import Catalogued, meanings
from billing_api.web.fields import LINKS, Id, Instant, Schema
from billing_api.web.pagination import PageQuery, sort_field


class AuditFilter(PageQuery):
    """Which entries, in which order."""

    sort = sort_field("created_at")
    action = Catalogued(ACTIONS, "action", "login.refused")
    actor_id = Id(metadata={"description": "Who did it: a user, or an API key."})
    object_id = Id(metadata={"description": "What it was done to: a session, a user, a customer, ..."})
    created_from = Instant(metadata={"description": "Noted at this instant or later."})
    created_to = Instant(metadata={"description": "Noted at this instant or before."})


class AuditEntryOutput(Schema):
    """One deed, its doer by id, and where it was asked for."""

    id = Id(required=True)
    action = fields.String(
        required=True,
        metadata={"example": "session.created", "description": f"What was done: {meanings(ACTIONS)}."},
    )
    actor = fields.Nested(Reference, required=True)
    object = fields.Nested(Reference, required=True, allow_none=True)
    address = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)
    data = fields.Dict(required=True)
    created_at = Instant(required=True)
    links = fields.Function(lambda entry: {"self": f"/v1/audit-log/{entry.id}"}, metadata=LINKS)
