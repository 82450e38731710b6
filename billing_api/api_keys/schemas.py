"""The forms of API keys, and of the exchange of one for a token (RFC 6749)."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.access import SCOPES
from billing_api.web.bodies import Body, Several
from billing_api.web.fields import LINKS, Choice, Id, Instant, OneLine, Schema, Text
from billing_api.web.pagination import PageQuery, sort_field

_A_SCOPE = "A scope belongs here, such as invoices:read; `GET /v1/me` names yours."


def scopes_field(**kwargs: Any) -> Several:
    """What a key may do."""
    return Several(Choice(*sorted(SCOPES), hint=_A_SCOPE), len(SCOPES), 1, required=True, **kwargs)


class ApiKeyEdit(Body):
    """What of a key may be changed."""

    patches = {"Another name": {"name": "Nightly export"}}

    name = OneLine(255, required=True, metadata={"example": "Nightly export"})


class ApiKeyInput(ApiKeyEdit):
    """A new key."""

    examples = {
        "A shop that bills its orders": {
            "name": "Web shop",
            "scopes": ["customers:read", "customers:write", "invoices:read", "invoices:write"],
        },
        "An export that ends with the year": {
            "name": "Nightly export",
            "scopes": ["invoices:read", "reports:read"],
            "expires_at": "2099-12-31T23:00:00Z",
        },
    }

    scopes = scopes_field()
    expires_at = Instant(load_default=None)


class ApiKeyOutput(Schema):
    """A key, without its secret."""

    moves = True

    id = Id(required=True)
    name = fields.String(required=True)
    hint = fields.String(required=True)
    scopes = fields.List(Choice(*sorted(SCOPES), hint=_A_SCOPE), required=True)
    expires_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)
    last_used_at = Instant(allow_none=True)
    last_used_address = fields.String(allow_none=True)
    created_by_id = Id(allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Function(lambda key: {"self": f"/v1/api-keys/{key.id}"}, metadata=LINKS)


class NewApiKeyOutput(ApiKeyOutput):
    """A new key with its secret, which is shown this once."""

    secret = fields.String(required=True, allow_none=True)


class ApiKeyFilter(PageQuery):
    """Which keys, in which order."""

    sort = sort_field("created_at")
    revoked = Choice("true", "false", "any", load_default="false")


class TokenInput(Schema):
    """A request for a token by client credentials. What else a client sends along is passed over, as the RFC wants."""

    class Meta:
        unknown = ma.EXCLUDE

    examples = {
        "All scopes of the key": {
            "grant_type": "client_credentials",
            "client_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d51",
            "client_secret": "bk_q7Zt0c0Zk1nB8m2pQ7rT5yU9xE3aL6sD0fG2hJ4kL8z",
        },
        "Some, with the client in the header": {"grant_type": "client_credentials", "scope": "invoices:read"},
    }

    grant_type = Text(64, required=True, metadata={"example": "client_credentials"})
    scope = Text(4096, 0, load_default="", metadata={"example": "invoices:read"})
    client_id = Text(64, load_default=None, metadata={"example": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"})
    client_secret = Text(128, load_default=None, metadata={"format": "password"})


class TokenOutput(Schema):
    """An access token for a client (RFC 6749, section 5.1)."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(required=True)
    scope = fields.String(required=True, metadata={"example": "invoices:read"})
