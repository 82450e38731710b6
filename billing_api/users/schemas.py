"""The forms of the people of an organization."""

from marshmallow import fields

from billing_api.auth.schemas import UserOutput
from billing_api.domain.access import ROLES
from billing_api.web.bodies import Body
from billing_api.web.fields import LINKS, Choice, Email, OneLine
from billing_api.web.filters import statuses_field
from billing_api.web.pagination import PageQuery, sort_field


class MemberEdit(Body):
    """What of a person may be changed by others."""

    patches = {"Another role": {"role": "admin"}, "Keep out": {"status": "disabled"}}

    name = OneLine(255, required=True, metadata={"example": "Grace Hopper"})
    role = Choice(*ROLES, required=True)
    status = Choice("active", "disabled", required=True)


class MemberOutput(UserOutput):
    """A person, as their colleagues see them."""

    has_second_factor = fields.Boolean(required=True)
    links = fields.Function(lambda user: {"self": f"/v1/users/{user.id}"}, metadata=LINKS)


class MemberFilter(PageQuery):
    """Which people, in which order."""

    sort = sort_field("created_at")
    role = statuses_field(*ROLES, example="admin,owner")
    status = statuses_field("active", "disabled", example="active")
    email = Email()
