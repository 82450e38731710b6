"""What the addresses for operations answer."""

from marshmallow import fields

from billing_api.web.fields import Schema


class IndexOutput(Schema):
    """What this service is, and where everything is."""

    name = fields.String(required=True, metadata={"example": "billing_api"})
    version = fields.String(required=True, metadata={"example": "0.1.0"})
    links = fields.Dict(
        keys=fields.String(),
        values=fields.String(metadata={"description": "A path, or a template of one (RFC 6570)."}),
        required=True,
        metadata={"example": {"customers": "/v1/customers", "docs": "/docs"}},
    )


class LiveOutput(Schema):
    """The process answers."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})


class ReadyOutput(LiveOutput):
    """The service can work."""

    migration = fields.String(required=True, metadata={"example": "0007", "description": "Of the database."})


class KeyOutput(Schema):
    """A public key (RFC 8037)."""

    kty = fields.String(required=True, metadata={"enum": ["OKP"]})
    crv = fields.String(required=True, metadata={"enum": ["Ed25519"]})
    use = fields.String(required=True, metadata={"enum": ["sig"]})
    alg = fields.String(required=True, metadata={"enum": ["EdDSA"]})
    kid = fields.String(required=True, metadata={"description": "As in the header of a token.", "example": "0001"})
    x = fields.String(required=True, metadata={"description": "The key itself, base64url without padding."})


class KeySetOutput(Schema):
    """The public keys of this service (RFC 7517)."""

    keys = fields.List(fields.Nested(KeyOutput), required=True)


class ProblemPageOutput(Schema):
    """What a refusal means, and what to do about it."""

    code = fields.String(required=True, metadata={"example": "validation-failed"})
    title = fields.String(required=True, metadata={"example": "The request is invalid"})
    status = fields.Integer(
        required=True,
        metadata={"example": 422, "description": "The HTTP status; of a fault in a query or header it is always 400."},
    )
    detail = fields.String(required=True, metadata={"description": "What it means, and what to do."})
