"""`/v1/me/second-factor`: what a person proves to have beside their password."""

from typing import Any

from flask import g

from billing_api.auth import enrolment
from billing_api.auth.enrolment import Begun, Standing
from billing_api.auth.second_factor_schemas import (
    BegunOutput,
    CodeInput,
    ProofInput,
    RecoveryCodesOutput,
    SecondFactorInput,
    SecondFactorOutput,
)
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires

blueprint = Blueprint(
    "second_factor",
    __name__,
    url_prefix="/v1/me/second-factor",
    description="An authenticator's code beside the password (TOTP, RFC 6238), and recovery codes.",
)


@blueprint.route("")
@requires(refusals=(403,))
@blueprint.response(200, SecondFactorOutput())
def read() -> Standing:
    """Read my second factor

    Whether I have one, whether the organization demands one, and how many recovery codes are left.
    """
    return enrolment.read(g.principal)


@blueprint.route("", methods=["POST"])
@requires(stores=False, matches=False, asks_first=False, refusals=(403, 409))
@blueprint.arguments(SecondFactorInput())
@blueprint.response(201, BegunOutput())
def begin(values: dict[str, Any]) -> tuple[Begun, int, dict[str, str]]:
    """Begin a second factor

    Gives a secret for an authenticator, which is SHA-1, six digits, thirty seconds. Nothing changes until a code of it
    was verified, and it may be begun again. Who has a second factor and sends a `code` of it changes to another
    authenticator; the old one holds until then.
    """
    begun = enrolment.start(g.principal, values["password"], values["code"])
    return begun, 201, {"Location": "/v1/me/second-factor"}


@blueprint.route("/verify", methods=["POST"])
@requires(stores=False, matches=False, asks_first=False, refusals=(403, 409))
@blueprint.arguments(CodeInput())
@blueprint.response(200, RecoveryCodesOutput())
def verify(values: dict[str, Any]) -> dict[str, list[str]]:
    """Verify a second factor

    From now on each login asks for a code. The recovery codes of before are dead. A session that was limited for want
    of a second factor reaches further once it is refreshed.
    """
    return {"recovery_codes": enrolment.verify(g.principal, values["code"])}


@blueprint.route("/recovery-codes", methods=["POST"])
@requires(stores=False, matches=False, asks_first=False, refusals=(403, 409))
@blueprint.arguments(ProofInput())
@blueprint.response(200, RecoveryCodesOutput())
def renew_recovery_codes(values: dict[str, Any]) -> dict[str, list[str]]:
    """Renew my recovery codes

    The old ones are dead at once.
    """
    return {"recovery_codes": enrolment.renew_codes(g.principal, values["password"], values["code"])}


@blueprint.route("/disable", methods=["POST"])
@requires(stores=False, matches=False, asks_first=False, refusals=(403, 409))
@blueprint.arguments(ProofInput())
@blueprint.response(204)
def disable(values: dict[str, Any]) -> None:
    """Disable my second factor

    The password alone opens a session from now on. While the organization demands a second factor it is refused.
    """
    enrolment.disable(g.principal, values["password"], values["code"])
