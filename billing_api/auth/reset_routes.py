"""`/v1/auth/password-reset`: a new password for those who have forgotten theirs."""

from typing import Any

from flask import current_app

from billing_api.auth import resets, service
from billing_api.auth.schemas import NewPasswordInput, ResetInput, ResetOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import public

blueprint = Blueprint(
    "password-resets", __name__, url_prefix="/v1/auth/password-reset", description="Set a forgotten password anew."
)

ANSWER = "If this is the address of an active user, a mail with a token is on its way to it."


@blueprint.route("", methods=["POST"])
@public()
@blueprint.arguments(ResetInput())
@blueprint.response(202, ResetOutput())
def request(values: dict[str, Any]) -> dict[str, str]:
    """Ask for a new password

    Mails a token to the address, if it is an active user's; the answer is the same for every address. A newer token
    ends the older ones. At most three are mailed in an hour.
    """
    service.request_reset(values["email"], current_app.config["BILLING_APP_URL"])
    return {"message": ANSWER}


@blueprint.route("/confirm", methods=["POST"])
@public()
@blueprint.arguments(NewPasswordInput())
@blueprint.response(204)
def confirm(values: dict[str, Any]) -> None:
    """Set a new password

    With the token from the mail, which works once, within an hour. Ends all sessions, and opens the address again where
    failed logins had closed it.
    """
    resets.confirm(values["token"], values["password"])
