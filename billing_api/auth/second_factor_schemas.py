"""The forms of the second factor: taking it up, proving it, laying it down."""

from marshmallow import fields

from billing_api.auth.schemas import code_field, present_password_field
from billing_api.web.bodies import Body
from billing_api.web.fields import LINKS, Instant, Schema

_PASSWORD = "correct horse battery staple"  # noqa: S105 - an example of the document


class SecondFactorInput(Body):
    """The present password; and a code of the present second factor, to change to another authenticator."""

    examples = {
        "The first one": {"password": _PASSWORD},
        "Another authenticator": {"password": _PASSWORD, "code": "492039"},
    }

    password = present_password_field()
    code = code_field(load_default=None)


class CodeInput(Schema):
    """A code that the new authenticator shows."""

    examples = {"The code of now": {"code": "492039"}}

    code = code_field(required=True)


class ProofInput(Schema):
    """The present password and a code: of the authenticator, or a recovery code."""

    examples = {
        "By the authenticator": {"password": _PASSWORD, "code": "492039"},
        "By a recovery code": {"password": _PASSWORD, "code": "K7QX-2MPA-VD4T-JW3L"},
    }

    password = present_password_field()
    code = code_field(required=True)


class SecondFactorOutput(Schema):
    """Whether there is a second factor, and whether there must be one."""

    enrolled = fields.Boolean(required=True)
    enrolled_at = Instant(required=True, allow_none=True)
    recovery_codes_left = fields.Integer(required=True)
    required = fields.Boolean(required=True)
    links = fields.Function(lambda standing: {"self": "/v1/me/second-factor"}, metadata=LINKS)


class BegunOutput(Schema):
    """The secret of an authenticator, by itself and as its QR code has it. It is shown this once."""

    secret = fields.String(required=True)
    provisioning_uri = fields.String(required=True)


class RecoveryCodesOutput(Schema):
    """Ten codes that each let their user in once without the authenticator. They are shown this once."""

    recovery_codes = fields.List(fields.String(), required=True)
