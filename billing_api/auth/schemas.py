"""The forms of sign-up, login and the credentials that they give."""

from typing import Any

from marshmallow import fields

from billing_api.organizations.schemas import OrganizationSummary
from billing_api.web.bodies import Body
from billing_api.web.fields import LINKS, Choice, Email, Id, Instant, OneLine, Schema, Text
from billing_api.web.lists import country_field, currency_field, time_zone_field
from billing_api.web.pagination import PageQuery, sort_field


def session_field() -> Choice:
    """How a session's tokens travel."""
    return Choice("token", "cookie", load_default="token")


def password_field(**kwargs: Any) -> Text:
    """A password: 12 characters at least (15 and a phrase are better), 128 at most."""
    shown = {"format": "password", "example": "correct horse battery staple"}
    return Text(128, 12, load_only=True, metadata=shown, **kwargs)


def present_password_field() -> Text:
    """A password to be compared, which is not judged by form."""
    return Text(1024, 0, required=True, metadata={"format": "password", "example": "correct horse battery staple"})


def code_field(**kwargs: Any) -> Text:
    """A code of the second factor to be compared, which is not judged by form."""
    return Text(64, 0, metadata={"example": "492039"}, **kwargs)


class SignUpInput(Schema):
    """A new organization and its owner."""

    examples = {
        "A German company": {
            "organization_name": "Analytical Engines",
            "country": "DE",
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "name": "Ada Lovelace",
            "email": "ada@example.com",
            "password": "correct horse battery staple",
        }
    }

    organization_name = OneLine(255, required=True, metadata={"example": "Analytical Engines"})
    country = country_field(required=True)
    currency = currency_field(required=True)
    time_zone = time_zone_field(load_default="UTC")
    name = OneLine(255, required=True, metadata={"example": "Ada Lovelace"})
    email = Email(required=True)
    password = password_field(required=True)
    session = session_field()


class LoginInput(Schema):
    """An e-mail address and its password, and of whom has a second factor a code. None is judged by form: a refusal is
    not to tell whether somebody has the address."""

    examples = {
        "The owner": {"email": "ada@example.com", "password": "correct horse battery staple"},
        "With a second factor": {
            "email": "ada@example.com",
            "password": "correct horse battery staple",
            "code": "492039",
        },
    }

    email = Text(1024, 0, required=True, metadata={"example": "ada@example.com"})
    password = present_password_field()
    code = code_field(load_default=None)
    session = session_field()


class RefreshInput(Body):
    """The refresh token to exchange; nothing where a cookie has it."""

    examples = {
        "The last one": {"refresh_token": "rt_4Vw0c0Zk1nB8m2pQ7rT5yU9xE3aL6sD0fG2hJ4kL8zX"},
        "The one in the cookie": {},
    }

    refresh_token = Text(128, load_default=None, metadata={"example": "rt_4Vw0..."})


class PasswordInput(Schema):
    """The present password, and the one that takes its place."""

    examples = {
        "A phrase": {"current_password": "correct horse battery staple", "new_password": "a ladder of nine green moons"}
    }

    current_password = present_password_field()
    new_password = password_field(required=True)


class UserOutput(Schema):
    """A person of the organization."""

    id = Id(required=True)
    email = fields.String(required=True)
    name = fields.String(required=True)
    role = Choice("viewer", "accountant", "admin", "owner", required=True)
    status = Choice("active", "disabled", required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Function(lambda user: {"self": "/v1/me"}, metadata=LINKS)


class GrantOutput(Schema):
    """The credentials of a session, and whom they are for. The refresh token is shown this once; where cookies have the
    tokens, neither is shown, and there is a `csrf_token`."""

    organization = fields.Nested(OrganizationSummary, required=True)
    user = fields.Nested(UserOutput, required=True)
    access_token = fields.String(required=True, allow_none=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    refresh_token = fields.String(required=True, allow_none=True)
    csrf_token = fields.String(required=True, allow_none=True)
    scope = fields.String(required=True, metadata={"example": "customers:read customers:write"})


class MeEdit(Body):
    """What people change about themselves."""

    patches = {"Another name": {"name": "Ada King"}}

    name = OneLine(255, required=True, metadata={"example": "Ada King"})


class ResetInput(Schema):
    """Who has forgotten their password. The address is not judged by form, so that every answer looks alike."""

    examples = {"The owner": {"email": "ada@example.com"}}

    email = Text(1024, 0, required=True, metadata={"example": "ada@example.com"})


class ResetOutput(Schema):
    """What happens next, whoever it is."""

    message = fields.String(required=True)


class NewPasswordInput(Schema):
    """The token that was mailed, and the new password."""

    examples = {
        "From the mail": {
            "token": "pr_4Vw0c0Zk1nB8m2pQ7rT5yU9xE3aL6sD0fG2hJ4kL8zX",
            "password": "a ladder of nine green moons",
        }
    }

    token = Text(128, required=True, metadata={"example": "pr_4Vw0..."})
    password = password_field(required=True)


class CredentialOutput(Schema):
    """What the request was made with."""

    type = Choice("access_token", "cookie", "api_key", required=True)
    session_id = Id(allow_none=True)
    client_id = fields.String(allow_none=True)
    csrf_token = fields.String(allow_none=True)


class MeOutput(Schema):
    """Whom a credential speaks for, and how far it reaches."""

    user = fields.Nested(UserOutput, required=True, allow_none=True)
    organization = fields.Nested(OrganizationSummary, required=True)
    scope = fields.String(required=True)
    credential = fields.Nested(CredentialOutput, required=True)


class SessionQuery(PageQuery):
    """In which order."""

    sort = sort_field("created_at")


class SessionOutput(Schema):
    """A session: one login, and the tokens that came of it."""

    id = Id(required=True)
    carrier = Choice("body", "cookie", required=True)
    address = fields.String(allow_none=True)
    user_agent = fields.String(attribute="agent", allow_none=True)
    created_at = Instant(required=True)
    last_used_at = Instant(allow_none=True)
    expires_at = Instant(allow_none=True)
    links = fields.Function(lambda session: {"self": f"/v1/me/sessions/{session.id}"}, metadata=LINKS)
