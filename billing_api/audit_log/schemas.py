"""What an entry of the audit log looks like from outside."""

import re
from typing import Any

from marshmallow import fields

from billing_api.domain.audit_actions import ACTIONS
from billing_api.events.schemas import Reference
from billing_api.web.fields import LINKS, Id, Instant, Schema, Text, refuse
from billing_api.web.pagination import PageQuery, sort_field

_ACTION = f"({'|'.join(map(re.escape, ACTIONS))})"
_KNOWN = f"^({_ACTION}(,{_ACTION}){{0,9}})$"
_WORD = "[a-z_.]{1,81}"
"""What can have been meant for an action, and is named where there is no such one."""
_MEANING = f"What was done: {'; '.join(f'`{action}`: {meaning}' for action, meaning in ACTIONS.items())}."


class Actions(Text):
    """Actions that there are, with commas between."""

    def __init__(self, **kwargs: Any) -> None:
        hint = "Up to ten actions such as login.refused belong here, with commas and no spaces between them."
        super().__init__(820, pattern=rf"{_WORD}(,{_WORD}){{0,9}}", hint=hint, shape={"pattern": _KNOWN}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        for word in text.split(","):
            if word not in ACTIONS:
                raise refuse("wrong-format", f"There is no action {word}, but {_instead_of(word)}.")
        return text


def _instead_of(word: str) -> str:
    """What there is instead of a word: all actions of the same object, or else the objects. All actions together would
    be read by nobody."""
    own = [action for action in ACTIONS if action.partition(".")[0] == word.partition(".")[0]]
    return ", ".join(own) or "such of " + ", ".join(dict.fromkeys(action.partition(".")[0] for action in ACTIONS))


class AuditFilter(PageQuery):
    """Which entries, in which order."""

    sort = sort_field("created_at")
    action = Actions(
        metadata={"description": "One action, or up to ten with commas between.", "example": "login.refused"}
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
