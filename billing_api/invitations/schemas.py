"""The forms of invitations."""

from marshmallow import fields

from billing_api.auth.schemas import password_field, session_field
from billing_api.domain.access import ROLES
from billing_api.web.bodies import Body
from billing_api.web.fields import LINKS, Choice, Email, Id, Instant, OneLine, Schema, Text
from billing_api.web.filters import statuses_field
from billing_api.web.pagination import PageQuery, sort_field

STATUSES = ("pending", "accepted", "expired")


class InvitationInput(Body):
    """Whom to invite, and as what."""

    examples = {
        "A bookkeeper": {"email": "grace@example.com", "role": "accountant", "name": "Grace Hopper"},
        "Only an address": {"email": "grace@example.com", "role": "viewer"},
    }

    email = Email(required=True)
    role = Choice(*ROLES, required=True)
    name = OneLine(255, load_default=None, metadata={"example": "Grace Hopper"})


class InvitationOutput(Schema):
    """An invitation, without its token, which is in the mail alone."""

    moves = True

    id = Id(required=True)
    email = fields.String(required=True)
    role = Choice(*ROLES, required=True)
    name = fields.String(required=True, allow_none=True)
    status = Choice(*STATUSES, required=True)
    expires_at = Instant(required=True)
    accepted_at = Instant(required=True, allow_none=True)
    user_id = Id(required=True, allow_none=True)
    invited_by_id = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Function(lambda invitation: {"self": f"/v1/invitations/{invitation.id}"}, metadata=LINKS)


class InvitationFilter(PageQuery):
    """Which invitations, in which order."""

    sort = sort_field("created_at")
    status = statuses_field(*STATUSES, example="pending")


class AcceptanceInput(Body):
    """The token of an invitation, and who accepts it."""

    examples = {
        "From the mail": {
            "token": "inv_4Vw0c0Zk1nB8m2pQ7rT5yU9xE3aL6sD0fG2hJ4kL8zX",
            "name": "Grace Hopper",
            "password": "correct horse battery staple",
        }
    }

    token = Text(128, required=True, metadata={"example": "inv_4Vw0..."})
    name = OneLine(255, load_default=None, metadata={"example": "Grace Hopper"})
    password = password_field(required=True)
    session = session_field()
