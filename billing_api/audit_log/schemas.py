"""What an entry of the audit log looks like from outside."""

from marshmallow import fields

from billing_api.domain.audit_actions import ACTIONS
from billing_api.events.schemas import Reference
from billing_api.web.fields import LINKS, Id, Instant, Schema, Text
from billing_api.web.pagination import PageQuery, sort_field

_ACTION = f"({'|'.join(ACTIONS)})"
_MEANING = f"What was done: {'; '.join(f'`{action}`: {meaning}' for action, meaning in ACTIONS.items())}."


class AuditFilter(PageQuery):
    """Which entries, in which order."""

    sort = sort_field("created_at")
    action = Text(
        820,
        pattern=rf"{_ACTION}(,{_ACTION}){{0,9}}",
        hint="Up to ten actions that there are, such as login.refused, with commas and no spaces between them.",
        metadata={"description": "One action, or up to ten with commas between.", "example": "login.refused"},
    )
    actor_id = Id(metadata={"description": "Who did it: a user, or an API key."})
    object_id = Id(metadata={"description": "What it was done to: a session, a user, a customer, ..."})
    created_from = Instant(metadata={"description": "Noted at this instant or later."})
    created_to = Instant(metadata={"description": "Noted at this instant or before."})


class AuditEntryOutput(Schema):
    """One deed, its doer by id, and where it was asked for."""

    id = Id(required=True)
    action = fields.String(required=True, metadata={"example": "session.created", "description": _MEANING})
    actor = fields.Nested(Reference, required=True)
    object = fields.Nested(Reference, required=True, allow_none=True)
    address = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)
    data = fields.Dict(required=True)
    created_at = Instant(required=True)
    links = fields.Function(lambda entry: {"self": f"/v1/audit-log/{entry.id}"}, metadata=LINKS)
